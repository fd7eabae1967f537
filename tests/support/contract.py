"""Every method of conf/method/, small enough for tests."""

import copy
import inspect
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path

import yaml

from manyviews import build, config
from manyviews.schema import locate

# A file without a target of its own is another name of one that has it.
METHODS = sorted(
    file.name.removesuffix(".yaml")
    for file in files("manyviews.conf").joinpath("method").iterdir()
    if file.name.endswith(".yaml") and "_target_" in file.read_text()
)


def taking(*keys):
    """The methods whose constructor has parameters of these names."""

    def parameters(name):
        text = files("manyviews.conf").joinpath("method", f"{name}.yaml").read_text()
        return inspect.signature(locate(yaml.safe_load(text)["_target_"], "method")).parameters

    return [name for name in METHODS if {*keys} <= {*parameters(name)}]


# What a key of a method is made in tests; 32 columns are more than the rows of a batch.
WIDTHS = {
    "hidden_dim": 16,
    "projection_dim": 32,
    "prototypes": 8,
    "gate_embedding_dim": 8,
    "gate_hidden_dim": 16,
}
# What changes between steps, switched on.
STATEFUL = {
    "ivne": ["regularizers.vne.warmup_epochs=2.0", "regularizers.vne.final=-0.5"],
    "swav": ["method.queue_length=32", "method.queue_from_epoch=0", "method.freeze_steps=3"],
}
CONFIG_DIR = str(Path(__file__).parent / "conf")
QUIET = ["logger.wandb=null", "trainer.accelerator=cpu"]
IMAGES = ["data=stripes", "backbone=resnet_tiny"]
# Without dropout, whose noise differs between ranks.
TCN = [f"backbone.{k}={v}" for k, v in {"hidden_dim": 4, "depth": 2, "embedding_dim": 8}.items()]
PLAIN = ["data=waves", "backbone.dropout=0.0"]
SERIES = {
    "rebar": [*PLAIN, *TCN, "views.candidates.count=3", "method.temperature=0.5"],
    "rebar_retriever": [*PLAIN, "backbone.width=8", "method.mask_length=4"],
}
# Backbones of a few weights, and those whose embedding is one number.
SPECK = {name: [] for name in SERIES}
NUMBER = {"rebar": ["backbone.embedding_dim=1"], "rebar_retriever": []}


def speck(name):
    """Overrides that leave hardly a network."""
    return SPECK.get(name, ["backbone=speck"])


def number(name):
    """Overrides of an embedding of one number; none where the backbone has no such."""
    return NUMBER.get(name, ["backbone=speck", "backbone.width=1"])


def data_of(name):
    """Overrides of the data, backbone and views that a method can read."""
    more = [f"method.retriever={retriever()}"] if name == "rebar" else []
    return [*SERIES.get(name, IMAGES), *more, *QUIET]


@cache
def retriever():
    """Folder of a finished run of REBAR's first stage."""
    from manyviews import train

    folder = tempfile.mkdtemp()
    return train.pretrain([*overrides("rebar_retriever"), f"runs={folder}"], CONFIG_DIR).path


def small(name):
    """Overrides that make a method small, by the keys of its file."""
    file = files("manyviews.conf").joinpath("method", f"{name}.yaml")
    return [f"method.{k}={WIDTHS[k]}" for k in yaml.safe_load(file.read_text()) if k in WIDTHS]


def overrides(name, *more):
    """A small run of a method, in float32 and with one record per two steps."""
    return [
        *data_of(name),
        f"method={name}",
        *small(name),
        *STATEFUL.get(name, []),
        "batch_size=16",
        "epochs=3",
        "schedule.warmup_epochs=1",
        "trainer.precision=32-true",
        "trainer.log_every_n_steps=3",
        "save_every_n_steps=2",
        "evaluation=[knn]",
        "evaluation.knn.neighbours=[1,5]",
        "evaluation.knn.headline=5",
        *more,
    ]


# What is trained on several ranks: every method, and the states that SwAV can be in.
CASES = {
    "swav, queue": ("swav", ["method.freeze_steps=0"]),
    "swav, frozen": ("swav", ["method.queue_length=0", "method.freeze_steps=100"]),
    "swav, multi-crop": ("swav", ["views=multi_crop", "views.small.operations.crop.size=8"]),
    "swav, timm trunk": ("swav", ["backbone=timm/test_efficientnet"]),
    **{name: (name, []) for name in METHODS if name != "swav"},
}


def case_overrides(case, precision="64-true"):
    """A small run of a case at a learning rate that moves the weights."""
    name, more = CASES[case]
    return overrides(name, *more, f"trainer.precision={precision}", "optimizer.lr=0.003")


@cache
def _composed(config_dir, *overrides):
    return config.compose("pretrain", overrides, config_dir)[0]


def composed(name, config_dir, *more):
    """The config of a small method, batches of 8; composed once per session."""
    overrides = [*data_of(name), "batch_size=8", f"method={name}", *small(name), *more]
    return copy.deepcopy(_composed(config_dir, *overrides))


def made(name, config_dir, *more):
    """A small method and its data, batches of 8."""
    given = composed(name, config_dir, *more)
    data = build.data(given)
    return build.method(given, data), data


def batches(data, count):
    """The first batches of views."""
    loader = data.train_dataloader()
    return [data.make_batch(sample, 0) for sample, _ in zip(loader, range(count), strict=False)]
