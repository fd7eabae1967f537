import ast
from pathlib import Path

import pytest

from manyviews import datamodules

ROOT = Path(datamodules.__file__).parent.resolve()
ALLOWED = {"hardware", "ranges", "batch", "draws", "distributed", "errors", "optim", "datamodules"}


def imported(folder):
    """Module of every import of ours, with the file that has it."""
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("manyviews"):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            yield from ((file.name, name) for name in names if name.startswith("manyviews."))


def test_data_know_nothing_of_methods_and_training():
    assert [i for i in imported(ROOT) if i[1].split(".")[1] not in ALLOWED] == []


@pytest.mark.parametrize(("room", "other"), [("images", "series"), ("series", "images")])
def test_images_and_series_do_not_import_each_other(room, other):
    for prefix in (f"manyviews.datamodules.{other}.", f"manyviews.datamodules.views.{other}."):
        assert [i for i in imported(ROOT / room) if i[1].startswith(prefix)] == []
