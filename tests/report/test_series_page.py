import pytest
from report_run import HOSTILE, write_series_run

from manyviews import report


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
    assert "over test windows" in text and "8 windows (framed)" in text
    for word in ("channel mean and deviation", "first 16 |FFT| bins", "macro F1", "ARI"):
        assert word in text
    assert "raw pixels</th>" not in text
    assert len(text) < 2_000_000


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
    assert len(loaded) == 8 * 7 + 10 * 6 * 2 + 3 + 3 * 9 and set(loaded) == {160}
    assert len(browser.find_elements("css selector", "#retrieval svg")) == 1 + 6
    assert HOSTILE[0] in browser.execute_script("return document.body.innerText")
    assert browser.get_log("browser") == []
