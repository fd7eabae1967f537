"""Half precision: the losses of all methods are near those of float32, and stay finite."""

import copy

import pytest
import pytorch_lightning as pl
import torch
from contract import METHODS, SERIES, batches, made, overrides

from manyviews import build, config

# A hundred steps a second: hardly a network, views that are crops alone.
TINY = ["backbone=speck", "data.size=8", "data.count=800", "batch_size=8", "epochs=2"]
PLAIN = [f"views.large.operations.{name}.probability=0.0" for name in ("flip", "jitter")]
TINY += ["views=two_crops", *PLAIN]
OF_SERIES = ["data.bouts=50", "batch_size=8", "epochs=2"]


@pytest.mark.parametrize("name", METHODS)
def test_loss_under_bf16_autocast_is_float32_and_near_its_value(name, config_dir):
    method, data = made(name, config_dir)
    batch, state = batches(data, 1)[0], copy.deepcopy(method.state_dict())
    with torch.no_grad():
        full = method.step(batch).loss
        method.load_state_dict(state)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = method.step(batch).loss
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, full, rtol=1e-2, atol=1e-2)


class Losses(pl.Callback):
    """Of every step."""

    def __init__(self):
        self.seen = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.seen.append(outputs["loss"].detach())


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_200_steps_in_bf16_stay_finite(name, config_dir):
    some = OF_SERIES if name in SERIES else TINY
    tiny = overrides(name, *some, "trainer.precision=bf16-mixed")
    composed, _ = config.compose("pretrain", tiny, config_dir)
    data, losses = build.data(composed), Losses()
    method = build.method(composed, data)
    build.trainer(composed, [losses]).fit(method, datamodule=data)
    assert len(losses.seen) == 200
    assert torch.stack(losses.seen).isfinite().all()
    assert all(value.isfinite().all() for value in method.state_dict().values())
