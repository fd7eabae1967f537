"""Adding a method takes a loss, a method and a YAML file (and their two tests), and no list."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = {
    "losses/agree.py": """
        '''The mean squared distance of two views.'''

        __all__ = ["agree"]


        def agree(z1, z2):
            '''Return the mean squared distance of two views.'''
            return (z1 - z2).square().mean()
        """,
    "methods/agree.py": """
        '''Agree: two views have the same projection (and collapse).'''

        import torch
        from torch import nn

        from manyviews.batch import Output
        from manyviews.losses.agree import agree
        from manyviews.method import Method
        from manyviews.nn import embed_each


        class Agree(Method):
            '''Agree minimises the distance of two projections.'''

            def __init__(self, backbone, *, projection_dim: int) -> None:
                super().__init__(backbone)
                self.projector = nn.Linear(backbone.embedding_dim, projection_dim)

            def step(self, batch):
                '''Return the loss.'''
                embedding = embed_each(self.backbone, batch.views)
                projection = torch.stack([self.projector(h) for h in embedding])
                return Output(agree(*projection), embedding, projection, {})
        """,
    "conf/method/agree.yaml": """
        # Agree: two views have the same projection.
        _target_: manyviews.methods.Agree
        projection_dim: 8
        """,
}


@pytest.fixture
def package(tmp_path):
    """A folder with a copy of the package and the three new files."""
    package = tmp_path / "site" / "manyviews"
    shutil.copytree(ROOT / "ssl" / "manyviews", package)  # links become folders
    for name, text in FILES.items():
        lines = [line.removeprefix(" " * 8) for line in text.strip("\n").splitlines()]
        (package / name).write_text("\n".join(lines) + "\n")
    return package.parent


def run(package, *command):
    return subprocess.run(
        [sys.executable, "-W", "ignore", *command],
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_a_new_method_is_found_by_its_files_and_trains(package):
    said = run(package, "-c", "import manyviews; print(manyviews.losses.agree, manyviews.__file__)")
    assert said.stdout.startswith("<function agree") and str(package) in said.stdout
    assert "agree " in run(package, "-m", "manyviews", "list", "methods").stdout
    few = ["data=motif_states", "data.train_users=4", "data.test_users=2", "debug=two_epochs"]
    small = ["backbone=tcn_small", "backbone.hidden_dim=4", "backbone.depth=2"]
    overrides = ["method=agree", *few, *small, "logger.wandb=null", "evaluation=[knn_series]"]
    trained = run(package, "-m", "manyviews", "pretrain", *overrides)
    assert trained.returncode == 0, trained.stderr
    (folder,) = Path("runs").iterdir()
    assert folder.name.startswith("agree-motif_states-tcn_small-")
    assert (folder / "report" / "report.json").is_file()
