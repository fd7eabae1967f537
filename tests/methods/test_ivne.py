import math

import contract
import pytest

from manyviews import build, config


def test_cosine_and_entropy_reach_equally_far_and_the_slot_has_weight_one(config_dir):
    crop = "views.small.operations.crop.size=8"
    composed, _ = config.compose("pretrain", contract.overrides("ivne", crop), config_dir)
    data = build.data(composed)
    method = build.method(composed, data)
    batch = data.make_batch(next(iter(data.loader())), 0)
    total, logs = method.total_loss(method.step(batch))
    logs = {name: float(value.detach()) for name, value in logs.items()}
    weight = math.log(min(16, 32))  # of batch and width in these tests
    assert logs["train/loss/method"] == pytest.approx(-weight * logs["train/loss/cosine"])
    entropy = logs["train/weight/vne"] * logs["train/loss/vne"]
    assert float(total.detach()) == pytest.approx(logs["train/loss/method"] + entropy, rel=1e-6)
    assert composed["regularizers"]["vne"]["weight"] == 1.0
