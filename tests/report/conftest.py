import shutil
import tempfile

import pytest
from report_run import write_run


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


@pytest.fixture(scope="session")
def browser():
    """One headless Chromium for all page tests."""
    packages = {"chromium": "chromium", "chromedriver": "chromium-driver"}
    if missing := [program for program in packages if not shutil.which(program)]:
        install = " ".join(packages[program] for program in missing)
        pytest.skip(f"no {' and no '.join(missing)} here (Debian: apt-get install {install})")
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = shutil.which("chromium") or ""
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory() as profile:
        for flag in (
            "headless=new",
            "no-sandbox",
            "disable-gpu",
            "disable-quic",
            "no-first-run",
            "disable-background-networking",
            "disable-component-update",
            "disable-sync",
            "force-device-scale-factor=1",
            f"user-data-dir={profile}",
        ):
            options.add_argument(f"--{flag}")
        driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        yield driver
        driver.quit()
