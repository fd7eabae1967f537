import os

import numpy as np
import pytest
from pictures import noise
from PIL import Image

from manyviews.datamodules.images.scan import scan


@pytest.fixture
def paths(tmp_path):
    """A colour, a grey, a broken file and a copy of the first."""
    paths = [tmp_path / name for name in ("colour.png", "grey.png", "broken.png", "copy.png")]
    noise(12, 20).save(paths[0])
    noise(9, 8, seed=1).convert("L").save(paths[1])
    paths[2].write_text("no image")
    noise(12, 20).save(paths[3])
    return paths


def test_a_look_tells_sizes_kinds_copies_and_what_is_broken(paths):
    scanned = scan(paths, workers=2)
    assert scanned.size.tolist() == [[12, 20], [9, 8], [0, 0], [12, 20]]
    assert scanned.colour.tolist() == [True, False, False, True]
    assert [bool(reason) for reason in scanned.reason] == [False, False, True, False]
    assert np.array_equal(scanned.digest[0], scanned.digest[3])
    assert not np.array_equal(scanned.digest[0], scanned.digest[1])
    assert np.array_equal(scanned.thumbnail[0], scanned.thumbnail[3])
    assert not np.array_equal(scanned.thumbnail[0], scanned.thumbnail[1])


def test_moments_and_histogram_are_those_of_the_pixels(paths):
    scanned = scan(paths, workers=1)
    value = np.asarray(noise(12, 20)) / 255
    assert scanned.moments[0, :3, 0] == pytest.approx(value.mean((0, 1)), abs=1e-6)
    assert scanned.moments[0, :3, 1] == pytest.approx((value**2).mean((0, 1)), abs=1e-6)
    assert scanned.histogram.sum(1) == pytest.approx([3] * 4)
    assert scanned.histogram[0, 7] * 240 == pytest.approx(
        2 * (np.asarray(noise(12, 20))[..., 0] == 7).sum()
        + 240 / 72 * (np.asarray(noise(9, 8, seed=1).convert("L")) == 7).sum(),
        rel=1e-5,
    )


def test_a_second_look_is_kept_until_a_file_changes(paths, monkeypatch):
    scan(paths, workers=1)
    monkeypatch.setattr("manyviews.datamodules.images.scan.decode", None)  # a look would fail
    kept = scan(paths, workers=1)
    assert kept.size[0].tolist() == [12, 20] and kept.reason[0] == ""
    monkeypatch.undo()
    noise(5, 6).save(paths[0])
    assert scan(paths, workers=1).size[0].tolist() == [5, 6]


def test_nothing_is_lost_where_the_cache_cannot_be_written(paths, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MANYVIEWS_CACHE", str(tmp_path / "file"))
    assert scan(paths, workers=1).size[1].tolist() == [9, 8]


def test_one_white_holds_for_all_images_of_more_than_8_bits(tmp_path):
    values = np.arange(64, dtype=np.uint16).reshape(8, 8)
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    Image.fromarray(values * 3).save(paths[0])  # up to 189
    Image.fromarray(values * 60).save(paths[1])  # up to 3780, so 12 bits
    noise(8, 8).save(paths[2])
    scanned = scan(paths, workers=1)
    assert scanned.white == 4095 and scanned.peak.tolist() == [189, 3780, 0]
    assert scanned.done.tolist() == ["deep", "deep", ""]
    means = [np.rint(values * factor / 4095 * 255).mean() / 255 for factor in (3, 60)]
    assert scanned.moments[:2, 3, 0] == pytest.approx(means, abs=1e-6)
    assert scan(paths[2:], workers=1).white is None


def test_a_pipe_is_named_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    assert scan([tmp_path / "a.png"], workers=1).reason.tolist() == ["a named pipe, not a file"]
