import numpy as np
import pytest
from wfdb_files import write_record

from manyviews.datamodules.series.public.ecg import RATE, clean, ecg
from manyviews.errors import ConfigError

SECOND = int(RATE)


def samples(seed, seconds=8):
    return np.random.default_rng(seed).integers(-500, 500, size=(seconds * SECOND, 2))


@pytest.fixture
def root(tmp_path):
    """Two records with signals, and one that has annotations alone."""
    rhythm = [(SECOND, "AFIB"), (3 * SECOND, "AFL"), (4 * SECOND, "N")]
    for seed, name in enumerate(("04015", "08455", "00735")):
        write_record(tmp_path, name, samples(seed), rhythm)
    (tmp_path / "00735.dat").unlink()
    return tmp_path


def test_rhythms_label_what_follows_them(root):
    splits = ecg(str(root), window="1s")
    assert splits.train.recordings.names == ("04015",) and splits.size == (250,)
    assert splits.train.label.tolist() == [-1, 0, 0, -1, 1, 1, 1, 1]
    assert splits.classes == ("AFIB", "N")


def test_each_lead_of_a_record_has_mean_0_and_deviation_1(root):
    value = ecg(str(root), window="1s").test.recordings.value
    assert value.mean(0).tolist() == pytest.approx([0, 0], abs=1e-4)
    assert value.std(0).tolist() == pytest.approx([1, 1], rel=1e-3)


def test_drift_and_mains_are_removed_and_beats_stay():
    t = np.arange(60 * SECOND) / RATE
    beats, drift, mains = (np.sin(2 * np.pi * f * t) for f in (5.0, 0.1, 50.0))
    cleaned = clean((beats + 5 * drift + 2 * mains).astype(np.float32))[5 * SECOND : -5 * SECOND]
    assert np.corrcoef(cleaned, beats[5 * SECOND : -5 * SECOND])[0, 1] > 0.999


def test_missing_samples_take_the_mean():
    lead = samples(0)[:, 0].astype(np.float32)
    lead[100] = np.nan
    assert np.isfinite(clean(lead)).all()


def test_another_rate_is_refused(tmp_path):
    write_record(tmp_path, "100", samples(0), [(0, "N")], rate=360)
    with pytest.raises(ConfigError, match=r"360 Hz, afdb has 250; fetch afdb"):
        ecg(str(tmp_path))


def test_what_to_fetch_is_said(tmp_path):
    with pytest.raises(
        ConfigError, match=r"holds nothing and .*ecg does not exist; fetch.*04015.hea"
    ):
        ecg(str(tmp_path))


@pytest.mark.parametrize("samples", [[[1, 2]] * 20, [[-2048, 2]] * 300])
def test_a_record_without_a_signal_is_named(tmp_path, samples):
    write_record(tmp_path, "1", samples, [(1, "N")])
    with pytest.raises(ConfigError, match=r"1.dat: a lead of (20|300) steps has no signal; fetch"):
        ecg(str(tmp_path))
