import base64
import json
import math

import numpy as np
import pytest

from manyviews.dashboards import curves


def unpacked(packed):
    numbers = np.frombuffer(base64.b64decode(packed["bytes"]), "<u2").astype(float)
    counts, places = np.split(numbers, 2)
    ends = [packed["low"], packed["high"]]
    low, high = map(math.log, ends) if packed["log"] else ends
    values = low + places / 65535 * (high - low)
    steps = packed["first"] + packed["unit"] * np.cumsum(counts)
    return steps, np.exp(values) if packed["log"] else values


@pytest.mark.parametrize(
    "values", [[0.5, 0.5, 0.5, 0.5], [-1.0, 2.0, 0.25, 2.0], [400.0, 30.0, 0.01, 1e-6]]
)
def test_packed_curves_come_back(values):
    steps = [10, 20, 40, 600_000]
    found, back = unpacked(curves.packed([*zip(steps, values, strict=True)]))
    assert found.tolist() == steps
    wide = min(values) > 0 and max(values) > 30 * min(values)
    assert back == pytest.approx(values, rel=4e-4 if wide else 1e-9, abs=0 if wide else 5e-5)


def test_one_point_is_a_curve():
    steps, values = unpacked(curves.packed([(7, 0.25)]))
    assert (steps.tolist(), values.tolist()) == ([7], [0.25])


def test_lows_and_highs_of_long_curves_are_kept_and_gaps_are_told(tmp_path):
    lines = [{"step": i, "epoch": 0, "train/loss": 1.0, "name": "text"} for i in range(1, 2001)]
    lines[700]["train/loss"], lines[900]["train/loss"] = 9.0, -9.0
    lines[1500]["train/loss"] = math.nan
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "metrics.jsonl").write_text(text + '{"step": 2001, "train/lo')
    found = curves.read(tmp_path, None)
    assert len(found.points["train/loss"]) <= 200
    assert {(701, 9.0), (901, -9.0)} < {*found.points["train/loss"]}
    assert found.not_finite == {"train/loss": 1501} and found.points.keys() == {"train/loss"}


def test_time_is_the_sum_of_batches_over_their_speed(tmp_path):
    speeds = [{"step": 10, curves.SPEED: 100.0}, {"step": 30, curves.SPEED: 50.0}]
    text = "".join(json.dumps(line) + "\n" for line in speeds)
    (tmp_path / "metrics.jsonl").write_text(text)
    assert curves.read(tmp_path, 32).seconds == [(10, 3.2), (30, pytest.approx(16.0))]
    assert curves.read(tmp_path, None).seconds == []


def test_a_run_without_metrics_has_no_curve(tmp_path):
    assert curves.read(tmp_path, 32) == ({}, {}, [])
