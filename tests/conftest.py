import os
import shutil
import tempfile
from pathlib import Path

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # tests run beside each other on few cores
# Threads of two workers that want the same cores wait for each other longer than they compute.
workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
os.environ["MANYVIEWS_TRUST"] = "small_data.,small_series."

CONFIG_DIR = Path(__file__).parent / "support" / "conf"
SMALL = [
    "data=stripes",
    "backbone=resnet_tiny",
    "batch_size=16",
    "epochs=2",
    "schedule.warmup_epochs=1",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "trainer.log_every_n_steps=1",
    "evaluation=[knn]",
    "evaluation.knn.neighbours=[1,5]",
    "evaluation.knn.headline=5",
    "logger.wandb=null",
]
SWAV = ["method.prototypes=8", "method.hidden_dim=16", "method.projection_dim=8"]


@pytest.fixture
def config_dir():
    """Where `data=stripes` lies."""
    return str(CONFIG_DIR)


@pytest.fixture
def small():
    """Overrides of a SwAV run of eight steps that takes a second."""
    return [*SMALL, *SWAV]


@pytest.fixture(scope="session")
def done(tmp_path_factory):
    """A finished run for all tests that only read it."""
    from manyviews import train

    folder = tmp_path_factory.mktemp("done")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setenv("MANYVIEWS_CACHE", str(folder / ".cache"))
        return train.pretrain([*SMALL, *SWAV, f"runs={folder}"], str(CONFIG_DIR))


@pytest.fixture
def done_here(small, config_dir):
    """A finished run of the test's own, for those that go on with it or change it."""
    from manyviews import train

    return train.pretrain(small, config_dir)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    """Runs land in a folder of the test's own, and what is kept of looks at files, too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MANYVIEWS_CACHE", str(tmp_path / ".cache"))


@pytest.fixture(scope="session")
def ranks():
    """`ranks(2)`: two real processes in a gloo group, begun once."""
    from ranks import Ranks

    groups = {}

    def of(world):
        if world not in groups:
            groups[world] = Ranks(world)
        return groups[world]

    yield of
    for group in groups.values():
        group.close()


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
