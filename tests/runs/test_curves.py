import json
from itertools import pairwise
from pathlib import Path

from manyviews.runs.curves import curves, thinned


def test_loss_and_online_scores_are_read_and_their_parts_and_gaps_left_out():
    records = [
        {"step": 1, "train/loss": 3.0, "train/loss/part": 1.0, "train/lr": 0.1},
        {"step": 2, "train/loss": float("nan"), "online/knn@1/top1": 0.5},
        {"step": 3, "train/loss": 2.0},
    ]
    Path("metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records) + '{"step": 4')
    assert curves(Path()) == {"train/loss": ([1, 3], [3.0, 2.0]), "online/knn@1/top1": ([2], [0.5])}


def test_a_thin_curve_keeps_its_ends_its_lowest_and_its_highest_point():
    points = [(step, step % 7 / 10) for step in range(5000)]
    points[3210], points[77] = (3210, -5.0), (77, 9.0)
    found = thinned(points, 200)
    assert len(found) <= 200 and found == sorted(found)
    assert {points[0], points[-1], points[3210], points[77]} <= {*found}
    assert max(b[0] - a[0] for a, b in pairwise(found)) < 110
    assert thinned(points[:200]) == points[:200]
