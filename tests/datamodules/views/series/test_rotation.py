import math

import numpy as np
import pytest
import torch
from numbers_of import numbers_of
from scipy.spatial.transform import Rotation as Reference
from scipy.stats import kstest

from manyviews.datamodules.views.series.rotation import Rotation, rotations
from manyviews.errors import ConfigError


def reference(u):
    """Shoemake's quaternion through scipy."""
    inner, outer = math.sqrt(u[0]), math.sqrt(1 - u[0])
    a, b = 2 * math.pi * u[1], 2 * math.pi * u[2]
    quaternion = [
        outer * math.sin(a),
        outer * math.cos(a),
        inner * math.sin(b),
        inner * math.cos(b),
    ]
    return torch.from_numpy(Reference.from_quat(quaternion).as_matrix()).float()


@pytest.mark.parametrize("groups", [[[0, 1, 2], [6, 4, 3]], [[3, 2, 1, 0, 5, 6]], [[2, 0, 1]]])
def test_every_triad_is_turned_by_the_rotation_of_its_device(groups):
    series, operation = torch.randn(20, 7, 9), Rotation(0.6, groups)
    u = numbers_of(operation, series)
    assert u.shape[1] == 1 + 3 * len(groups)
    expected = series.clone()
    for row, drawn in enumerate(u.double().tolist()):
        for number, group in enumerate(groups if drawn[0] < 0.6 else []):
            matrix = reference(drawn[1 + 3 * number : 4 + 3 * number])
            for triad in (group[:3], group[3:]):
                if triad:
                    expected[row, triad] = matrix @ series[row, triad]
    torch.testing.assert_close(operation(series, u), expected)


def test_the_norm_of_every_triad_stays_and_so_do_the_angles_within_a_device():
    series, operation = torch.randn(50, 6, 20).double(), Rotation(1.0)
    found = operation(series, numbers_of(operation, series))
    old, new = series.unflatten(1, (2, 3)), found.unflatten(1, (2, 3))
    torch.testing.assert_close(new.norm(dim=2), old.norm(dim=2))
    torch.testing.assert_close((new[:, 0] * new[:, 1]).sum(1), (old[:, 0] * old[:, 1]).sum(1))


def test_rotations_are_uniform():
    """The angle has the density (1 - cos) / pi; where an axis goes is uniform on the sphere."""
    matrix = rotations(torch.rand(4000, 3, generator=torch.Generator().manual_seed(0)).double())
    torch.testing.assert_close(torch.linalg.det(matrix), torch.ones(4000).double())
    angle = torch.arccos((matrix.diagonal(dim1=1, dim2=2).sum(1) - 1).clamp(-2, 2) / 2)
    assert kstest(angle.numpy(), lambda a: (a - np.sin(a)) / math.pi).pvalue > 0.01
    for height in matrix.flatten(1).unbind(1):
        assert kstest(height.numpy(), "uniform", (-1, 2)).pvalue > 0.001


@pytest.mark.parametrize(
    ("groups", "channels", "said"),
    [
        (None, 4, r"in threes, the series have 4; type their numbers as groups"),
        ([[0, 1, 2], [3, 4, 5]], 5, "name channel 5; the series have 5, numbers 0 to 4"),
    ],
)
def test_channels_that_are_not_there_are_one_line(groups, channels, said):
    with pytest.raises(ConfigError, match=said):
        Rotation(1.0, groups).draws(channels, 10)


@pytest.mark.parametrize(
    "groups", [[], [[]], [[0, 1]], [[0, 1, 1]], [[0, 1, 2], [2, 3, 4]], [[-1, 0, 1]]]
)
def test_impossible_groups_are_one_line(groups):
    with pytest.raises(ConfigError, match=r"rotation groups=.*; allowed: lists of 3, 6, 9"):
        Rotation(1.0, groups)
