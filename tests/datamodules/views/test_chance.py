import pytest
import torch

from manyviews.datamodules.views.chance import Chance
from manyviews.errors import ConfigError


class TimeWarp(Chance):
    """A name of two words."""


def test_it_happens_to_samples_whose_draw_is_below_the_probability():
    found = Chance(0.5).happens(torch.tensor([0.0, 0.4, 0.5, 0.9]))
    assert found.tolist() == [True, True, False, False]


@pytest.mark.parametrize("draw", [0.0, 1 - 2.0**-24])
def test_probability_0_never_happens_and_1_always(draw):
    draws = torch.tensor([draw])
    assert not Chance(0.0).happens(draws) and Chance(1.0).happens(draws)


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_a_probability_out_of_range_is_told_with_the_name_of_the_config(probability):
    said = f"time_warp probability={probability}; allowed: 0 to 1"
    with pytest.raises(ConfigError, match=said):
        TimeWarp(probability)
