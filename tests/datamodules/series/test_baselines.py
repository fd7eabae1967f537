import math

import torch

from manyviews.datamodules.series.baselines import mean_std, random_convolutions, raw, spectrum


def test_mean_and_deviation_of_every_channel():
    series = torch.randn(4, 3, 20) * 5 + 2
    expected = torch.cat([series.mean(2), series.std(2, correction=0)], 1)
    torch.testing.assert_close(mean_std(series), expected)


def test_gaps_are_left_out():
    series = torch.randn(2, 2, 20)
    gapped = torch.cat([series, torch.full((2, 2, 7), torch.nan)], 2)
    torch.testing.assert_close(mean_std(gapped), mean_std(series))
    nothing = torch.full((1, 2, 9), torch.nan)
    assert (mean_std(nothing) == 0).all() and (spectrum(nothing) == 0).all()
    assert spectrum(gapped).isfinite().all()


def test_a_wave_of_five_periods_stands_in_bin_five_and_an_offset_in_the_first():
    time = torch.arange(128) / 128
    series = torch.stack([(2 * math.pi * 5 * time).sin(), torch.full((128,), 3.0)])[None]
    first, second = spectrum(series).view(2, 16)
    torch.testing.assert_close(
        first, 64 * torch.nn.functional.one_hot(torch.tensor(5), 16).float(), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(
        second, 384 * torch.nn.functional.one_hot(torch.tensor(0), 16).float(), atol=1e-4, rtol=0
    )


def test_windows_too_short_for_sixteen_bins_have_fewer():
    assert spectrum(torch.randn(2, 3, 10)).shape == (2, 3 * 6)


def test_a_raw_window_is_all_its_values_with_gaps_at_the_mean():
    series = torch.tensor([[[1.0, 2.0, torch.nan], [4.0, 5.0, 6.0]]])
    assert raw(series).tolist() == [[1.0, 2.0, 1.5, 4.0, 5.0, 6.0]]


def test_random_convolutions_come_again_from_their_seed_and_do_not_depend_on_the_batch():
    series = torch.randn(6, 3, 40, generator=torch.Generator().manual_seed(0))
    found = random_convolutions(series, kernels=30)
    assert found.shape == (6, 60) and found.isfinite().all()
    torch.testing.assert_close(random_convolutions(series[:2], kernels=30), found[:2])
    assert not torch.equal(random_convolutions(series, kernels=30, seed=1), found)
    assert ((found[:, :30] >= 0) & (found[:, :30] <= 1)).all()  # shares of steps


def test_random_convolutions_hear_a_channel_that_others_do_not_tell():
    series = torch.zeros(2, 4, 50)
    series[1, 3] = torch.sin(torch.arange(50) / 3)
    first, second = random_convolutions(series, kernels=60)
    assert (first != second).sum() > 20
