import json
from pathlib import Path

import contract
import numpy as np
import on_ranks
import pytest
import pytorch_lightning as pl
import torch
import unscored

from manyviews import config, train
from manyviews.callbacks.eigenvalues import Eigenvalues
from manyviews.callbacks.metrics import Metrics
from manyviews.callbacks.stop import Stop
from manyviews.errors import ConfigError, Interrupted
from manyviews.evaluation.measures.spectrum import covariance_eigenvalues
from manyviews.losses.barlow_twins import correlation_parts


class Recompute(pl.Callback):
    """Eigenvalues of numpy's covariance of the first view, for each batch."""

    def __init__(self, of):
        self.of, self.values = of, []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        z = getattr(outputs["output"], self.of)[0].double().numpy()
        covariance = np.cov(z, rowvar=False, bias=True)
        self.values.append(np.linalg.eigvalsh(covariance)[::-1])


def records(folder="."):
    return [json.loads(line) for line in Path(folder, "eigenvalues.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("of", ["projection", "embedding"])
def test_it_records_the_largest_eigenvalues_of_the_covariance_every_n_steps(fit, of):
    again = Recompute(of)
    fit(Metrics(Path("m.jsonl"), 1), again, Eigenvalues(2, of, largest=5))
    assert [(r["step"], r["epoch"]) for r in records()] == [(2, 0), (4, 0), (6, 1), (8, 1)]
    for record, expected in zip(records(), again.values[1::2], strict=True):
        assert (record["of"], record["n"]) == (of, 16)
        np.testing.assert_allclose(record["eigenvalues"], expected[:5], rtol=1e-6, atol=1e-12)


def test_under_accumulation_it_records_whole_steps_only(fit):
    options = ["trainer.accumulate_grad_batches=2"]
    fit(Metrics(Path("m.jsonl"), 1), Eigenvalues(1), more=options)
    assert [r["step"] for r in records()] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_two_ranks_record_the_eigenvalues_of_their_common_batch(ranks, config_dir, tmp_path):
    overrides = [*contract.case_overrides("barlow_twins"), *contract.speck("barlow_twins")]
    given = config.compose("pretrain", [*overrides, "epochs=1"], config_dir)[0]
    (one := tmp_path / "one").mkdir()
    (two := tmp_path / "two").mkdir()
    on_ranks.measured(given, Eigenvalues(2), str(one))
    ranks(2)("on_ranks.measured", given, Eigenvalues(2), str(two))
    assert [(r["step"], r["n"]) for r in records(two)] == [(2, 16), (4, 16)]
    for found, expected in zip(records(two), records(one), strict=True):
        np.testing.assert_allclose(
            found.pop("eigenvalues"), expected.pop("eigenvalues"), rtol=1e-9, atol=1e-12
        )
        assert found == expected


def test_it_is_off_by_default(fit):
    fit(Metrics(Path("m.jsonl"), 1), Eigenvalues(None))
    assert not Path("eigenvalues.jsonl").exists()


def test_a_stopped_run_ends_with_the_file_of_an_uninterrupted_one(config_dir, monkeypatch):
    monkeypatch.setattr(train.scoring, "make", unscored.make)
    overrides = [
        *contract.overrides("barlow_twins", *contract.speck("barlow_twins")),
        "callbacks.eigenvalues.every_n_steps=1",
        "save_every_n_steps=2",
    ]
    whole = train.pretrain([*overrides, "runs=whole"], config_dir)
    asked = iter([False] * 2 + [True] + [False] * 20)
    with monkeypatch.context() as patched:
        patched.setattr(Stop, "requested", lambda self: next(asked))
        with pytest.raises(Interrupted):
            train.pretrain(overrides, config_dir)
        (folder,) = Path("runs").iterdir()
        with (folder / "eigenvalues.jsonl").open("a") as file:  # a step whose checkpoint was lost
            file.write('{"step": 1000, "eigenvalues": [1.0]}\n{"step": 10')
        train.pretrain(overrides, config_dir)
    files = [path / "eigenvalues.jsonl" for path in (folder, whole.path)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_cadence_below_one_is_refused():
    with pytest.raises(ConfigError, match="every_n_steps=0; allowed: 1 or more.*or null"):
        Eigenvalues(0)


def orthonormal(rows, columns):
    return torch.linalg.qr(torch.randn(rows, columns, dtype=torch.float64)).Q


def two_views(basis, gamma, noise, samples=64):
    """Views s + n and s - n, with E[x x'^T] = V diag(gamma) V^T and E[x x^T] of gamma + 2 noise."""
    first = torch.cat([torch.ones(samples, 1), torch.randn(samples, 2 * len(gamma))], 1).double()
    columns = torch.linalg.qr(first).Q[:, 1:] * samples**0.5  # centred and uncorrelated
    of_signal, of_noise = columns.split(len(gamma), 1)
    s, n = of_signal * (gamma + noise).sqrt() @ basis.mT, of_noise * noise.sqrt() @ basis.mT
    return s + n, s - n


def trained(weight, x, other, *, rate, steps, every=50):
    """Step and recorded eigenvalues of gradient descent on ||W Gamma W^T - 1||^2."""
    weight, seen = weight.clone().requires_grad_(), []
    for step in range(steps + 1):
        z, z_other = x @ weight.mT, other @ weight.mT
        if step % every == 0:
            seen.append((step, covariance_eigenvalues(z.detach())[: len(weight)]))
        parts = correlation_parts(z, z_other, redundancy_weight=1.0, ddp="exact")
        (gradient,) = torch.autograd.grad(sum(parts), weight)
        with torch.no_grad():
            weight -= rate * gradient
    return seen


def closed_form(start, gamma, noise, growth):
    """Eigenvalues of the embedding's covariance at a time t, from singular values `start` of W.

    The linear model f(x) = W x with the Barlow Twins loss of Simon et al. 2023 (arXiv 2303.15438),
    which does not standardise:

        L = ||C - 1||_F^2,   C = W Gamma W^T,   Gamma = E[x x'^T + x' x^T] / 2.

    Gradient flow is dW/dt = -4 (C - 1) W Gamma. If W(0) = U diag(s_1, ..., s_d) V^T with the first
    d eigenvectors V of Gamma, then U and V stay, and each s_j follows its own equation

        ds/dt = 4 gamma s (1 - gamma s^2).

    The eigenvalue u = gamma s^2 of C then obeys the logistic equation du/dt = 8 gamma u (1 - u):

        u(t) = u(0) e^{8 gamma t} / (1 + u(0) (e^{8 gamma t} - 1)),

    or s(t) = e^{4 gamma t} / sqrt(s(0)^-2 + (e^{8 gamma t} - 1) gamma), as in that paper. It rises
    from u(0) to 1 around the time -log u(0) / (8 gamma): the largest gamma first, in steps. The
    covariance of the embedding has the eigenvalues s_j^2 v_j^T E[x x^T] v_j. One step of gradient
    descent of rate eta takes the time eta. From a small W(0) that is not aligned, the directions
    align before they grow: s_j(0) is then the diagonal of R in the QR decomposition of W(0) V.

    Args:
        start: s_j(0).
        gamma: eigenvalues of Gamma.
        noise: half of what the eigenvalues of E[x x^T] have beyond them.
        growth: e^{8 gamma t}.
    """
    u = gamma * start**2 * growth / (1 + gamma * start**2 * (growth - 1))
    return (u / gamma * (gamma + 2 * noise)).sort(descending=True).values


NOISE = torch.tensor([0.1, 0.3, 0.2, 0.05, 0.1, 0.05], dtype=torch.float64)


@pytest.mark.slow
def test_the_linear_model_learns_in_the_steps_of_its_closed_form():
    torch.manual_seed(0)
    gamma = torch.tensor([1.0, 0.7, 0.5, 0.35, 0.1, 0.05], dtype=torch.float64)
    basis, start, rate = orthonormal(6, 6), torch.full((4,), 0.1).double(), 7.5e-4
    weight = orthonormal(4, 4) * start @ basis[:, :4].mT
    seen = trained(weight, *two_views(basis, gamma, NOISE), rate=rate, steps=4000)
    for step, found in seen:
        growth = (8 * gamma[:4] * rate * step).exp()
        expected = closed_form(start, gamma[:4], NOISE[:4], growth)
        torch.testing.assert_close(found, expected, rtol=0.02, atol=0)
    # It begins small and ends where C is the identity.
    final = ((gamma + 2 * NOISE) / gamma)[:4].sort(descending=True).values
    assert seen[0][1].max() < 0.03
    torch.testing.assert_close(seen[-1][1], final, rtol=0.1, atol=0)


@pytest.mark.slow
def test_from_a_small_random_start_it_follows_the_closed_form_as_well():
    torch.manual_seed(0)
    gamma = torch.tensor([1.0, 0.5, 0.25, 0.1, 0.05, 0.02], dtype=torch.float64)
    basis, weight, rate = orthonormal(6, 6), 1e-3 * torch.randn(3, 6, dtype=torch.float64), 2.5e-3
    start = torch.linalg.qr(weight @ basis).R.diagonal().abs()
    seen = trained(weight, *two_views(basis, gamma, NOISE), rate=rate, steps=4000)
    for step, found in seen:
        # Gradient descent grows by 1 + 4 gamma eta a step, where gradient flow grows by its exp.
        growth = (1 + 4 * gamma[:3] * rate) ** (2 * step)
        expected = closed_form(start, gamma[:3], NOISE[:3], growth)
        assert (found - expected).abs().max() < 0.02 * (expected.max().clamp(min=1))
