import os
import pickle

import numpy as np
import pytest

from manyviews.datamodules.series.public.ppg import LABEL_RATE, RATE, at_pulse, clean, ppg
from manyviews.errors import ConfigError


def python_2(content):
    """A pickle as Python 2 wrote them: old names of numpy, byte strings as keys."""
    raw = pickle.dumps(content, protocol=2).replace(b"cnumpy._core.", b"cnumpy.core.")
    for key in (b"signal", b"wrist", b"BVP", b"label"):
        size = len(key).to_bytes(4, "little")
        raw = raw.replace(b"X" + size + key, b"T" + size + key)
    return raw


def write(root, subject, content):
    (root / subject).mkdir()
    (root / subject / f"{subject}.pkl").write_bytes(content)


@pytest.fixture
def root(tmp_path):
    """Two people, ten seconds each: four of baseline, then stress."""
    for i, subject in enumerate(("S10", "S2")):
        pulse = np.random.default_rng(i).normal(size=(10 * RATE, 1))
        label = np.repeat([1, 2], [4 * LABEL_RATE, 6 * LABEL_RATE]).astype(np.int32)
        content = {"signal": {"wrist": {"BVP": pulse}}, "label": label}
        write(tmp_path, subject, python_2(content))
    return tmp_path


def test_people_and_their_conditions_are_read(root):
    splits = ppg(str(root), window="1s")
    assert splits.train.recordings.subjects == ("S2", "S10")
    assert splits.train.label.tolist() == [0] * 4 + [1] * 6
    assert splits.size == (64,) and splits.channels == 1


@pytest.mark.parametrize("content", [os.system, print, {"label": eval}, np.load])
def test_a_pickle_that_names_anything_else_is_refused(tmp_path, content):
    write(tmp_path, "S2", pickle.dumps(content, protocol=2))
    with pytest.raises(ConfigError, match=r"no recording of WESAD \(it wants to call"):
        ppg(str(tmp_path))


def test_a_pickle_that_would_run_code_does_not(tmp_path):
    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "ran"),))

    write(tmp_path, "S2", pickle.dumps({"signal": Evil()}, protocol=2))
    with pytest.raises(ConfigError, match=r"it wants to call posix.mkdir"):
        ppg(str(tmp_path))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [{"signal": 1}, {"signal": {}}, [1], "text"])
def test_other_content_is_named(tmp_path, content):
    write(tmp_path, "S2", pickle.dumps(content, protocol=2))
    with pytest.raises(ConfigError, match=r"S2.pkl is no recording of WESAD .* fetch WESAD"):
        ppg(str(tmp_path))


def test_a_file_that_is_cut_off_is_named(root):
    file = root / "S2" / "S2.pkl"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ConfigError, match=r"S2.pkl is no recording of WESAD"):
        ppg(str(root), window="1s")


def test_what_to_fetch_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"holds nothing and .*ppg does not exist; fetch.*S2.pkl"):
        ppg(str(tmp_path))


def test_labels_begin_where_they_begin_and_end_with_their_array():
    label = np.repeat([0, 3, 7], [LABEL_RATE, 2 * LABEL_RATE, LABEL_RATE])
    made = at_pulse(label, 5 * RATE)
    assert made.tolist() == [-1] * RATE + [2] * 2 * RATE + [-1] * 2 * RATE


def test_the_band_passes_a_pulse_and_stops_drift_and_tremor():
    t = np.arange(60 * RATE) / RATE
    size = {f: np.std(clean(np.sin(2 * np.pi * f * t))[10 * RATE :]) for f in (0.05, 1.2, 25.0)}
    assert size[1.2] == pytest.approx(np.sqrt(0.5), rel=0.03)
    assert size[0.05] < 0.02 and size[25.0] < 0.03


@pytest.mark.parametrize(
    ("pulse", "label", "said"),
    [
        (np.zeros((0, 1)), np.ones(9, np.int32), r"0 values and 9 int32 labels"),
        (np.ones((9, 1)), np.zeros(0, np.int32), r"9 values and 0 int32 labels"),
        (np.ones((9, 1)), np.full(9, np.nan), r"9 values and 9 float64 labels"),
        (np.full((9, 1), np.nan), np.ones(9, np.int32), r"other than finite numbers"),
    ],
)
def test_recordings_without_a_pulse_or_labels_are_named(tmp_path, pulse, label, said):
    content = {"signal": {"wrist": {"BVP": pulse}}, "label": label}
    write(tmp_path, "S2", pickle.dumps(content, protocol=4))
    with pytest.raises(ConfigError, match=rf"S2.pkl is no recording of WESAD \(.*{said}"):
        ppg(str(tmp_path))
