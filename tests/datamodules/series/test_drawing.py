import numpy as np
import torch

from manyviews.datamodules.series.drawing import COLOURS, HEIGHT, LIMIT, WIDTH, draw_series


def inked(picture):
    """Where a picture holds colour: neither paper nor the grey of the middle line."""
    return np.ptp(picture.astype(int), 0) > 20


def test_every_channel_is_a_line_across_the_page_in_its_colour_at_its_height():
    level = torch.tensor([2.0, -1.0, 0.5])
    (picture,) = draw_series(level[None, :, None].expand(1, 3, 50))
    assert picture.shape == (3, HEIGHT, WIDTH) and picture.dtype == np.uint8
    for channel, value in enumerate(level.tolist()):
        at = round((LIMIT - value) / (2 * LIMIT) * (HEIGHT - 1))
        near = np.abs(picture[:, at - 1 : at + 2].astype(int) - COLOURS[channel][:, None, None])
        assert (near.max(0).min(0) < 5).all()


def test_a_gap_is_left_where_values_are_missing():
    series = torch.zeros(1, 1, 160)
    series[:, :, 60:100] = torch.nan
    columns = inked(draw_series(series)[0]).any(0)
    assert columns[:58].all() and columns[102:].all() and not columns[62:98].any()
    assert not inked(draw_series(torch.full((1, 1, 9), torch.nan))[0]).any()


def test_a_single_spike_in_a_long_window_is_seen():
    series = torch.zeros(1, 1, 5000)
    series[0, 0, 2500] = 3
    rows = inked(draw_series(series)[0])[:, WIDTH // 2 - 2 : WIDTH // 2 + 2].any(1)
    assert rows[8 : HEIGHT // 2].all()


def test_values_beyond_the_page_stand_at_its_edge():
    above, below = map(inked, draw_series(torch.tensor([[[99.0] * 20], [[-99.0] * 20]])))
    assert above[0].all() and not above[HEIGHT // 2 :].any()
    assert below[-1].all() and not below[: HEIGHT // 2].any()


def test_pictures_share_one_scale_and_do_not_depend_on_the_batch():
    series = torch.randn(3, 9, 40)  # more channels than colours
    together = draw_series(series)
    assert all((together[b] == draw_series(series[b : b + 1])[0]).all() for b in range(3))


def test_a_window_of_one_step_is_a_line():
    assert inked(draw_series(torch.ones(1, 1, 1))[0]).any(0).all()
