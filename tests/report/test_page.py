import json
from itertools import pairwise

import pytest
from report_run import HOSTILE, card, score, write_run

from manyviews import report

# Views of 8 samples, 10 queries with 5 neighbours and their similarity maps, 3 hardest items.
SHOWN = 8 * 7 + 10 * 6 * 2 + 3


def test_page_holds_the_scores_to_the_digit_and_says_what_is_not_beaten(run):
    text = " ".join(report.write(run).read_text().split())
    assert "83.7 % (82.0 to 85.3)" in text
    assert "+10.0 (+8.8 to +11.2)" in text
    assert "+0.5 (-0.7 to +1.7), not distinguishable" in text
    assert "not distinguishable: +0.5 (-0.7 to +1.7)" in text  # on the card
    assert "0123456789ab" in text and "21.5" in text


def test_no_name_becomes_markup(run):
    text = report.write(run).read_text()
    for hostile in (HOSTILE[0], HOSTILE[1], "<b>mini</b>", "<i>mini</i>", "<runs>"):
        assert hostile not in text
    assert "&lt;script&gt;" in text and "onerror=alert(1)&gt;" in text


def test_page_is_small_and_names_nothing_to_load(run):
    text = report.write(run).read_text()
    assert len(text) < 1_500_000
    for loader in ("<script", "<link", "@import", 'src="http', "url(http", "javascript:"):
        assert loader not in text


@pytest.mark.parametrize(
    "name",
    ["metrics.jsonl", "ledger.json", "environment.json", "config.yaml", "report/gallery.npz"],
)
def test_a_missing_file_is_said_and_breaks_nothing(run, name):
    (run / name).unlink()
    assert "83.7 %" in report.write(run).read_text()


def test_the_same_run_gives_the_same_bytes(run):
    assert report.write(run).read_bytes() == report.write(run).read_bytes()


def test_colour_images_are_shown(tmp_path):
    text = report.write(write_run(tmp_path / "colour", channels=3)).read_text()
    assert text.count("data:image/png") == SHOWN and text.count("data:image/jpeg") == 1


def test_markdown_tables_are_not_broken_by_names(run):
    report.write(run)
    lines = (run / "report" / "report.md").read_text().splitlines()
    (row,) = [line for line in lines if line.startswith("| data |")]
    assert row == "| data | a\\|b &lt;i&gt;mini&lt;/i&gt; |"


def test_a_class_whose_name_is_no_valid_text_leaves_no_empty_page(run):
    ledger = run / "ledger.json"
    ledger.write_text(json.dumps({**json.loads(ledger.read_text()), "data": "caf\udce9"}))
    page = report.write(run)
    assert "caf?" in page.read_text() and "caf?" in page.with_name("report.md").read_text()


@pytest.fixture
def opened(browser, run):
    """The page in the browser, at a given width."""

    def at(width, height=900):
        browser.set_window_size(width, height)
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        for log in ("performance", "browser"):
            browser.get_log(log)
        browser.get(report.write(run).as_uri())
        return browser

    return at


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_page_does_not_scroll_sideways_and_sections_do_not_overlap(opened, width):
    page = opened(width)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    boxes = page.execute_script(
        "return [...document.querySelectorAll('section')].map(s => s.getBoundingClientRect())"
        ".map(r => [r.top, r.bottom])"
    )
    assert len(boxes) == 9
    assert all(above[1] <= below[0] for above, below in pairwise(boxes))


@pytest.mark.slow
def test_page_loads_nothing_and_complains_of_nothing(opened):
    page = opened(1280)
    sent = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    urls = [
        m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"
    ]
    assert [u for u in urls if not u.startswith(("data:", "file:"))] == []
    assert page.get_log("browser") == []


@pytest.mark.slow
def test_all_images_decode_and_hostile_names_are_text(opened):
    page = opened(1280)
    widths = page.execute_script("return [...document.images].map(i => i.naturalWidth)")
    assert len(widths) == SHOWN and min(widths) > 0
    assert HOSTILE[0] in page.execute_script("return document.body.innerText")
    assert page.execute_script("return document.scripts.length") == 0


def test_accuracy_with_few_labels_is_a_curve_and_a_row_in_words(run):
    file = run / "report" / "report.json"
    shots = card()
    for n, value in ((1, 0.5), (2, 0.6), (4, 0.65)):
        shots["scores"].append(score("knn@1", f"top1_n{n}", "trained", value))
    file.write_text(json.dumps(shots))
    text = report.write(run).read_text()
    assert "knn@1 by labels" in text and "labelled items per class" in text
    assert "knn@1, accuracy with 1 label per class" in text
    assert "knn@1, accuracy with 4 labels per class" in text
