import functools

import pytest
import pytorch_lightning as pl
import small_series
import torch

from manyviews.backbones.rebar.cross_attention import CrossAttention
from manyviews.errors import ConfigError
from manyviews.methods.rebar_retriever import RebarRetriever
from manyviews.optim import WarmupCosine


def method(mask_length=5, backbone=None, **options):
    torch.manual_seed(0)
    made = RebarRetriever(
        backbone or CrossAttention(2, width=8, blocks=1, kernel=5),
        seed=0,
        mask_length=mask_length,
        **options,
    )
    made.train_with(
        optimizer=functools.partial(torch.optim.Adam, lr=0.01),
        schedule=WarmupCosine(warmup_epochs=0.0, final=1.0),
    )
    return made


def trainer(epochs, **more):
    options = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False}
    quiet = {"enable_progress_bar": False, "enable_model_summary": False}
    return pl.Trainer(max_epochs=epochs, **options, **quiet, **more)


def test_the_error_of_what_was_hidden_falls():
    data = small_series.data(small_series.windows())
    learning = method()
    batch = data.batch(torch.arange(8), 0)
    before = learning.step(batch).loss.detach()
    trainer(epochs=8).fit(learning, datamodule=data)
    learning.eval()
    after = learning.step(batch).loss.detach()
    assert after < 0.5 * before


def test_a_sum_is_the_mean_times_the_entries_that_were_hidden():
    batch = small_series.data(small_series.windows()).batch(torch.arange(8), 0)
    mean, total = (method(reduction=r).eval().step(batch).loss.detach() for r in ("mean", "sum"))
    torch.testing.assert_close(total, mean * 8 * 2 * 5)


def test_what_was_not_measured_is_neither_rebuilt_nor_a_reason_to_stop():
    batch = small_series.data(small_series.windows()).batch(torch.arange(8), 0)
    batch.views[0][2, 1] = torch.nan
    output = method().step(batch)
    output.loss.backward()
    assert output.loss.isfinite() and output.embedding.isfinite().all()


@pytest.mark.parametrize("length", [16, 17])
def test_a_mask_that_hides_all_is_refused(length):
    batch = small_series.data(small_series.windows()).batch(torch.arange(8), 0)
    with pytest.raises(ConfigError, match=f"mask_length={length} of windows of 16 .* 1 to 15"):
        method(mask_length=length).step(batch)


def test_another_backbone_is_refused():
    with pytest.raises(ConfigError, match="not Convolution; type backbone=cross_attention"):
        method(backbone=small_series.Convolution())
