"""Subjects whose features are those of a small random backbone on a small data set."""

from manyviews import build, config
from manyviews.evaluation.features import extract
from manyviews.evaluation.subject import Network, Subject


def network(config_dir, *more):
    """A backbone with random weights and its data, `data=stripes` unless another is chosen."""
    overrides = [*({"data=stripes", "backbone=resnet_tiny"} if not more else more), "batch_size=16"]
    composed, _ = config.compose("pretrain", overrides, config_dir)
    data = build.data(composed)
    return Network(lambda: build.backbone(composed, data).eval(), data)


def subject(one):
    """The features of a network."""
    train, test = (extract(one.build(), one.data.clean(s)) for s in ("train", "test"))
    return Subject(train, test, 2, network=one)
