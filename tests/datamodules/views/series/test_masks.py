import torch
from numbers_of import numbers_of

from manyviews.datamodules.views.series.masks import ChannelMask, TimeMask


def test_the_drawn_number_of_channels_is_0():
    series, operation = torch.ones(300, 5, 4), ChannelMask(0.6, [0.2, 0.9])
    u = numbers_of(operation, series)
    found = operation(series, u)
    for x, row in zip(found, u.double().tolist(), strict=True):
        many = min(round((0.2 + 0.7 * row[1]) * 5), 4) if row[0] < 0.6 else 0
        hidden = sorted(range(5), key=lambda c: row[2 + c])[:many]
        assert [c for c in range(5) if not x[c].any()] == sorted(hidden)
    assert torch.equal(found, found[..., :1].expand_as(found))


def test_every_channel_is_hidden_as_often():
    series, operation = torch.ones(3000, 4, 1), ChannelMask(1.0, [0.5, 0.5])
    hidden = 1 - operation(series, numbers_of(operation, series))
    assert ((hidden.mean((0, 2)) - 0.5).abs() < 0.04).all()


def test_one_channel_is_always_left():
    series, operation = torch.ones(50, 3, 4), ChannelMask(1.0, [1.0, 1.0])
    assert (operation(series, numbers_of(operation, series)).sum((1, 2)) == 4).all()
    single = torch.ones(50, 1, 4)
    assert torch.equal(operation(single, numbers_of(operation, single)), single)


def test_a_span_of_the_drawn_extent_is_0():
    series, operation = torch.ones(300, 2, 30), TimeMask(0.6, [0.1, 0.5])
    u = numbers_of(operation, series)
    expected = series.clone()
    for x, row in zip(expected, u.double().tolist(), strict=True):
        steps = round((0.1 + 0.4 * row[1]) * 30) if row[0] < 0.6 else 0
        start = int(row[2] * (30 - steps + 1))
        x[:, start : start + steps] = 0
    assert torch.equal(operation(series, u), expected)


def test_every_start_occurs():
    series, operation = torch.ones(400, 1, 10), TimeMask(1.0, [0.3, 0.3])
    found = operation(series, numbers_of(operation, series))
    assert found.argmin(2).unique().tolist() == [*range(8)]


def test_a_share_of_0_is_the_identity():
    series = torch.randn(50, 3, 20)
    for operation in (ChannelMask(1.0, [0.0, 0.0]), TimeMask(1.0, [0.0, 0.0])):
        assert torch.equal(operation(series, numbers_of(operation, series)), series)
