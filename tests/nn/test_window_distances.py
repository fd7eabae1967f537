import pytest
import torch
from golden import chirp

from manyviews.nn import window_distances


def windows(steps, dtype=torch.float64):
    anchor = chirp((2, 3, steps), 0.011, 0.37, 0.25) + torch.tensor([0.5, 1.0, -2.0])[:, None]
    candidates = chirp((4, 2, 3, steps), 0.0019, 0.53, 0.7)
    candidates[2] = anchor.roll(3, -1)
    return anchor.to(dtype), candidates.to(dtype)


def sliding_by_loops(anchor, candidate):
    """Return the distance of one pair by a loop over shifts."""
    steps = anchor.shape[-1]
    errors = []
    for shift in range(-(steps // 2), steps // 2 + 1):
        both = [(t, t + shift) for t in range(steps) if 0 <= t + shift < steps]
        squares = [(anchor[:, t] - candidate[:, u]).square().mean() for t, u in both]
        errors.append(float(torch.stack(squares).mean()))
    return min(errors)


@pytest.mark.parametrize("steps", [16, 17])
def test_sliding_error_is_the_loop_over_shifts(steps):
    anchor, candidates = windows(steps)
    expected = [[sliding_by_loops(a, c) for a, c in zip(anchor, k, strict=True)]
                for k in candidates]  # fmt: skip
    found = window_distances.sliding_mse(anchor, candidates)
    torch.testing.assert_close(
        found, torch.tensor(expected, dtype=torch.float64), rtol=1e-10, atol=1e-12
    )
    assert (found[2] < 1e-12).all()  # the anchor itself, moved by three steps
    narrow = window_distances.sliding_mse(*windows(steps, torch.float32))
    torch.testing.assert_close(narrow.double(), found, rtol=1e-5, atol=1e-5)


def test_the_spectrum_does_not_see_where_a_window_begins():
    anchor, candidates = windows(16)
    found = window_distances.spectrum_distance(anchor, candidates)
    assert found.shape == (4, 2) and (found[2] < 1e-20).all() and (found[[0, 1, 3]] > 1).all()


def test_random_distances_choose_every_candidate_equally_often():
    chosen = window_distances.random_distances(0, 5, torch.arange(4000), 20).argmin(0)
    assert (chosen.bincount(minlength=20) - 200).abs().max() < 60


def test_the_oracle_draws_among_the_candidates_of_the_anchors_class():
    label = torch.tensor([[0, 1, -1, 2], [1, 1, -1, 0], [0, 1, 0, 1], [0, 0, 1, 0]]).repeat(1, 500)
    random = window_distances.random_distances(0, 5, torch.arange(2000), 3)
    chosen = window_distances.oracle_distances(label, random).argmin(0).view(500, 4)
    assert set(chosen[:, 0].tolist()) == {1, 2} and set(chosen[:, 1].tolist()) == {0, 1}
    # no candidate is known to be right: any
    assert all(set(chosen[:, i].tolist()) == {0, 1, 2} for i in (2, 3))


def test_precision_counts_anchors_of_known_class():
    label = torch.tensor([[0, 1, -1, 2], [0, 0, -1, 1], [1, 1, 0, 2]])
    positive = torch.tensor([0, 0, 0, 1])
    assert float(window_distances.precision(label, positive)) == pytest.approx(2 / 3)
