import copy
import functools

import numpy as np
import pytest
import pytorch_lightning as pl
import small_series
import torch

from manyviews.backbones.rebar.cross_attention import CrossAttention
from manyviews.errors import ConfigError
from manyviews.losses import retrieval_contrast
from manyviews.method import Examples
from manyviews.methods.rebar import Rebar
from manyviews.optim import WarmupCosine

COUNT = 4  # K


def method(retrieving=True, **options):
    torch.manual_seed(0)
    made = Rebar(
        small_series.Convolution(),
        seed=0,
        retriever=CrossAttention(2, width=8, blocks=1, kernel=5) if retrieving else None,
        **options,
    )
    made.train_with(
        optimizer=functools.partial(torch.optim.SGD, lr=0.1),
        schedule=WarmupCosine(warmup_epochs=0.0, final=1.0),
    )
    return made


def data(batch_size=8):
    return small_series.data(small_series.candidates(COUNT), batch_size)


def batch():
    return data().batch(torch.arange(8), 0)


class Weights(pl.Callback):
    """The encoder's weights at the start and behind every optimizer step."""

    def __init__(self):
        self.seen = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if not self.seen:
            self.keep(pl_module)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step == len(self.seen):
            self.keep(pl_module)

    def keep(self, pl_module):
        encoder = pl_module.encoder or pl_module.backbone
        self.seen.append(copy.deepcopy(dict(encoder.named_parameters())))


def trained(learning, **more):
    """All weights of the encoder on the way."""
    weights = Weights()
    options = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False}
    quiet = {"enable_progress_bar": False, "enable_model_summary": False}
    pl.Trainer(max_epochs=2, callbacks=[weights], **options, **quiet, **more).fit(
        learning, datamodule=data()
    )
    return weights.seen


def test_it_is_the_contrast_of_the_candidates_that_are_rebuilt_best():
    learning, some = method(), batch()
    output, positive = learning.step(some), learning.distances(some).argmin(0)
    embedding = learning.get_submodule("encoder")(torch.cat(some.views))
    torch.testing.assert_close(output.embedding.flatten(0, 1), embedding)
    anchor, *candidates = output.embedding
    options = {"temperature": 0.1, "between_weight": 0.5}
    expected = retrieval_contrast(anchor, torch.stack(candidates), positive, **options)
    torch.testing.assert_close(output.loss, sum(expected))
    divided = method(divide_by_batch=True).step(some).loss
    torch.testing.assert_close(divided, output.loss / 8)


def test_the_measure_learns_nothing_and_drops_nothing():
    learning = method().train()
    assert not any(module.training for module in learning.retriever.modules())
    some = batch()
    assert torch.equal(learning.distances(some), learning.distances(some))
    learning.step(some).loss.backward()
    assert all(p.grad is None for p in learning.retriever.parameters())
    assert all(p.grad is not None for p in learning.encoder.parameters())


def test_a_shared_mask_gives_equal_candidates_equal_distances():
    some = batch()
    some.views[2] = some.views[1].clone()
    found = {s: method(mask_sharing=s).distances(some)
             for s in ("shared", "per_candidate", "per_anchor")}  # fmt: skip
    for sharing, distance in found.items():
        assert torch.equal(distance[0], distance[1]) == (sharing != "per_candidate")
    assert not torch.equal(found["shared"], found["per_anchor"])


def test_every_source_of_positives_chooses_what_its_name_says():
    some = batch()
    some.views[3] = some.views[0].roll(3, -1)
    label = some.view_label
    for positives in ("sliding_mse", "spectrum"):
        learning = method(retrieving=False, positives=positives)
        assert (learning.distances(some).argmin(0) == 2).sum() > 4
    oracle = method(retrieving=False, positives="oracle").step(some).logs
    # of a person's candidates none may have the anchor's state
    possible = ((label[1:] == label[0]) & (label[0] >= 0)).any(0).sum() / (label[0] >= 0).sum()
    torch.testing.assert_close(oracle["health/positive_precision"], possible)
    random = method(retrieving=False, positives="random").step(some).logs
    assert random["health/positive_precision"] < possible


