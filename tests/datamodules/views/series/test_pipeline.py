import pytest
import small_series
import torch

from manyviews.datamodules.views.series.jitter import Jitter
from manyviews.datamodules.views.series.pipeline import SeriesView, SeriesViews
from manyviews.datamodules.views.series.placement import Anywhere, Candidates
from manyviews.errors import ConfigError

ROWS = torch.tensor([3, 40, 17, 5])


def augmented():
    jitter = {"jitter": Jitter(probability=1.0, sigma=0.1)}
    return SeriesViews(large=SeriesView(2, jitter), plain=SeriesView(1, {}))


def test_a_view_without_operations_is_the_normalised_window():
    made = small_series.data(augmented())
    splits, batch = made.splits, made.batch(ROWS, epoch=0)
    window = splits.train.values(splits.train.start[ROWS])
    shift, scale = (torch.tensor(part)[:, None] for part in (splits.mean, splits.std))
    torch.testing.assert_close(batch.views[2], (window - shift) / scale)
    assert batch.view_label is None and torch.equal(batch.label, splits.train.label[ROWS])


def test_views_of_a_kind_differ_and_come_again_in_the_same_epoch_alone():
    made = small_series.data(augmented())
    first, again, later = (made.batch(ROWS, epoch) for epoch in (0, 0, 1))
    assert not torch.equal(first.views[0], first.views[1])
    assert torch.equal(first.views[0], again.views[0])
    assert not torch.equal(first.views[0], later.views[0])


def test_a_view_does_not_depend_on_the_rest_of_its_batch():
    made = small_series.data(small_series.candidates(4))
    whole, part = made.batch(ROWS, 2), made.batch(ROWS[1:2], 2)
    for a, b in zip(whole.views, part.views, strict=True):
        assert torch.equal(a[1:2], b)
    assert torch.equal(whole.view_label[:, 1:2], part.view_label)


def starts_of(made, epoch=0):
    """Where the views of all rows begin, by finding their windows in the recordings."""
    windows, sample = made.splits.train, made.trained.sample(ROWS, made.prepare(), epoch)
    every = windows.values(torch.arange(len(windows.recordings.value) - windows.length + 1))
    return [
        torch.stack([(every == row).all(2).all(1).nonzero()[0, 0] for row in view])
        for view in sample.input
    ], sample


def test_candidates_are_of_the_anchors_person_and_share_no_step_with_it():
    made = small_series.data(small_series.candidates(6))
    (anchor, *others), sample = starts_of(made)
    held = made.splits.train.recordings
    who = held.subject[torch.searchsorted(held.offset, anchor, right=True) - 1]
    assert torch.equal(who, made.splits.train.subject[ROWS])
    for start in others:
        recording = torch.searchsorted(held.offset, start, right=True) - 1
        assert torch.equal(held.subject[recording], who)
        assert bool(((start - anchor).abs() >= made.splits.train.length).all())
        inside = start + made.splits.train.length <= held.offset[recording + 1]
        assert bool(inside.all())
    expected = torch.stack([made.splits.train.labels(s) for s in (anchor, *others)])
    assert torch.equal(sample.view_label, expected) and torch.equal(sample.label, expected[0])


def test_shared_places_are_the_same_share_of_everyones_way():
    views = SeriesViews(
        1,
        anchor=SeriesView(1, {}, Anywhere(shared=True)),
        candidates=SeriesView(3, {}, Candidates(min_gap=0, shared=True)),
    )
    made = small_series.data(views, batch_size=4)
    rows = torch.arange(4)
    sample = made.trained.sample(rows, made.prepare(), 0)
    whole = made.starts.subject.diff()[:4]
    held = made.splits.train.recordings
    every = [made.splits.train.values(held.offset[r] + torch.arange(int(whole[r]))) for r in rows]
    for view in sample.input:
        at = [(every[r] == view[r]).all(2).all(1).nonzero()[0, 0] for r in rows]
        assert len({int(step) for step in at}) == 1  # all recordings have the same length


def test_rows_per_subject_replace_the_windows_in_training_alone():
    made = small_series.data(small_series.candidates(2, per_subject=3))
    assert len(made.trained.label) == 3 * 4 and len(made.loader()) == 12 // 8
    assert len(made.probed("train")) == int((made.splits.train.label >= 0).sum())
    assert made.trained.subject.tolist() == [s for s in range(4) for _ in range(3)]


def test_rows_per_subject_want_a_place_for_the_first_view():
    with pytest.raises(ConfigError, match="needs a place for view 0; type views=rebar"):
        SeriesViews(2, large=SeriesView(2, {}))


def test_data_too_short_for_candidates_are_refused():
    splits = small_series.waves(bouts=1, dwell=24)
    with pytest.raises(ConfigError, match="subject 'person 0' can have an anchor without any"):
        small_series.data(small_series.candidates(2), splits=splits)
