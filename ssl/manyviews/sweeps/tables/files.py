"""Tables of figures: the runs of each row, and the figures that are expected of them.

A table is a file `conf/tables/<name>.yaml`, or one in the folder `tables/` of `--config-dir`:

    title: Every method in equal time
    text: What is measured, and how.
    runs: ["evaluation=[knn]"]              # overrides of every run
    seeds: [0, 1, 2]
    columns: {kNN: eval/knn@1/top1}         # title and score, or a metric of training
    controls: [random]
    source: docs/results.md
    within: 2.0                             # percentage points about the expected figures
    rows:
      swav: {overrides: [method=swav], expected: {kNN: 83.7}}
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import pydantic
import yaml

from manyviews.errors import ConfigError, one_line, unknown


class _Keys(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)


class Row(_Keys):
    """Runs that differ in the seed only.

    Attributes:
        overrides: of `manyviews pretrain`.
        seeds: None for those of the table.
        expected: figures in percent by title of the column.
        within: percentage points about them; None for those of the table.
        source: who published them; None for the source of the table.
    """

    overrides: list[str]
    seeds: list[int] | None = pydantic.Field(None, min_length=1)
    expected: dict[str, float] = {}
    within: Annotated[float, pydantic.Field(gt=0)] | None = None
    source: str | None = None


class Table(_Keys):
    """A table of figures.

    Attributes:
        title: its heading.
        text: what is measured, and how.
        runs: overrides of every run.
        seeds: of every row.
        columns: name of a score, or of a metric of the training, by title.
        controls: subjects that every score is compared with.
        source: who published the expected figures.
        within: percentage points about them.
        rows: by name.
    """

    title: str
    text: str = ""
    runs: list[str] = []
    seeds: list[int] = pydantic.Field(min_length=1)
    columns: dict[str, str] = pydantic.Field(min_length=1)
    controls: list[str] = []
    source: str = ""
    within: float = pydantic.Field(2.0, gt=0)
    rows: dict[str, Row] = pydantic.Field(min_length=1)

    def cells(self, overrides: Sequence[str] = ()) -> dict[tuple[str, int], list[str]]:
        """Return the overrides of every run by row and seed.

        Args:
            overrides: further ones of every run.
        """
        return {
            (name, seed): [*row.overrides, *self.runs, *overrides, f"seed={seed}"]
            for name, row in self.rows.items()
            for seed in row.seeds or self.seeds
        }


def load(name: str, config_dir: str | None = None) -> Table:
    """Return a table.

    Raises:
        ConfigError: there is no such table, or its file has a mistake.
    """
    folders = [files("manyviews.conf").joinpath("tables")]
    folders += [Path(config_dir, "tables")] if config_dir else []
    found = {
        file.name.removesuffix(".yaml"): file
        for folder in folders
        if folder.is_dir()
        for file in folder.iterdir()
        if file.name.endswith(".yaml")
    }
    if name not in found:
        raise unknown("table", name, found)
    try:
        made = Table(**yaml.safe_load(found[name].read_text(encoding="utf-8")))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"table {name}: {place}: {one_line(first['msg'])}") from error
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise ConfigError(f"table {name}: {one_line(error)}") from error
    for row, title in ((row, title) for row, one in made.rows.items() for title in one.expected):
        if title not in made.columns:
            raise unknown(f"column of table {name}, row {row}", title, made.columns)
    return made
