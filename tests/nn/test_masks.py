import pytest
import torch

from manyviews.nn import masks

POSITION = torch.arange(4000)


def test_a_contiguous_mask_is_a_span_that_may_begin_anywhere():
    hidden = masks.contiguous(0, 3, POSITION, 40, 15)
    start = hidden.int().argmax(1)
    time = torch.arange(40)
    assert torch.equal(hidden, (time >= start[:, None]) & (time < start[:, None] + 15))
    assert torch.equal(start.unique(), torch.arange(26))  # the last one hides the last step


@pytest.mark.parametrize(
    ("sharing", "shape"),
    [("shared", (41,)), ("per_candidate", (6, 1, 41)), ("per_anchor", (9, 41))],
)
def test_an_intermittent_mask_hides_exactly_half_of_the_steps(sharing, shape):
    hidden = masks.intermittent(0, 3, POSITION[:9], 41, 6, sharing)
    assert hidden.shape == shape
    assert (hidden.sum(-1) == 20).all()
    assert len(hidden.view(-1, 41).unique(dim=0)) == hidden[..., 0].numel()


def test_masks_change_with_the_step_and_not_with_the_batch():
    for of in (
        lambda step, rows: masks.contiguous(0, step, rows, 40, 15),
        lambda step, rows: masks.intermittent(0, step, rows, 40, 6, "per_anchor"),
    ):
        assert torch.equal(of(3, POSITION[:9])[4:], of(3, POSITION[4:9]))
        assert not torch.equal(of(3, POSITION[:9]), of(4, POSITION[:9]))
    shared = [masks.intermittent(0, step, POSITION[:9], 40, 6) for step in (3, 4)]
    assert not torch.equal(*shared)
