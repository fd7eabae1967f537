from dataclasses import replace

import numpy as np
import pytest
import torch
from small_series import candidates, data, waves, windows

from manyviews.datamodules.series.baselines import mean_std, spectrum
from manyviews.datamodules.series.drawing import draw_series
from manyviews.datamodules.series.splits import SeriesSplits
from manyviews.errors import ConfigError
from manyviews.evaluation.gallery import some, views_of


def test_controls_are_features_of_the_normalised_labelled_windows():
    made = data(windows())
    (clean,) = made.clean("test", made.probed("test"))
    controls = made.controls()
    assert torch.equal(controls["mean_std"]("test"), mean_std(clean.input))
    assert torch.equal(controls["spectrum"]("test"), spectrum(clean.input))


@pytest.mark.parametrize(
    ("split", "people"),
    [("train", {1, 2, 3}), ("val", {0}), ("test", {4, 5})],
)
def test_every_window_of_each_split_names_its_person(split, people):
    made = data(windows(), splits=waves(val=["person 0"]))
    found = made.groups(split)
    assert found is not None
    group, names = found
    assert len(group) == len(made.rows_of(split).label)
    assert {names[p] for p in group.tolist()} == {f"person {p}" for p in people}
    rows = made.probed(split)
    clean = torch.cat([sample.group for sample in made.clean(split, rows)])
    assert torch.equal(clean, group[rows])
    assert len(made.controls()["mean_std"](split)) == len(rows)


def test_windows_of_nobody_known_have_no_groups():
    known = waves()
    parts = (replace(p, recordings=replace(p.recordings, knows_subjects=False))
             for p in (known.train, known.test))  # fmt: skip
    made = data(windows(), splits=SeriesSplits("d", *parts, known.classes, known.mean, known.std))
    assert made.groups("test") is None
    assert next(made.clean("test")).group is None


def test_a_validation_split_that_is_not_there_says_how_to_have_one():
    with pytest.raises(ConfigError, match="data=waves has no validation split; type data.val=0.1"):
        data(windows()).probed("val")


def test_pictures_are_views_as_lines_and_originals_stand_on_the_same_scale():
    made = data(windows())
    rows = torch.tensor([3, 0])
    (view,) = made.batch(rows, 0).views
    assert np.array_equal(made.pictures(view), draw_series(view))
    assert np.array_equal(made.originals(made.trained, rows), made.pictures(view))


def test_the_sheet_shows_rows_that_are_not_the_windows_of_the_split():
    made = data(candidates(2, per_subject=3))  # 12 rows, 60 windows
    rows = some(made)
    shown = views_of(made, rows, 0)
    assert list(shown) == ["originals", "view_0", "view_1", "view_2"]
    trained = made.trained.values(made.trained.start[rows])
    assert len(shown["originals"]) == len(rows) == len(trained)
    assert rows.max() < len(made.trained.label)
