import numpy as np
import torch
from small_series import candidates, data, windows

from manyviews.datamodules.series.baselines import mean_std, spectrum
from manyviews.datamodules.series.drawing import draw_series
from manyviews.evaluation.gallery import some, views_of


def test_controls_are_features_of_the_normalised_labelled_windows():
    made = data(windows())
    (clean,) = made.clean("test", made.probed("test"))
    controls = made.controls()
    assert torch.equal(controls["mean_std"]("test"), mean_std(clean.input))
    assert torch.equal(controls["spectrum"]("test"), spectrum(clean.input))


def test_every_window_names_its_subject():
    made = data(windows())
    subjects = made.subjects("test")
    assert subjects is not None
    person, names = subjects
    assert len(person) == len(made.splits.test.label)
    assert {names[p] for p in person.tolist()} == {"person 4", "person 5"}


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
