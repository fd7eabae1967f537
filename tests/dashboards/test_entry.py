import json
import math
import time
from pathlib import Path

import pytest
from synthetic_runs import write

from manyviews.dashboards.collect import collect, runs_below
from manyviews.dashboards.entry import entry, standing
from manyviews.runs.status import Status
from manyviews.sweeps.boards.found import find


@pytest.mark.parametrize(
    ("state", "reason", "silent", "told"),
    [
        ("finished", "", 1e6, ("finished", "", False)),
        ("training", "", 5, ("training", "", True)),
        ("training", "", 7200, ("training", "no sign of life for 2.0 h", False)),
        ("failed", "OSError: full", 5, ("failed", "OSError: full", False)),
        ("failed", "NotFinite: loss", 5, ("diverged", "NotFinite: loss", False)),
        ("pruned", "others were better", 5, ("pruned", "others were better", False)),
    ],
)
def test_state_and_reason_of_a_run(state, reason, silent, told):
    assert standing(Status(state, reason, heartbeat=time.time() - silent)) == told


def test_an_entry_tells_score_interval_protocol_and_cost(tmp_path):
    run = write(tmp_path / "runs", 7, records=10)
    (found,), _ = find([run])
    made = entry(found, tmp_path)
    assert made.scores["val/knn@1/top1"] == (0.507, 0.487, 0.507, 500, "knn@1 0123456789ab")
    assert made.cost == {
        "seconds": 67.0,
        "images_per_s": 1280.0,
        "memory": None,
        "parameters": 1234,
        "backbone_parameters": None,
    }
    assert (made.report, made.seed) == ("runs/run-007/report/index.html", 2)
    assert made.pictures.keys() == {"views", "neighbours"}


def test_a_name_with_a_colon_is_no_scheme(tmp_path):
    run = write(tmp_path, 0, records=1).rename(tmp_path / "javascript:alert(1)")
    (found,), _ = find([run])
    assert entry(found, tmp_path).report == "javascript%3Aalert%281%29/report/index.html"


def test_damaged_files_are_left_out_of_an_entry(tmp_path):
    run = write(tmp_path, 0, records=1)
    (run / "ledger.json").write_text("{")
    (run / "report" / "gallery.npz").write_bytes(b"PK\x03\x04 torn")
    (run / "metrics.jsonl").write_bytes(b"\xff\x00")
    (found,), _ = find([run])
    made = entry(found, tmp_path)
    assert made.pictures == {} and made.curves.points == {} and made.images_per_step is None


def test_numbers_that_json_lacks_become_null(tmp_path):
    run = write(tmp_path, 0, records=1)
    file = run / "report" / "report.json"
    card = json.loads(file.read_text())
    card["scores"][0] |= {"value": math.nan, "low": math.inf}
    file.write_text(json.dumps(card))
    content, _ = collect(runs_below([tmp_path]), Path(tmp_path))
    text = json.dumps(content, allow_nan=False)
    place = [m["name"] for m in content["metrics"]].index("val/knn@1/top1")
    assert content["runs"][0]["scores"][place][:3] == [None, None, 0.5] and "NaN" not in text
