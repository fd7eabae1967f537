import hashlib
import inspect
from importlib import resources

import numpy as np
import pytest
import torch

from manyviews.datamodules.embedded import make_watch as maker
from manyviews.datamodules.series.public.watch import watch
from manyviews.datamodules.series.windows import grid
from manyviews.errors import ConfigError
from manyviews.evaluation.measures.intervals import FEWEST_GROUPS

recordings = inspect.unwrap(watch)  # before windows are cut and split
PER_SUBJECT = [220, 212, 119, 116, 191, 186, 206, 191, 190, 202]


def test_the_file_holds_the_values_of_its_source():
    file = resources.files("manyviews.datamodules.embedded") / "watch.npz"
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        value = arrays["difference"].cumsum(1, dtype=np.int16).T
        length = arrays["length"]
    wanted = [-1863799, 92608656, -35884460, 6185755, -378066, 2874320]
    assert value.shape == (244_102, 6)
    assert value.sum(0, dtype=np.int64).tolist() == wanted
    assert length[:5].tolist() == [1333, 2458, 2197, 1597, 2407] and length.sum() == len(value)
    raw = np.ascontiguousarray(value).astype("<i2").tobytes()
    assert hashlib.sha256(raw).hexdigest() == maker.VALUES


def test_differences_are_undone_by_a_sum_also_where_they_wrap():
    value = np.array([[30_000, -5], [-30_000, 7], [12, 0]], dtype=np.int16)
    assert np.array_equal(maker.differences(value).cumsum(1, dtype=np.int16).T, value)


def test_a_wheel_of_another_content_is_not_unpickled(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "x.whl", "w") as wheel:
        wheel.writestr(maker.MEMBER, b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(SystemExit, match=r"is not the file of seglearn 1.2.5"):
        maker.main(str(tmp_path / "x.whl"))


def test_every_subject_has_the_windows_that_were_counted():
    windows = grid(recordings(), 128)
    assert windows.subject.bincount().tolist() == PER_SUBJECT
    offset, of = windows.recordings.offset, windows.recording
    assert (windows.start >= offset[of]).all()
    assert (windows.start + 128 <= offset[of + 1]).all()


def test_recordings_lie_subject_after_subject_and_hold_one_exercise_each():
    made = recordings()
    assert len(made) == 140 and made.subjects == tuple(map(str, range(1, 11)))
    assert torch.equal(made.subject, torch.arange(10).repeat_interleave(14))
    assert len(set(made.names)) == 140
    parts = made.label.split(made.length.tolist())
    assert [len(part.unique()) for part in parts] == [1] * 140


def test_gravity_has_the_size_that_it_should():
    acceleration = recordings().value[:, :3].norm(dim=1)
    assert float(acceleration.median()) == pytest.approx(1, abs=0.1)


def test_four_people_train_one_is_for_choosing_and_five_for_testing():
    splits = watch()
    assert splits.size == (128,) and splits.channels == 6 and splits.val is not None
    counts = [len(part.label) for part in (splits.train, splits.val, splits.test)]
    assert counts == [667, 191, 975]  # as docs/series.md says
    people = [part.subject.unique().tolist() for part in (splits.train, splits.val, splits.test)]
    assert people == [[0, 1, 2, 3], [4], [5, 6, 7, 8, 9]]
    for part in (splits.train, splits.val, splits.test):
        assert part.label.unique().tolist() == [*range(7)]
    assert len(splits.test.subject.unique()) >= FEWEST_GROUPS


def test_seconds_and_other_splits_can_be_asked_for():
    assert watch(window="5.12s").size == (256,)
    left_out = watch(by="leave-one-subject-out", test="3")
    assert len(left_out.test.label) == PER_SUBJECT[2]
    assert watch(val=None).train.subject.unique().tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ConfigError, match="no subject '5'; outside the test split .*data.val=null"):
        watch(test=["5"])
