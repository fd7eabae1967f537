"""Photograph what reports and comparisons show, for README and docs (about 8 min; needs chromium).

Trains the demo with two seeds and Barlow Twins for a few epochs, evaluates them, and opens their
pages and a dashboard over them in a headless browser. Run it by `make pictures`.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from commits import ROOT, clean_commit
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from manyviews import dashboards, scoring, train

RUNS = (
    ["experiment=demo"],
    ["experiment=demo", "seed=1"],
    ["experiment=barlow_twins_fashion_mnist_mini"],
)
PROTOCOLS = "evaluation=[knn,linear_lbfgs,cka,invariance]"
REPORT = ("classes", "neighbours", "embeddings", "prototypes", "invariance")
COMPARISON = ("scores", "disagreement", "cka", "neighbours")
TABS = ("runs", "curves", "compare")
WIDTH = 1100  # pixels
TALLEST = 900  # pixels of a section that are shown


@contextmanager
def opened(page: Path, height: int) -> Iterator[webdriver.Chrome]:
    """Yield a headless Chromium that shows a page in a window of `WIDTH` and this height."""
    options = Options()
    options.binary_location = shutil.which("chromium") or ""
    with tempfile.TemporaryDirectory() as profile:
        for flag in ("headless=new", "no-sandbox", "hide-scrollbars", f"user-data-dir={profile}"):
            options.add_argument(f"--{flag}")
        driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        try:
            size = {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            driver.get(page.absolute().as_uri())
            yield driver
        finally:
            driver.quit()


def photograph(page: Path, sections: dict[str, Path], head: Path | None = None) -> None:
    """Write a picture of each section of a page, and of the top of the page.

    Args:
        page: the HTML file.
        sections: file of the picture by the id of the section.
        head: file of the picture of everything above the second section.
    """
    with opened(page, 1000) as driver:
        for name, file in sections.items():
            # Protocols have their version in the name: invariance@1/invariance.
            found = f"section[id='{name}'], section[id^='{name}@']"
            _clip(driver, driver.find_element("css selector", found).rect, file)
        if head is not None:
            first = driver.find_element("css selector", "section").rect
            whole = {"x": 0, "y": 0, "width": WIDTH, "height": first["y"] + first["height"] + 9}
            _clip(driver, whole, head)


def photograph_tabs(page: Path, files: dict[str, Path]) -> None:
    """Write a picture of each tab of a dashboard, with all its runs ticked.

    Args:
        page: the HTML file.
        files: file of the picture by the name of the tab.
    """
    with opened(page, 700) as driver:
        boxes = "td input[type=checkbox]"  # each click draws the table anew
        for n in range(len(driver.find_elements("css selector", boxes))):
            driver.find_elements("css selector", boxes)[n].click()
        for name, file in files.items():
            tabs = driver.find_elements("css selector", "#tabs button")
            next(tab for tab in tabs if tab.text.lower() == name).click()
            _clip(driver, {"x": 0, "y": 0, "width": WIDTH, "height": 700}, file)


def _clip(driver: webdriver.Chrome, of: Mapping[str, float], file: Path) -> None:
    """Write the picture of a rectangle of the page."""
    clip = {**of, "height": min(of["height"], TALLEST), "scale": 1}
    wanted = {"format": "png", "captureBeyondViewport": True, "clip": clip}
    taken = driver.execute_cdp_cmd("Page.captureScreenshot", wanted)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(base64.b64decode(taken["data"]))


def main() -> None:
    """Train, evaluate and photograph."""
    clean_commit()
    trained = [train.pretrain(["runs=runs/pictures", *overrides]) for overrides in RUNS]
    scoring.evaluate([f"run={trained[0].path}", PROTOCOLS])
    together = scoring.evaluate([f"run=[{','.join(str(run.path) for run in trained)}]"])
    docs = ROOT / "docs"
    pictures = docs / "pictures"
    photograph(
        trained[0].report.with_name("index.html"),
        {name: pictures / f"{name}.png" for name in REPORT},
        docs / "report.png",
    )
    assert together.comparison is not None
    compared = {name: pictures / f"compared_{name}.png" for name in COMPARISON}
    photograph(together.comparison.with_name("index.html"), compared)
    board = dashboards.write([trained[0].path.parent], trained[0].path.parent / "dashboard.html")
    photograph_tabs(board.page, {name: pictures / f"dashboard_{name}.png" for name in TABS})


if __name__ == "__main__":
    main()
