import json
from pathlib import Path

from rich.console import Console

from manyviews.commands import curves


def trained(name, epochs, better=0.0, metric="online/knn@1/top1"):
    """A run folder whose accuracy grows by a percent per epoch."""
    path = Path(name)
    path.mkdir()
    lines = []
    for epoch in range(epochs):
        lines.append({"epoch": epoch, "train/loss": 9.0, "train/loss/part": 1.0, "train/lr": 0.1})
        lines.append(
            {"epoch": epoch, "train/loss": 5.0 - epoch / 100, metric: 0.1 + epoch / 100 + better}
        )
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_curve_has_the_last_value_of_each_epoch():
    found = curves.curves(trained("a", 3))
    assert found.keys() == {"train/loss", "online/knn@1/top1"}
    assert found["train/loss"] == {1: 5.0, 2: 4.99, 3: 4.98}


def said(first, second):
    console = Console(width=150, record=True)
    console.print(curves.table(first, second))
    return [line.split() for line in console.export_text().splitlines()]


def test_both_runs_stand_side_by_side_at_a_few_epochs():
    head, *lines = said(trained("a", 50), trained("b", 29, better=0.5))
    assert head == ["epoch", "1", "8", "15", "22", "29", "36", "43", "50"]
    assert lines[2][:4] == ["online/knn@1/top1", "A", "10", "%"] and lines[2][-2] == "59"
    assert lines[3][:3] == ["B", "60", "%"] and lines[3][-2:] == ["88", "%"]  # ends at epoch 29
    assert lines[0][:3] == ["train/loss", "A", "5"]


def test_runs_without_a_metric_in_common_have_no_table():
    first, second = trained("a", 2), trained("b", 2, metric="online/other/top1")
    assert {line[0] for line in said(first, second)} == {"epoch", "train/loss", "B"}
    Path("empty").mkdir()
    assert curves.table(first, Path("empty")) is None
