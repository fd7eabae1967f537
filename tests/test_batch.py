import pytest
import torch

from manyviews.batch import Batch, check

LABEL, POSITION = torch.zeros(4, dtype=torch.int64), torch.arange(4)


def test_a_batch_that_fits_comes_back():
    batch = Batch([torch.zeros(4, 1, 8, 8), torch.zeros(4, 1, 6, 6)], LABEL, POSITION)
    assert check(batch) is batch
    single = Batch([torch.zeros(4, 6, 20)], LABEL, POSITION)  # of a series
    assert check(single) is single


@pytest.mark.parametrize(
    ("views", "label", "said"),
    [
        ([], LABEL, "at least 1 view, got 0"),
        ([torch.zeros(4, 1, 8, 8), torch.zeros(3, 1, 8, 8)], LABEL, "view 1"),
        ([torch.zeros(4, 1, 8, 8, dtype=torch.uint8)] * 2, LABEL, "view 0 is torch.uint8"),
        ([torch.zeros(4, 1, 8, 8)] * 2, LABEL[:3], "labels"),
    ],
)
def test_what_does_not_fit_is_named(views, label, said):
    with pytest.raises(ValueError, match=said):
        check(Batch(views, label, POSITION))