def test_the_average_weighs_every_step_and_the_random_start_the_same():
    learning = method()
    seen = trained(learning)
    assert len(seen) > 10
    for name, p in learning.backbone.named_parameters():
        mean = torch.stack([weights[name] for weights in seen]).mean(0)
        torch.testing.assert_close(p, mean, rtol=1e-4, atol=1e-6)
    for ours, theirs in zip(learning.backbone.buffers(), learning.encoder.buffers(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_average_moves_once_per_optimizer_step_whatever_the_pieces():
    learning = method()
    seen = trained(learning, accumulate_grad_batches=2)
    weight = torch.stack([weights["conv.weight"] for weights in seen]).mean(0)
    torch.testing.assert_close(learning.backbone.conv.weight, weight, rtol=1e-4, atol=1e-6)


def test_an_exponential_average_forgets_the_start():
    learning = method(average="ema", average_decay=0.5)
    seen = [weights["conv.weight"] for weights in trained(learning)]
    expected = seen[0]
    for weight in seen[1:]:
        expected = 0.5 * expected + 0.5 * weight
    torch.testing.assert_close(learning.backbone.conv.weight, expected, rtol=1e-4, atol=1e-6)


def test_without_an_average_the_backbone_itself_learns():
    learning = method(average="none")
    assert learning.encoder is None and not any("encoder" in k for k in learning.state_dict())
    seen = trained(learning)
    torch.testing.assert_close(learning.backbone.conv.weight, seen[-1]["conv.weight"])
    assert not torch.equal(seen[0]["conv.weight"], seen[-1]["conv.weight"])


def test_weights_that_the_backbone_got_later_are_where_the_encoder_begins():
    learning = method()
    with torch.no_grad():
        learning.backbone.conv.weight.fill_(0.25)
    assert (trained(learning)[0]["conv.weight"] == 0.25).all()


def test_a_head_is_there_when_it_is_asked_for():
    output = method(projection_dim=5).step(batch())
    assert output.projection.shape == (COUNT + 1, 8, 5)
    assert method().step(batch()).projection.shape == (COUNT + 1, 8, 12)


def test_numbers_and_sources_that_make_no_sense_are_refused():
    for options in ({"temperature": 0.0}, {"between_weight": 1.5}):
        with pytest.raises(ConfigError, match="; allowed: "):
            method(**options)
    with pytest.raises(ConfigError, match="positives=rebar needs a trained rebar_retriever"):
        method(retrieving=False)
    unlabelled = batch()._replace(view_label=None)
    with pytest.raises(ConfigError, match="oracle needs classes"):
        method(retrieving=False, positives="oracle").step(unlabelled)


def test_the_report_gets_what_the_measure_retrieves(config_dir):
    from contract import batches, made

    method, data = made("rebar", config_dir)
    batch = batches(data, 1)[0]
    nothing = torch.zeros(0, 8), torch.zeros(0, dtype=torch.int64), (), lambda rows: rows.numpy()
    drawn = []

    def draw(windows):
        drawn.append(windows)
        return np.zeros((len(windows), 1, 4, 16), np.uint8)

    (panel,) = method.eval().panels(Examples(batch, *nothing, draw))
    pictures, attention, *rebuilt = panel.blocks
    assert [len(row) for row in pictures.rows] == [4] * 4  # the anchor and its three candidates
    assert attention.values.shape == (8, 16)
    np.testing.assert_allclose(attention.values.sum(1), 1, rtol=1e-6)
    error = float(pictures.rows[0][1].caption.partition(",")[0])
    gap = 0.0
    for plot in rebuilt:
        anchor, dots = plot.lines
        assert len(dots.x) == 8
        gap += sum((anchor.y[t] - y) ** 2 for t, y in zip(dots.x, dots.y, strict=True))
    assert gap == pytest.approx(error, rel=1e-3)
    best = (batch.views[1:][0].new_tensor(0), *drawn)[2]
    assert any(torch.equal(best[0], view[0]) for view in batch.views[1:])
