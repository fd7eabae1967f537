import re

import numpy as np
import pytest
from report_run import HOSTILE, series_gallery, write_series_run

from manyviews import report
from manyviews.report.retrieval import SHOWN, attention_picture, retrieval, shaded


@pytest.fixture(scope="module")
def arrays():
    return series_gallery()


def test_candidates_come_by_their_error_and_the_best_is_chosen(arrays):
    found = retrieval(arrays, HOSTILE)
    assert (len(found.anchors), found.candidates) == (3, 20)
    for anchor, errors in zip(found.anchors, arrays["retrieval_error"], strict=True):
        assert [c.error for c in anchor.candidates] == sorted(errors)[:SHOWN]
        assert [c.chosen for c in anchor.candidates] == [True] + [False] * (SHOWN - 1)


def test_a_candidate_is_of_another_class_only_where_both_are_known(arrays):
    found = retrieval(arrays, HOSTILE)
    for q, anchor in enumerate(found.anchors):
        order = arrays["retrieval_error"][q].argsort()[:SHOWN]
        own, labels = arrays["retrieval_label"][q], arrays["retrieval_candidate_label"][q][order]
        expected = [bool(c not in (-1, own) and own != -1) for c in labels]
        assert [c.other for c in anchor.candidates] == expected
    assert found.anchors[2].label == "unknown"
    assert not any(c.other for c in found.anchors[2].candidates)


def test_hidden_steps_are_darker_and_the_others_as_they_were():
    white = np.full((3, 4, 160), 255, dtype=np.uint8)
    observed = np.arange(80) < 20
    found = shaded(white, observed)
    assert (found[:, :, :40] == 255).all() and (found[:, :, 40:] < 230).all()


def test_rows_of_the_attention_are_named_by_the_steps_that_are_hidden():
    observed = np.ones(100, dtype=bool)
    observed[[7, 50, 93]] = False
    text = attention_picture(np.eye(3, 100), observed)
    assert {"7", "50", "93"} <= set(re.findall(r">(\d+)</text>", text))


def test_a_run_without_retrieval_has_no_such_section(run):
    assert 'id="retrieval"' not in report.write(run).read_text()


@pytest.fixture
def series(tmp_path):
    return write_series_run(tmp_path / "run")


def test_names_of_classes_and_subjects_are_text(series):
    text = report.write(series).read_text()
    assert 'id="retrieval"' in text and 'id="subjects"' in text
    for hostile in (*HOSTILE[:2], "<b>nine</b>"):
        assert hostile not in text
    assert "| a\\|10 | 77.0 % |" in (series / "report" / "report.md").read_text()


def test_the_page_of_series_speaks_of_windows_and_names_its_controls(series):
    text = " ".join(report.write(series).read_text().split())
    assert "over test windows" in text and "Eight windows (framed)" in text
    for word in ("channel mean and deviation", "first 16 |FFT| bins", "macro F1", "ARI"):
        assert word in text
    assert "raw pixels</th>" not in text
    assert len(text) < 1_500_000


def test_the_same_arrays_give_the_same_page(series):
    assert report.write(series).read_bytes() == report.write(series).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_of_series_fits_loads_nothing_and_decodes_every_picture(browser, series, width):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    browser.get_log("browser")
    browser.get(report.write(series).as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    loaded = browser.execute_script("return [...document.images].map(i => i.naturalWidth)")
    assert len(loaded) == 8 * 7 + 10 * 6 + 3 * (1 + SHOWN) and set(loaded) == {160}
    assert len(browser.find_elements("css selector", "#retrieval svg")) == 2
    assert HOSTILE[0] in browser.execute_script("return document.body.innerText")
    assert browser.get_log("browser") == []
