import numpy as np
import torch
from numbers_of import numbers_of

from manyviews.datamodules.views.series.permutation import Permutation


def in_pieces(x, row, probability, segments):
    """One sample, cut and sorted with numpy."""
    if row[0] >= probability:
        return x
    many = 2 + int(row[1] * (segments - 1))
    cuts = sorted(1 + int(c * (x.shape[1] - 1)) for c in row[2 : many + 1])
    pieces = np.split(x, cuts, axis=1)
    order = np.argsort(row[segments + 1 :][:many], kind="stable")
    return np.concatenate([pieces[k] for k in order], axis=1)


def test_segments_are_put_together_in_the_drawn_order():
    series, operation = torch.randn(200, 2, 31), Permutation(0.7, 5)
    u = numbers_of(operation, series)
    expected = [
        in_pieces(x, row, 0.7, 5) for x, row in zip(series.numpy(), u.double().numpy(), strict=True)
    ]
    np.testing.assert_array_equal(operation(series, u), expected)


def test_channels_stay_together_and_every_value_stays():
    series, operation = torch.arange(40.0).expand(64, 3, 40), Permutation(1.0, 8)
    found = operation(series, numbers_of(operation, series))
    assert torch.equal(found.sort().values, series)
    assert torch.equal(found, found[:, :1].expand_as(found))


def test_one_to_four_seams_of_up_to_five_segments():
    series, operation = torch.arange(500.0).expand(600, 1, 500), Permutation(1.0, 5)
    found = operation(series, numbers_of(operation, series))
    seams = (found.diff(dim=2) != 1).sum(2)
    assert seams.max() == 4
    assert 0.5 < seams.double().mean() < 2.5  # a drawn order may be the old one
