"""The files of tables, and those that are shipped."""

from pathlib import Path

import pytest
import yaml

from manyviews import config
from manyviews.errors import ConfigError
from manyviews.evaluation.suite import report_name
from manyviews.sweeps.tables import files

ROOT = Path(__file__).parents[3]
SHIPPED = sorted(file.stem for file in ROOT.joinpath("conf", "tables").glob("*.yaml"))
EVERY_METHOD = ("fashion_mnist_mini", "vne")


def test_a_run_has_the_overrides_of_its_row_its_table_and_the_command():
    rows = {"a": files.Row(overrides=["x=1"]), "b": files.Row(overrides=[], seeds=[1])}
    table = files.Table(title="t", runs=["y=2"], seeds=[0, 1], columns={"c": "d"}, rows=rows)
    assert table.cells(["z=3"]) == {
        ("a", 0): ["x=1", "y=2", "z=3", "seed=0"],
        ("a", 1): ["x=1", "y=2", "z=3", "seed=1"],
        ("b", 1): ["y=2", "z=3", "seed=1"],
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seeds": []}, "table mine: seeds: List should have at least 1 item"),
        ({"sedes": [0]}, "table mine: sedes: Extra inputs are not permitted"),
        ({"rows": {"a": {}}}, "table mine: rows.a.overrides: Field required"),
        ({"within": -1.0}, "table mine: within: Input should be greater than 0"),
        (
            {"rows": {"a": {"overrides": [], "expected": {"knn": 9.0}}}},
            "unknown column of table mine, row a 'knn': did you mean 'kNN'",
        ),
    ],
)
def test_a_mistake_in_a_table_is_one_line(change, said):
    content = {"title": "t", "seeds": [0], "columns": {"kNN": "eval/knn@1/top1"}}
    content |= {"rows": {"a": {"overrides": []}}} | change
    Path("tables").mkdir()
    Path("tables", "mine.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match=said):
        files.load("mine", ".")
    with pytest.raises(ConfigError, match="unknown table 'min': did you mean 'mine'"):
        files.load("min", ".")


@pytest.mark.parametrize("name", SHIPPED)
def test_the_runs_of_a_shipped_table_are_scored_under_the_protocols_of_its_columns(name):
    table = files.load(name)
    assert any(text.startswith("evaluation=") for text in table.runs)
    assert not any("evaluation" in text for row in table.rows.values() for text in row.overrides)
    cells = [*table.cells().values()][:1]  # all rows have the same protocols
    wanted = {c.split("/")[1] for c in table.columns.values() if c.startswith(("eval/", "val/"))}
    for composed, _ in config.compose_cells(cells):
        made = {
            report_name(key, node["version"], node)
            for key, node in composed["evaluation"].items()
            if node is not None
        }
        assert wanted <= made


@pytest.mark.parametrize("name", EVERY_METHOD)
def test_every_method_with_a_recipe_of_two_minutes_has_a_row(name):
    recipes = ROOT.joinpath("conf", "experiment").glob("*_fashion_mnist_mini.yaml")
    methods = {file.stem.removesuffix("_fashion_mnist_mini") for file in recipes}
    assert methods <= set(files.load(name).rows)


def test_expected_figures_name_their_source():
    for table in map(files.load, SHIPPED):
        for row in table.rows.values():
            assert not row.expected or row.source or table.source
