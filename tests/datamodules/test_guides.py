"""The guides "Add a data set" of docs/ are followed to the letter."""

import re
from pathlib import Path

import numpy as np
import pytest
from pictures import write_folder

from manyviews import build, config

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def follow(tmp_path, monkeypatch):
    """Does what a page says, and returns the data of the command that it ends with."""

    def of(page, *overrides):
        guide = (DOCS / page).read_text().split("## Add a data set")[1]
        python, yaml = re.findall(r"```(?:python|yaml)\n(.*?)```", guide, re.DOTALL)
        unindented = [re.sub(r"(?m)^ {3}", "", block) for block in (python, yaml)]
        module, name = re.search(r"_target_: (\w+)\.(\w+)", yaml).groups()
        (tmp_path / f"{module}.py").write_text(unindented[0])
        (tmp_path / "own" / "data").mkdir(parents=True)
        (tmp_path / "own" / "data" / f"{name}.yaml").write_text(unindented[1])
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(__import__("sys").modules, module, raising=False)
        monkeypatch.setenv("MANYVIEWS_TRUST", f"{module}.")
        overrides = [f"data={name}", "batch_size=2", *overrides]
        return build.data(config.compose("pretrain", overrides, str(tmp_path / "own"))[0])

    return of


def test_images_are_added_by_a_function_and_a_yaml(follow, tmp_path):
    root = write_folder(tmp_path / "birds", count=20)
    made = follow("data.md", f"data.root={root}", "data.workers=0", "data.size=16").splits
    assert (made.name, made.size, made.channels) == ("birds", (16, 16), 3)
    assert len(made.train.label) + len(made.test.label) == 20


def test_series_are_added_by_a_function_and_a_yaml(follow, tmp_path):
    (tmp_path / "gait").mkdir()
    for person in range(5):
        values = np.random.default_rng(person).normal(size=(1200, 3))
        table = np.column_stack([values, np.full(1200, person % 2)])
        np.savetxt(tmp_path / "gait" / f"person{person}.csv", table, delimiter=",")
    made = follow("series.md", f"data.root={tmp_path / 'gait'}", "data.test=[person1]").splits
    assert (made.name, made.size, made.channels) == ("gait", (500,), 3)
    assert made.classes == ("healthy", "ill") and made.test.label.tolist() == [1, 1]
    assert len(made.train.label) == 8
