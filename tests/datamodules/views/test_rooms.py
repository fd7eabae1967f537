"""The rooms of the views stand alone, so that images, series and the data sets can change apart."""

import ast
from pathlib import Path

import pytest

DATAMODULES = Path(__file__).parents[3] / "datamodules"
VIEWS = "manyviews.datamodules.views"


def imported(file):
    """Names of the modules that a file imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


@pytest.mark.parametrize(("room", "other"), [("images", "series"), ("series", "images")])
def test_views_import_neither_each_other_nor_a_data_set(room, other):
    files = [*(DATAMODULES / "views" / room).glob("*.py"), DATAMODULES / "views" / "chance.py"]
    assert len(files) > 10
    names = {name for file in files for name in imported(file)}
    data = {name for name in names if name.startswith("manyviews.datamodules")}
    assert all(name.startswith((f"{VIEWS}.{room}.", f"{VIEWS}.chance")) for name in data), data
    assert not any(name.startswith(f"{VIEWS}.{other}") for name in data)
