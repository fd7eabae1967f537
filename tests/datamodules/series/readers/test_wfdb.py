import numpy as np
import pytest
from wfdb_files import annotated, packed, write_record

from manyviews.datamodules.series.readers.wfdb import read_record, rhythms, unpack
from manyviews.errors import ConfigError

SAMPLES = [[0, -1], [2047, -2047], [-5, 300], [-2048, 7]]


def test_twelve_bits_are_unpacked_with_their_sign():
    raw = np.frombuffer(packed(SAMPLES), np.uint8)
    assert unpack(raw).tolist() == SAMPLES


def test_bytes_lie_as_the_format_says():
    # 0x12C = 300 and -2 = 0xFFE: low byte, both high nibbles (the second above), low byte
    assert unpack(np.array([0x2C, 0xF1, 0xFE], np.uint8)).tolist() == [[300, -2]]


def test_rhythms_are_found_between_beats_and_over_long_gaps():
    wanted = [(30, "N"), (500, "AFIB"), (500_000, "J"), (9_000_000, "AFL")]
    assert rhythms(annotated(wanted)) == wanted


def test_a_rhythm_as_it_stands_in_a_file():
    # code 28 after 30 samples; 5 bytes of text and a filling one; end
    raw = bytes([0x1E, 0x70, 0x05, 0xFC]) + b"(AFIB\0" + b"\0\0"
    assert rhythms(raw) == [(30, "AFIB")]


def test_a_record_is_read_in_physical_units(tmp_path):
    write_record(tmp_path, "r", SAMPLES, [(1, "N")])
    record = read_record(tmp_path / "r.hea")
    wanted = np.array(SAMPLES) / 200
    wanted[3, 0] = np.nan
    np.testing.assert_allclose(record.value, wanted, rtol=1e-6)
    assert record.rate == 250 and record.channels == ("ECG1", "ECG2")
    assert record.rhythm == [(1, "N")]


def test_gain_and_baseline_of_the_header_are_used(tmp_path):
    write_record(tmp_path, "r", SAMPLES, [(1, "N")], gain="100(10)/mV")
    assert read_record(tmp_path / "r.hea").value[0, 0] == pytest.approx(-0.1)


@pytest.mark.parametrize(
    ("ending", "change", "said"),
    [
        ("atr", None, r"No such file"),
        ("dat", None, r"r.dat is no file"),
        ("dat", lambda raw: raw[:-1], r"it has 4 steps, but its .dat file 3"),
        ("atr", lambda raw: raw[:-2], r"the annotations are truncated"),
        ("atr", lambda raw: b"", r"list index out of range"),
        ("hea", lambda raw: raw.replace(b" 212 ", b" 16 "), r"only two signals of format 212"),
        ("hea", lambda raw: raw.replace(b"r 2 ", b"r 3 "), r"only two signals of format 212"),
        ("hea", lambda raw: raw.replace(b" 200 ", b" mV "), r"gain 'mV'"),
        ("hea", lambda raw: b"r 2\n", r"not enough values"),
    ],
)
def test_records_that_are_not_whole_are_named(tmp_path, ending, change, said):
    write_record(tmp_path, "r", SAMPLES, [(1, "N")])
    file = tmp_path / f"r.{ending}"
    if change:
        file.write_bytes(change(file.read_bytes()))
    else:
        file.unlink()
    with pytest.raises(ConfigError, match=rf"r.hea: the record cannot be read \(.*{said}"):
        read_record(tmp_path / "r.hea")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b" 250 ", b" x ", r"could not convert string to float"),
        (b" 250 ", b" inf ", r"rate inf, 4 steps"),
        (b" 250 4 ", b" 250 -4 ", r"rate 250, -4 steps"),
        (b" 200 ", b" 1e300 ", r"gain 1e\+300, zero 0"),
        (b"r.dat", b"../../etc/passwd", r"(is no file|Invalid name)"),
    ],
)
def test_headers_without_sense_are_named(tmp_path, old, new, said):
    write_record(tmp_path, "r", SAMPLES, [(1, "N")])
    file = tmp_path / "r.hea"
    file.write_bytes(file.read_bytes().replace(old, new))
    with pytest.raises(ConfigError, match=rf"r.hea: the record cannot be read \(.*{said}"):
        read_record(file)
