import json
from itertools import pairwise

import pytest
from report_run import HOSTILE, card, score, series_card, write_run

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


@pytest.mark.slow
def test_pointing_at_a_dot_of_the_map_shows_its_item(opened):
    from selenium.webdriver import ActionChains

    page = opened(1280)
    dots = page.find_elements("css selector", ".map b")
    assert len(dots) == 40
    thumbnail = "return getComputedStyle(arguments[0].firstElementChild).display"
    assert page.execute_script(thumbnail, dots[7]) == "none"
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", dots[7])
    ActionChains(page).move_to_element(dots[7]).perform()
    assert page.execute_script(thumbnail, dots[7]) == "block"


@pytest.mark.slow
def test_the_printed_page_is_whole(opened):
    printed = opened(1280).execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert 100_000 < len(printed["data"])


def test_how_far_an_unfinished_training_is_stands_at_the_top(run):
    file = run / "report" / "report.json"
    file.write_text(json.dumps({**card(), "unfinished": "unfinished, 4 of 30 epochs"}))
    text = report.write(run).read_text()
    assert text.index("unfinished, 4 of 30 epochs") < text.index("<h2>Results")


def test_a_control_that_is_not_beaten_is_said_on_the_card(run):
    file = run / "report" / "report.json"
    worse = card()
    for gain in worse["differences"]:
        gain |= {"value": -0.1, "low": -0.2, "high": -0.05, "beats": False, "worse": True}
    file.write_text(json.dumps(worse))
    assert "not beaten: -10.0 (-20.0 to -5.0)" in report.write(run).read_text()


def test_sentences_that_the_cards_do_not_show_are_listed(run):
    file = run / "report" / "report.json"
    edge = "linear@2: the largest of 6 values of learning_rates won"
    file.write_text(json.dumps({**card(), "sentences": [edge]}))
    assert f"<li>{edge}</li>" in report.write(run).read_text()


def test_tables_of_many_subjects_are_folded_below_their_mean(tmp_path):
    made = series_card()
    for row in made["subjects"]:
        row["each"] = [{"name": f"person {n}", "value": 0.5, "n": 9} for n in range(40)]
    folder = write_run(tmp_path / "many")
    (folder / "report" / "report.json").write_text(json.dumps(made))
    text = report.write(folder).read_text()
    folded = text.index("<summary>40 subjects</summary>")
    assert text.index("trained minus it") < folded < text.index("person 0<")


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
