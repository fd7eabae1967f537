import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # tests run beside each other on few cores
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


@pytest.fixture
def done(small, config_dir):
    """A finished run."""
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
