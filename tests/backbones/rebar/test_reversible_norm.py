import pytest
import torch
from rebar import GOLDEN, anchor, candidate, set_norm

from manyviews.backbones.rebar.reversible_norm import ReversibleNorm, statistics

BLOCK = GOLDEN["revin"]


@pytest.fixture
def norm():
    return set_norm(ReversibleNorm(2).double())


def test_statistics_equal_the_reference():
    found = statistics(anchor())
    for name in ("mean", "std"):
        expected = torch.tensor(BLOCK[name], dtype=torch.float64)
        torch.testing.assert_close(getattr(found, name)[..., 0], expected, rtol=1e-6, atol=0)


def test_anchor_and_candidate_by_the_anchor_equal_the_reference(norm):
    by = statistics(anchor())
    with torch.no_grad():
        found = {"anchor": norm(anchor(), by), "cand": norm(candidate(), by)}
    for name, value in found.items():
        assert float(value.sum()) == pytest.approx(BLOCK[f"{name}_norm_sum"], rel=1e-6)
        assert float(value.square().sum()) == pytest.approx(BLOCK[f"{name}_norm_sq"], rel=1e-6)
    assert float(found["anchor"][0, 0, 0]) == pytest.approx(BLOCK["anchor_norm_000"], rel=1e-6)
    assert float(found["cand"][1, 1, 5]) == pytest.approx(BLOCK["cand_norm_1_5_1"], rel=1e-6)


def test_the_inverse_leads_back(norm):
    by = statistics(candidate())
    back = norm.inverse(norm(anchor(), by), by)
    torch.testing.assert_close(back, anchor(), rtol=0, atol=1e-9)  # a weight of 0 is guarded


def test_only_observed_steps_count():
    seen = torch.rand(3, 24, generator=torch.Generator().manual_seed(0)) < 0.5
    found, series = statistics(anchor(), seen), anchor()
    series[~seen[:, None].expand_as(series)] = 1e6
    for one, two, row, mask in zip(*found, anchor(), seen, strict=True):
        expected = statistics(row[:, mask])
        torch.testing.assert_close((one, two), tuple(expected))
    torch.testing.assert_close(statistics(series, seen), found)


def test_statistics_are_constants():
    series = anchor().requires_grad_()
    assert not any(value.requires_grad for value in statistics(series))


def test_a_constant_series_stays_finite(norm):
    flat = torch.full((1, 2, 24), 7.0, dtype=torch.float64)
    by = statistics(flat)
    torch.testing.assert_close(norm.inverse(norm(flat, by), by), flat)
