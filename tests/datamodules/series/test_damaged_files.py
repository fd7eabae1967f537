"""Damaged files end in one line that says what is wrong, or load; no reader raises other errors."""

import io
import pickle

import numpy as np
import pytest
import torch
from damage import damaged, with_odd_word
from wfdb_files import write_record

from manyviews.datamodules.series.custom import series
from manyviews.datamodules.series.public.har import har
from manyviews.datamodules.series.public.ppg import ppg
from manyviews.datamodules.series.readers.wfdb import read_record
from manyviews.errors import ConfigError

RNG = np.random.default_rng(0)
STEPS = 40
ROWS = [f"s{i // 20},{i // 10},{i % 10 / 50:g},{i},{i % 7}.5,{'ab'[i % 2]}" for i in range(STEPS)]
CSV = "\n".join(["subject,recording,t,ax,ay,label", *ROWS])
CASES = [f"{i},{i + 1},0,?,4:{i},7,1,2,3:{'ab'[i % 2]}" for i in range(6)]
HEADER = "@problemName x\n@timeStamps false\n@dimensions 2\n@equalLength true\n@seriesLength 5\n"
TS = "\n".join([f"#made up\n{HEADER}@classLabel true a b\n@data", *CASES])
ARFF = "\n".join(
    [
        "@relation x\n@attribute r relational\n@attribute t0 numeric",
        "@attribute t1 numeric\n@end r",
        "@attribute class {a,b}\n@data",
        *[f"'{i},{i + 1},3,4\\n5,6,{i},8',{'ab'[i % 2]}" for i in range(6)],
    ]
)
ARRAYS = {
    "value": RNG.normal(size=(STEPS, 2)).astype(np.float32),
    "length": np.array([10, 10, 10, 10]),
    "subject": np.array(list("aabb")),
    "name": np.array(["r1", "r2", "r3", "r4"]),
    "label": np.array(["walk", "run", "walk", "run"]),
    "channels": np.array(["ax", "ay"]),
    "rate": np.array(50.0),
}
ODD = [
    np.array([]),
    np.array(3),
    np.array([[1, 2], [3, 4]]),
    np.array(["a", ""]),
    np.array([b"a", b"b", b"a", b"b"]),
    np.array([1 + 2j] * 4),
    np.array([True, False, True, False]),
    np.array([np.nan, 1, np.inf, -1]),
    np.array([-5, 10, 25, 10]),
    np.array([2**64 - 1, 2, 3, 2**63], dtype=np.uint64),
    np.array(["2024-01-01"] * 4, dtype="M8[D]"),
    np.zeros(4, dtype=[("x", "f4")]),
    np.array([1e300, -1e300, 1e39, 0.0]).reshape(2, 2),
    np.zeros((0, 2)),
    np.zeros((4, 10, 2)),
    np.array(["a\nb", "c", "a\nb", "c"]),
]


def packed(arrays):
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def attempt(path, raw, **options):
    """Return what is read, or None if it was refused in one line."""
    path.write_bytes(raw)
    try:
        return series(str(path), by="recording", nan="keep", window=2, **options)
    except ConfigError as error:
        assert len(str(error).splitlines()) == 1 and str(error).isprintable(), repr(str(error))
        return None


@pytest.mark.parametrize(
    ("text", "ending"), [(TS, "ts"), (CSV, "csv"), (ARFF, "arff")], ids=["ts", "csv", "arff"]
)
def test_damaged_texts_are_refused_in_one_line_or_load(tmp_path, text, ending):
    path = tmp_path / f"x.{ending}"
    assert attempt(path, text.encode()) is not None
    files = [damaged(text.encode(), seed) for seed in range(30)]
    files += [with_odd_word(text, seed) for seed in range(40)]
    read = [attempt(path, raw) for raw in files]
    assert sum(splits is None for splits in read) > 20
    for splits in filter(None, read):
        assert not splits.train.recordings.value.isinf().any()


def test_a_damaged_npz_is_refused_in_one_line_or_loads_unchanged(tmp_path):
    path, raw = tmp_path / "x.npz", packed(ARRAYS)
    whole = attempt(path, raw)
    for seed in range(40):
        splits = attempt(path, damaged(raw, seed))
        assert splits is None or torch.equal(
            splits.train.recordings.value, whole.train.recordings.value
        )


@pytest.mark.parametrize("key", [*ARRAYS, "offset", "interval", "interval_label", "classes"])
def test_odd_arrays_in_an_npz_are_refused_in_one_line_or_load(tmp_path, key):
    for odd in ODD:
        attempt(tmp_path / "x.npz", packed({**ARRAYS, key: odd}))


def test_damaged_records_are_refused_in_one_line_or_load(tmp_path):
    write_record(tmp_path, "r", RNG.integers(-2000, 2000, (50, 2)), [(1, "N"), (2000, "AFIB")])
    for ending in ("hea", "dat", "atr"):
        file = tmp_path / f"r.{ending}"
        raw = file.read_bytes()
        files = [damaged(raw, seed) for seed in range(20)]
        if ending == "hea":
            files += [with_odd_word(raw.decode(), seed) for seed in range(40)]
        for changed in files:
            file.write_bytes(changed)
            try:
                read_record(tmp_path / "r.hea")
            except ConfigError as error:
                assert len(str(error).splitlines()) == 1 and str(error).isprintable(), repr(error)
        file.write_bytes(raw)


def test_damaged_pickles_of_wesad_are_refused_in_one_line_or_load(tmp_path):
    content = {"signal": {"wrist": {"BVP": RNG.normal(size=(640, 1))}}, "label": np.ones(7000, int)}
    raw = pickle.dumps(content, protocol=2)
    for subject in ("S2", "S3"):
        (tmp_path / subject).mkdir()
        (tmp_path / subject / f"{subject}.pkl").write_bytes(raw)
    for seed in range(60):
        part = damaged(raw[:400], seed) + raw[400:] if seed % 3 else damaged(raw, seed)
        (tmp_path / "S2" / "S2.pkl").write_bytes(part)
        try:
            ppg(str(tmp_path), window="1s")
        except ConfigError as error:
            assert str(error).isprintable(), repr(error)


def test_damaged_text_files_of_hapt_are_refused_in_one_line_or_load(tmp_path):
    (tmp_path / "RawData").mkdir()
    texts = {
        f"{s}_exp0{e}_user0{e}.txt": "1 2 3\n4 5 6.5\n" * 10
        for s in ("acc", "gyro")
        for e in (1, 2)
    }
    texts["labels.txt"] = "1 1 5 1 10\n2 2 4 1 20\n"
    for name, text in texts.items():
        (tmp_path / "RawData" / name).write_text(text)
    for name in ("acc_exp01_user01.txt", "labels.txt"):
        for seed in range(40):
            raw = texts[name].encode()
            changed = with_odd_word(texts[name], seed) if seed % 2 else damaged(raw, seed // 2)
            (tmp_path / "RawData" / name).write_bytes(changed)
            try:
                har(str(tmp_path), window=5)
            except ConfigError as error:
                assert str(error).isprintable(), repr(error)
        (tmp_path / "RawData" / name).write_text(texts[name])
