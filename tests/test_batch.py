import pytest
import torch

from manyviews.batch import Batch, as_batch, check

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


VIEW = torch.zeros(4, 1, 8, 8)


def test_a_pair_of_views_and_labels_becomes_a_batch():
    for pair in (([VIEW, VIEW], LABEL), [(VIEW, VIEW), LABEL]):
        made = as_batch(pair)
        assert [*made.views] == [VIEW, VIEW] and made.label is LABEL
        assert made.position.tolist() == [0, 1, 2, 3] and made.view_label is None
    assert as_batch((VIEW, LABEL)).views == [VIEW]
    batch = Batch([VIEW], LABEL, POSITION)
    assert as_batch(batch) is batch


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (VIEW, "a batch is a Tensor; yield Batch"),
        ([VIEW, VIEW, LABEL], r"a batch is a list of 3; yield Batch\(views="),
        ({"views": [VIEW]}, "a batch is a dict; yield Batch"),
        (([VIEW, 3], LABEL), "are no views and labels; yield Batch"),
        (([VIEW], None), "are no views and labels"),
    ],
)
def test_another_kind_of_batch_shows_what_to_build(given, said):
    with pytest.raises(ValueError, match=said):
        as_batch(given)
