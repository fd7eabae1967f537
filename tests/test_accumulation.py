"""Several batches per optimizer step: what a method does once per step, it does once."""

import pytest
import torch
from contract import METHODS, batches, made, overrides
from torch import nn

from manyviews import build, config
from manyviews.batch import Batch


def changes(name, pieces, config_dir):
    """In how many forwards, and gaps between them, each tensor changes over four optimizer steps.

    Left out: statistics of batch norms, which every forward renews.
    """
    more = ["epochs=1", f"trainer.accumulate_grad_batches={pieces}"]
    composed, _ = config.compose("pretrain", overrides(name, *more), config_dir)
    data = build.data(composed)
    method = build.method(composed, data)
    norms = [m for m in method.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    renewed = {id(buffer) for norm in norms for buffer in norm.buffers()}
    watched = {n: t for n, t in method.state_dict(keep_vars=True).items() if id(t) not in renewed}
    before = {n: t.detach().clone() for n, t in watched.items()}
    found, step = dict.fromkeys(watched, 0), method.step

    def look():
        for n, t in watched.items():
            found[n] += not torch.equal(before[n], t)
            before[n].copy_(t.detach())

    def watched_step(batch):
        look()
        output = step(batch)
        look()
        return output

    method.step = watched_step
    build.trainer(composed, []).fit(method, datamodule=data)
    return found


@pytest.mark.parametrize("name", METHODS)
def test_every_act_of_a_step_happens_once_whatever_the_pieces(name, config_dir):
    whole = changes(name, 1, config_dir)
    assert any(whole.values())
    assert changes(name, 2, config_dir) == whole


@pytest.mark.parametrize("name", METHODS)
def test_a_method_says_whether_its_loss_compares_rows(name, config_dir):
    method, data = made(name, config_dir, "++regularizers.vne=null")
    method, batch = method.double().eval(), batches(data, 1)[0]
    with torch.no_grad():
        whole, *halves = (
            method.step(
                Batch(
                    [v[rows].double() for v in batch.views],
                    batch.label[rows],
                    torch.arange(8)[rows],
                )
            ).loss
            for rows in (slice(0, 8), slice(0, 4), slice(4, 8))
        )
    assert torch.isclose(sum(halves) / 2, whole, rtol=1e-9) == (not method.compares_rows)
