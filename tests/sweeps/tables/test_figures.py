"""Figures of finished runs, compared with what is expected, and their page."""

from pathlib import Path

import pytest

from manyviews import runs
from manyviews.sweeps.tables import figures, files
from manyviews.sweeps.tables.page import page

KNN = {"protocol": "knn@1", "metric": "top1"}


def table(**rows):
    """A table of one score and one metric of the training."""
    return files.Table(
        title="A toy",
        text="How good is it? " * 12,
        seeds=[0, 1],
        columns={"kNN": "eval/knn@1/top1", "right": "health/positive_precision"},
        controls=["random", "raw"],
        source="a paper",
        rows={name: files.Row(overrides=[], **more) for name, more in rows.items()},
    )


def finished(name, trained=0.85, low=0.05, state="finished", protocol="knn@1"):
    """A run folder; its random initialisation has 78 % and raw pixels have 80 %."""
    path = Path(name)
    which = {**KNN, "protocol": protocol}
    values = {"trained": trained, "random": 0.78, "raw": 0.80}
    scores = [{**which, "subject": who, "value": value} for who, value in values.items()]
    scores.append({**which, "subject": "trained", "split": "val", "value": 0.1})
    gain = {"value": trained - 0.78, "low": low, "high": low + 0.04}
    card = {
        "protocols": {protocol: {"hash": "aa"}},
        "scores": scores,
        "differences": [{**which, "control": "random", **gain}],
    }
    runs.write_json(path / "report" / "report.json", card)
    runs.write_json(path / "environment.json", {"commit": "c0ffee1", "threads": 1, "cores": 2})
    status = {"state": state, "epochs": 12, "processor": 121.4}
    runs.write_json(path / "status.json", status)
    lines = ['{"step": 1}', '{"step": 2, "health/positive_precision": 0.25}']
    lines.append('{"step": 3, "health/positive_precision": 0.75}')
    (path / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    return path


def read(toy, row="swav", seed=0, **run):
    return figures.read(toy, row, seed, finished(f"{row}-{seed}", **run))


def test_figures_are_those_of_the_report_and_means_over_the_training():
    found = read(table(swav={}))
    score = found.scores["kNN"]
    assert score.value == pytest.approx(85.0)
    assert score.controls == pytest.approx({"random": 78.0, "raw": 80.0})
    assert score.gains["random"] == pytest.approx((7.0, 5.0, 9.0)) and "raw" not in score.gains
    assert found.scores["right"].value == pytest.approx(50.0)
    assert (found.epochs, found.processor, found.protocols) == (12, 121.4, {"knn@1": "aa"})
    assert read(table(swav={}), state="stopped") is None


def test_a_figure_is_the_mean_over_seeds_and_may_lie_within_its_band():
    toy = table(
        swav={"expected": {"kNN": 83.5}},
        tico={"expected": {"kNN": 83.0}, "within": 0.5, "source": "another paper"},
        byol={"expected": {"kNN": 90.0}},
        ivne={"expected": {"kNN": 90.0}},
    )
    two = [read(toy, "swav", 0, trained=0.85), read(toy, "swav", 1, trained=0.80)]
    changed = read(toy, "ivne", protocol="knn@2")
    found = [*two, read(toy, "tico", trained=0.84), changed]
    swav, tico, byol, ivne = figures.verdicts(toy, found)
    assert swav.found == pytest.approx(82.5) and swav.seeds == 2 and not swav.out
    assert (swav.said, swav.within, swav.source) == ("yes", 2.0, "a paper")
    assert tico.out and (tico.said, tico.source) == ("no, above", "another paper")
    below = figures.verdicts(toy, [read(toy, "tico", trained=0.82)])[1]
    assert below.out and below.said == "no, below"
    assert not byol.out and (byol.said, byol.found) == ("not measured", None)
    assert not ivne.out and ivne.said == "not compared: the runs have knn@2"


def lines(text, begin):
    return [line for line in text.splitlines() if line.startswith(begin)]


def test_the_page_has_means_and_a_line_per_run_with_intervals():
    toy = table(swav={"expected": {"kNN": 83.5}}, tico={})
    found = [read(toy, "swav", 0), read(toy, "swav", 1, trained=0.79, low=-0.01)]
    text = page([(toy, found, [("tico", 0)])], "manyviews reproduce table=toy")
    assert text.startswith("# Results\n\nWritten by `manyviews reproduce table=toy`.")
    mean, first, second, judged = lines(text, "| swav")
    assert mean == "| swav | 12 | 2 | 121 | 82.0 ± 4.2 | 78.0 (+4.0, 1 of 2) | 80.0 | 50.0 ± 0.0 |"
    assert first == "| swav | 0 | c0ffee1 | 121 | 85.0 | +7.0 (+5.0 to +9.0) | 50.0 |"
    assert second == "| swav | 1 | c0ffee1 | 121 | 79.0 | +1.0 (-1.0 to +3.0) | 50.0 |"
    assert judged == "| swav | kNN | 2 | 82.0 | 83.5 ± 2.0 | yes | a paper |"
    assert "Not measured: tico (seed 0)." in text and "knn@1 aa" in text
    assert all(len(line) <= 100 for line in text.splitlines() if not line.startswith("|"))
