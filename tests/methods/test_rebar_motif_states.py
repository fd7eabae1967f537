"""Both stages of REBAR on made-up recordings whose states are told apart by shape alone."""

import functools

import pytest
import pytorch_lightning as pl
import small_series
import state_retrieval as retrieval
import torch

from manyviews.backbones.rebar.candidate_distances import distances
from manyviews.backbones.rebar.cross_attention import CrossAttention
from manyviews.backbones.tcn import TCN
from manyviews.datamodules.series.datamodule import SeriesData
from manyviews.datamodules.series.public.motif_states import motif_states
from manyviews.datamodules.views.series.pipeline import normalise
from manyviews.evaluation.features import extract
from manyviews.evaluation.measures.clusters import ari
from manyviews.evaluation.protocols.clustering import Clustering
from manyviews.evaluation.subject import Subject
from manyviews.methods.rebar import Rebar
from manyviews.methods.rebar_retriever import RebarRetriever
from manyviews.nn import masks, window_distances
from manyviews.optim import WarmupCosine

pytestmark = pytest.mark.slow
CONSTANT = WarmupCosine(warmup_epochs=0.0, final=1.0)
FALLING = WarmupCosine(warmup_epochs=0.0)


@pytest.fixture(scope="module")
def splits():
    """A window has the state of most of its steps."""
    return motif_states(seed=1, min_purity=0.5)


def untrained():
    torch.manual_seed(0)
    return CrossAttention(3, width=64, blocks=1)


def fit(method, data, epochs):
    options = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False}
    quiet = {"enable_progress_bar": False, "enable_model_summary": False}
    watch = Watch()
    pl.Trainer(max_epochs=epochs, callbacks=[watch], **options, **quiet).fit(
        method, datamodule=data
    )
    return watch.precision


class Watch(pl.Callback):
    """Share of right positives, step by step."""

    def __init__(self):
        self.precision = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.precision.append(outputs["logs"].get("health/positive_precision"))


@pytest.fixture(scope="module")
def measure(splits):
    """Twelve epochs of the first stage."""
    adam = functools.partial(torch.optim.Adam, lr=1e-3)
    method = RebarRetriever(untrained(), seed=0, mask_length=15)
    method.train_with(optimizer=adam, schedule=CONSTANT)
    fit(method, SeriesData(splits, small_series.windows(), batch_size=32, seed=0), epochs=12)
    return method.backbone.eval()


@pytest.fixture(scope="module")
def episodes(splits):
    """Anchors, candidates, and which of them are right, of people that training did not see."""
    test = splits.test
    found = retrieval.episodes(test.recordings, test.length)
    starts = torch.cat([found.anchor[None], found.candidates])
    windows = normalise(test.values(starts.flatten()), splits.mean, splits.std)
    anchor, *candidates = windows.unflatten(0, starts.shape)
    return anchor, torch.stack(candidates), found.right


@torch.no_grad()
def precision(net, episodes, sharing="shared", count=240):
    anchor, candidates, right = episodes
    hidden = masks.intermittent(0, 0, torch.arange(count), 128, len(candidates), sharing)
    chunks = zip(anchor[:count].split(16), candidates[:, :count].split(16, 1), strict=True)
    distance = torch.cat([distances(net, a, c, ~hidden, missing=64) for a, c in chunks], 1)
    return float(retrieval.precision(distance, right[:, :count]).mean())


def test_retrieval_finds_the_state_that_shape_alone_tells(measure, episodes):
    anchor, candidates, right = episodes
    assert float(right.float().mean()) == pytest.approx(0.24, abs=0.03)
    assert precision(untrained().eval(), episodes, count=100) <= 0.4
    sliding = retrieval.precision(window_distances.sliding_mse(anchor, candidates), right).mean()
    assert 0.78 <= float(sliding) <= 0.88
    assert precision(measure, episodes) >= max(0.95, float(sliding) + 0.08)


def test_one_mask_for_all_candidates_is_no_worse_than_one_for_each(measure, episodes):
    shared, each = (precision(measure, episodes, s, 200) for s in ("shared", "per_candidate"))
    assert shared >= each


def trained(splits, source, steps, retriever=None):
    """Agreement of k-means and states on windows of new people; share of right positives."""
    torch.manual_seed(0)
    method = Rebar(
        TCN(3, hidden_dim=16, depth=5, embedding_dim=64),
        seed=0,
        retriever=retriever,
        positives=source,
        between_weight=0.0,
        average="none",
    )
    method.train_with(optimizer=functools.partial(torch.optim.AdamW, lr=0.01), schedule=FALLING)
    data = SeriesData(splits, small_series.candidates(14, per_subject=1), batch_size=8, seed=0)
    right = fit(method, data, epochs=steps // 2)
    pure = SeriesData(motif_states(seed=1), small_series.windows(), batch_size=8, seed=0)
    features = extract(method.backbone, pure.clean("test", pure.probed("test")))
    clusters = Clustering(version=1, seeds=1)(Subject(features, features, 5)).answers[0].cluster
    table = torch.zeros(5, 5, dtype=torch.float64)
    table.index_put_((features.label, clusters), torch.ones(len(clusters)).double(), True)
    return float(ari(table[None])), float(torch.stack(right).mean())


def test_its_positives_recover_the_states_and_random_ones_do_not(splits, measure):
    found, right = trained(splits, "rebar", 120, measure)
    assert found >= 0.9 and right >= 0.85
    assert trained(splits, "random", 50)[0] <= 0.6
