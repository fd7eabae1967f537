import pytorch_lightning as pl
import torch

from manyviews import draws
from manyviews.callbacks.noise import Noise


class Numbers(pl.Callback):
    def __init__(self):
        self.found = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.found.append(torch.rand(3))


def test_each_step_draws_what_torch_draws_from_its_seed(fit):
    fit(Noise(5), numbers := Numbers())
    assert len(numbers.found) == 8
    for step, found in enumerate(numbers.found):
        generator = torch.Generator().manual_seed(draws.step_seed(5, step, 0))
        assert torch.equal(found, torch.rand(3, generator=generator))
