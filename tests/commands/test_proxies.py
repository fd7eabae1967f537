import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from manyviews.commands import proxies
from manyviews.errors import ConfigError
from manyviews.report.proxies import CAUTION, table

FINGERPRINT = {"train": {"sha256": "abc"}}


def report(i, folder="run", *, val=True, data=FINGERPRINT, measures=True, n=1000, name="a|<b>"):
    """A report of the i-th checkpoint of a run; RankMe orders them as the probe does."""
    rows = [
        {"protocol": "linear_lbfgs@2", "metric": "top1", "subject": who, "value": v, "split": s}
        for who, v in (("trained", 0.5 + i / 100), ("random", 0.9))
        for s in (("test", "val") if val else ("test",))
    ]
    rows += [
        {
            "protocol": "label_free@1",
            "metric": metric,
            "subject": who,
            "value": value,
            "split": "test",
            "details": {"n": n, "dim": 64},
        }
        for who in ("trained", "random")
        for metric, value in (("rankme", 30.0 + i), ("lidar", 9.0 - i % 3), ("alpha_req", None))
        if measures
    ]
    card = {
        "run": name,
        "scores": rows,
        "data": {"name": "mini", "fingerprint": data},
        "checkpoint": {"step": 100 * i, "sha256": f"{folder}{i}"},
    }
    path = Path(folder) / f"report-{i:02d}" / "report.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(card))
    return path


def config_of(folder, method):
    (Path(folder) / "config.yaml").write_text(f"choices: {{method: {method}}}\n")


def test_the_checkpoints_of_a_run_folder_are_ranked_by_validation_scores_of_the_trained_backbone():
    for i in range(9):
        report(i)
    found = proxies.rank(["run"])
    assert (found.probe, found.split, found.data) == ("linear_lbfgs@2/top1", "val", "mini")
    assert [point.probe for point in found.points] == pytest.approx(
        [0.5 + i / 100 for i in range(9)]
    )
    assert [proxy.measure for proxy in found.proxies] == ["rankme", "lidar"]  # alpha is undefined
    assert found.proxies[0].rho == pytest.approx(1)
    assert found.notes == []


def test_scores_on_test_are_taken_if_one_report_has_no_others_and_the_title_says_so():
    found = proxies.rank([report(0), report(1, val=False)])
    assert found.split == "test" and "(test)" in found.title


def test_the_same_checkpoint_counts_once():
    paths = [report(i) for i in range(8)]
    copy = Path("run/report/report.json")
    copy.parent.mkdir()
    copy.write_bytes(paths[3].read_bytes())
    assert len(proxies.rank(["run"]).points) == 8


def test_reports_of_other_data_are_refused():
    paths = [report(0), report(1, data={"train": {"sha256": "other"}})]
    with pytest.raises(ConfigError, match="report-00.*and.*report-01.*about other data"):
        proxies.rank(paths)


def test_a_report_without_the_probe_or_the_measures_is_left_out_and_named():
    found = proxies.rank([report(0), report(1, measures=False)])
    assert len(found.points) == 1
    assert "report-01" in found.notes[0] and "is left out" in found.notes[0]
    with pytest.raises(ConfigError, match="no report has scores of knn@1/top1.*evaluation="):
        proxies.rank([*Path("run").glob("*/report.json")], probe="knn@1/top1")


@pytest.mark.parametrize("content", ["", "[1]", '{"run": "x"}'])
def test_what_is_no_report_is_one_line(content):
    Path("report.json").write_text(content)
    with pytest.raises(ConfigError, match="report.json is no report of `manyviews evaluate`"):
        proxies.rank(["report.json"])
    Path("empty").mkdir()
    with pytest.raises(ConfigError, match="empty holds no report; type manyviews evaluate run="):
        proxies.rank(["empty"])


def test_several_methods_and_different_numbers_of_items_are_said():
    paths = [report(0, "a"), report(1, "b", n=2000)]
    config_of("a", "swav")
    config_of("b", "tico")
    said = proxies.rank(paths).notes
    assert said == [
        "these points are of 2 methods (swav, tico)",
        "these points have different numbers of items (1000, 2000)",
    ]


def test_page_markdown_and_json_say_the_caution_and_escape_names():
    for i in range(9):
        report(i)
    proxies.write(["run"], "out")
    page, text = (Path("out", f"proxies.{kind}").read_text() for kind in ("html", "md"))
    assert CAUTION.replace("'", "&#39;") in page and CAUTION in text
    assert "a|&lt;b&gt;, step 800" in page and "a\\|&lt;b&gt;, step 800" in text
    assert "<b>" not in page and page.count("<svg") == 2
    ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])
    card = json.loads(Path("out/proxies.json").read_text())
    assert [row["measure"] for row in card["proxies"]] == ["rankme", "lidar"]
    assert len(card["points"]) == 9


def test_the_terminal_shows_a_line_per_measure_and_too_few(capsys):
    ranking = proxies.rank([report(i) for i in range(3)])
    Console(width=120).print(table(ranking))
    said = capsys.readouterr().out
    assert "RankMe" in said and "LiDAR" in said
    assert said.count("too few: 3 points, at least 8") == 2
