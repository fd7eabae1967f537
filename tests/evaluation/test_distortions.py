import pytest
import torch

from manyviews.evaluation.distortions import DISTORTIONS, noise, rotation, scale, shift

IMAGE = torch.rand(3, 2, 12, 16, generator=torch.Generator().manual_seed(0))
ROWS = torch.tensor([7, 0, 3])


@pytest.mark.parametrize("name", DISTORTIONS)
def test_strength_zero_changes_nothing_and_more_changes_more(name):
    apply = DISTORTIONS[name].apply
    assert torch.equal(apply(IMAGE, ROWS, 0.0), IMAGE)
    smooth = torch.linspace(0, 1, 16).square().expand(3, 2, 12, 16)
    strengths = (10, 40) if name == "rotation" else (0.08, 0.3)
    weak, strong = ((apply(smooth, ROWS, s) - smooth).abs().mean() for s in strengths)
    assert 0 < weak < strong
    assert apply(IMAGE, ROWS, strengths[1]).shape == IMAGE.shape


def test_a_shift_moves_to_the_right_and_repeats_the_border():
    found = shift(IMAGE, ROWS, 0.2)  # 3.2 of 16 pixels
    torch.testing.assert_close(found[..., 3:], IMAGE[..., :-3], rtol=0, atol=1e-5)
    torch.testing.assert_close(
        found[..., :3], IMAGE[..., :1].expand(-1, -1, -1, 3), rtol=0, atol=1e-5
    )


def test_a_quarter_turn_is_exact_and_its_corners_are_no_black():
    square = IMAGE[..., 2:14] + 0.5
    turned = rotation(square, ROWS, 90.0)
    torch.testing.assert_close(turned, square.rot90(-1, (2, 3)), rtol=0, atol=1e-4)
    assert rotation(square, ROWS, 45.0).min() >= 0.5


def test_twice_as_large_shows_the_middle_half():
    ramp = torch.linspace(0, 1, 16).expand(1, 1, 12, 16)
    found = scale(ramp, ROWS[:1], 1.0)[0, 0, 6]
    assert found[0].item() == pytest.approx(0.25, abs=0.03)
    assert found[-1].item() == pytest.approx(0.75, abs=0.03)


def test_noise_is_normal_and_belongs_to_the_item():
    grey = torch.full((2, 1, 60, 60), 0.5)
    found = noise(grey, torch.tensor([4, 9]), 0.1) - 0.5
    assert found.std().item() == pytest.approx(0.1, rel=0.05) and abs(found.mean()) < 0.005
    assert not torch.equal(found[0], found[1])
    again = noise(grey[:1], torch.tensor([9]), 0.1) - 0.5
    assert torch.equal(again[0], found[1])
    assert noise(grey, torch.tensor([4, 9]), 5.0).aminmax() == (0, 1)
