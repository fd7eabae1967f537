"""What holds of every operation on series."""

import pytest
import torch
from numbers_of import numbers_of

from manyviews.datamodules.views.series.crop import Crop
from manyviews.datamodules.views.series.jitter import Jitter
from manyviews.datamodules.views.series.magnitude_warp import MagnitudeWarp
from manyviews.datamodules.views.series.masks import ChannelMask, TimeMask
from manyviews.datamodules.views.series.negation import Negation
from manyviews.datamodules.views.series.permutation import Permutation
from manyviews.datamodules.views.series.rotation import Rotation
from manyviews.datamodules.views.series.scaling import Scaling
from manyviews.datamodules.views.series.speed import Speed
from manyviews.datamodules.views.series.time_flip import TimeFlip
from manyviews.datamodules.views.series.time_warp import TimeWarp
from manyviews.errors import ConfigError

SAME_LENGTH = {
    "channel_mask": lambda p: ChannelMask(p, [0.2, 0.6]),
    "jitter": lambda p: Jitter(p, 0.2),
    "magnitude_warp": lambda p: MagnitudeWarp(p, 0.2),
    "negation": Negation,
    "permutation": lambda p: Permutation(p, 5),
    "rotation": Rotation,
    "scaling": lambda p: Scaling(p, 0.5, "normal"),
    "scaling_uniform": lambda p: Scaling(p, 0.5, "uniform", per_channel=False),
    "time_flip": TimeFlip,
    "time_mask": lambda p: TimeMask(p, [0.1, 0.4]),
    "time_warp": lambda p: TimeWarp(p, 0.2),
}
ALL = SAME_LENGTH | {
    "crop": lambda p: Crop([0.4, 1.0]),
    "crop_longer": lambda p: Crop([0.4, 1.0], 64),
    "crop_shorter": lambda p: Crop([0.4, 1.0], 11),
    "speed": lambda p: Speed(p, [0.7, 1.5]),
}
POINTWISE = {"channel_mask", "jitter", "magnitude_warp", "scaling", "scaling_uniform", "time_mask"}

every = pytest.mark.parametrize("make", ALL.values(), ids=ALL)
same_length = pytest.mark.parametrize("make", SAME_LENGTH.values(), ids=SAME_LENGTH)


@every
@pytest.mark.parametrize("length", [37, 128])
def test_a_sample_does_not_depend_on_the_rest_of_the_batch(make, length):
    series, operation = torch.randn(33, 6, length), make(0.7)
    u = numbers_of(operation, series)
    rows = [operation(series[i : i + 1], u[i : i + 1].clone()) for i in range(33)]
    assert torch.equal(operation(series, u), torch.cat(rows))


@same_length
def test_probability_0_is_the_identity_bit_for_bit(make):
    series, operation = torch.randn(16, 6, 37), make(0.0)
    series[::2, 1, 3:9] = torch.nan
    found = operation(series, numbers_of(operation, series))
    torch.testing.assert_close(found, series, rtol=0, atol=0, equal_nan=True)


@same_length
def test_about_the_probability_is_changed(make):
    series, operation = torch.randn(400, 6, 37), make(0.3)
    changed = (operation(series, numbers_of(operation, series)) != series).flatten(1).any(1)
    assert 0.2 < changed.double().mean() < 0.4


@every
def test_double_precision_stays_and_agrees(make):
    series, operation = torch.randn(16, 6, 37), make(0.7)
    u = numbers_of(operation, series)
    found = operation(series.double(), u)
    assert found.dtype == torch.float64
    torch.testing.assert_close(operation(series, u), found.float(), rtol=1e-5, atol=1e-5)


@every
def test_nothing_is_read_back_from_the_device(make):
    """On the meta device there are shapes but no values: whoever asks for one raises."""
    series, operation = torch.empty(4, 6, 37, device="meta"), make(0.7)
    u = torch.empty(4, operation.draws(6, 37), device="meta")
    assert operation(series, u).shape == (4, 6, operation.size(37))


@pytest.mark.parametrize("name", sorted(set(ALL) - POINTWISE))
def test_nan_reaches_what_depends_on_the_value_and_nothing_else(name):
    series, operation = torch.randn(64, 6, 37), ALL[name](0.7)
    u = numbers_of(operation, series)
    missing, other = series.clone(), series.clone()
    missing[:, 2, 8] = missing[:, 4, 20:23] = torch.nan
    other[:, 2, 8] += 1e4
    other[:, 4, 20:23] += 1e4
    depends = operation(other, u) != operation(series, u)
    assert torch.equal(operation(missing, u).isnan(), depends)
    assert depends.any()


@pytest.mark.parametrize("name", sorted(POINTWISE))
def test_nan_stays_where_it_was(name):
    series, operation = torch.randn(64, 6, 37), ALL[name](0.7)
    series[:, 2, 8] = series[:, 4, 20:23] = torch.nan
    found = operation(series, numbers_of(operation, series))
    assert torch.equal(found.isnan(), series.isnan())


@every
def test_any_size_and_the_last_numbers(make):
    """The first row draws the lowest number there is, the other one the highest."""
    operation, last = make(1.0), torch.tensor([[0.0], [1 - 2.0**-24]])
    for channels, length in ((3, 1), (3, 2), (9, 5), (6, 300)):
        u = last.repeat(1, operation.draws(channels, length))
        found = operation(torch.ones(2, channels, length), u)
        assert found.shape == (2, channels, operation.size(length))
        assert found.isfinite().all(), (channels, length)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: MagnitudeWarp(2.0), "magnitude_warp probability=2.0; allowed: 0 to 1"),
        (lambda: Jitter(0.5, -1.0), "jitter sigma=-1.0; allowed: 0 to 100"),
        (lambda: MagnitudeWarp(0.5, -1.0), "magnitude_warp sigma=-1.0"),
        (lambda: MagnitudeWarp(0.5, 0.2, 0), "magnitude_warp knots=0; allowed: 1 or more"),
        (lambda: TimeWarp(0.5, float("nan")), "time_warp sigma=nan"),
        (lambda: TimeWarp(0.5, 0.2, 0), "time_warp knots=0"),
        (lambda: Scaling(0.5, -0.1), "scaling strength=-0.1; allowed: 0 to 100"),
        (lambda: Permutation(0.5, 1), "permutation segments=1; allowed: 2 or more"),
        (lambda: Crop([0.5, 1.1]), r"crop share=\[0.5, 1.1\]; allowed: \[low, high\]"),
        (lambda: Crop([0.5]), r"crop share=\[0.5\]"),
        (lambda: Crop([0.5, 1.0], 1), "crop length=1; allowed: 2 or more, .*, or null"),
        (lambda: TimeMask(0.5, [0.3, 0.2]), "time_mask share="),
        (lambda: ChannelMask(0.5, [-0.1, 0.2]), "channel_mask share="),
        (lambda: Speed(0.5, [0.0, 1.0]), "speed factor=.*0 < low <= high"),
        (lambda: Speed(0.5, [0.5, float("inf")]), "speed factor="),
    ],
)
def test_impossible_values_are_one_line(make, said):
    with pytest.raises(ConfigError, match=said):
        make()
