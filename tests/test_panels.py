"""Panels are stored and read back whole."""

import numpy as np
import pytest

from manyviews import panels
from manyviews.panels import Heatmap, Line, Panel, Picture, Pictures, Plot, Points, Table

RNG = np.random.default_rng(0)


def image(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def examples():
    """A panel with a block of every kind."""
    blocks = [
        Table(["class", "recall"], [["boot", "98.0 %"]]),
        Plot("Loss", [Line("train", [1, 2], [3.5, 2.5])], "step", "loss", log_x=True),
        Heatmap("", np.array([[1.0, np.nan]]), ["a"], ["b", "c"]),
        Pictures([[Picture(image(3, 4, 5), "boot", "query")]]),
        Points(
            "Map", RNG.random(3), RNG.random(3), np.array([0, 1, -1]), ["a", "b"], image(3, 1, 2, 2)
        ),
    ]
    return [Panel("all", "All", "Every kind of block.", blocks)]


def same(one, other):
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, str) or not isinstance(one, list | tuple):
        return one == other
    if hasattr(one, "_fields") and type(one) is not type(other):
        return False  # a plain sequence is read back as a list
    return len(one) == len(other) and all(map(same, one, other))


def test_panels_are_read_back_as_they_were_written(tmp_path):
    made = examples()
    panels.save(tmp_path / "panels.npz", made)
    assert same(panels.load(tmp_path / "panels.npz"), made)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04"])
def test_a_missing_or_damaged_file_has_no_panels(tmp_path, content):
    if content is not None:
        (tmp_path / "panels.npz").write_bytes(content)
    assert panels.load(tmp_path / "panels.npz") == []


def test_a_cut_file_has_no_panels(tmp_path):
    panels.save(tmp_path / "panels.npz", examples())
    whole = (tmp_path / "panels.npz").read_bytes()
    (tmp_path / "panels.npz").write_bytes(whole[: len(whole) // 2])
    assert panels.load(tmp_path / "panels.npz") == []
