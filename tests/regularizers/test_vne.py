import math

import pytest
import torch
from contract import batches, made

from manyviews.batch import Output
from manyviews.errors import ConfigError
from manyviews.regularizers import VNE, Regularizer

EYE, ONES = torch.eye(4), torch.ones(4, 4)


def output(embedding, projection):
    return Output(torch.zeros(()), torch.stack(embedding), torch.stack(projection), {})


def test_it_is_the_mean_over_the_views_of_the_negative_entropy():
    mixed = output([EYE, ONES], [EYE, EYE])
    assert float(VNE(0.1, "embedding")(mixed)) == pytest.approx(-math.log(4) / 2, abs=1e-5)
    assert float(VNE(0.1, "projection")(mixed)) == pytest.approx(-math.log(4), abs=1e-5)


def test_it_reads_the_projection_unless_told_otherwise():
    assert float(VNE(0.1)(output([EYE], [ONES]))) == pytest.approx(0, abs=1e-5)


def test_it_is_a_regularizer():
    assert isinstance(VNE(0.1), Regularizer) and VNE(0.1).weight == 0.1


def weights(*more, config_dir, steps):
    """Return the weights of the term at these steps, of five epochs of eight, as logged."""
    method, data = made("byol", config_dir, "regularizer=vne", "regularizers.vne.weight=0.5", *more)
    output, found = method.step(batches(data, 1)[0]), []
    method.total_steps, method.steps_per_epoch = 40, 8.0
    for step in steps:
        type(method).global_step = step
        total, logs = method.total_loss(output)
        found.append(float(logs["train/weight/vne"]))
        expected = output.loss + found[-1] * logs["train/loss/vne"]
        torch.testing.assert_close(total, expected)
    return found


def test_its_weight_rises_and_falls_as_a_function_of_the_step(config_dir, monkeypatch):
    from manyviews.methods.byol import BYOL

    monkeypatch.setattr(BYOL, "global_step", 0)
    steady = weights(config_dir=config_dir, steps=(0, 20, 39))
    assert steady == [0.5, 0.5, 0.5]
    rising = "regularizers.vne.warmup_epochs=2.0"
    found = weights(rising, config_dir=config_dir, steps=(0, 4, 16, 28, 39))
    assert found == [0.0, 0.125, 0.5, 0.5, 0.5]
    turning = weights(rising, "regularizers.vne.final=-1.0", config_dir=config_dir, steps=(28, 40))
    assert turning == pytest.approx([0.0, -0.5])


def test_a_negative_warmup_is_refused():
    with pytest.raises(ConfigError, match=r"^vne warmup_epochs=-1; allowed: 0 or more"):
        VNE(0.1, warmup_epochs=-1)
