"""Imports run one way, and generic files know no method by name."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Rooms from the ground up: each imports only rooms of earlier lines (or itself).
ORDER = """
    errors batch draws distributed launch_variables panels
    ranges
    checkpoints hardware process_group
    optim losses
    nn
    backbones regularizers
    datamodules
    evaluation
    method
    methods
    schema
    runs
    callbacks loggers
    report
    config
    construct
    build
    trainer
    retriever_stage scoring
    train
    sweeps
    dashboards
    commands
    parser
    cli
    __main__
"""
LEVEL = {room: i for i, line in enumerate(ORDER.strip().splitlines()) for room in line.split()}
# They hold nothing but public names, which they import when they are first used.
PUBLIC = {"__init__", "data", "views"}
# Files that every method passes through.
GENERIC = (
    "method",
    "schema",
    "config",
    "construct",
    "build",
    "trainer",
    "train",
    "scoring",
    "process_group",
)


def modules():
    """Every file of the package by its module name, without links."""
    folders = {"manyviews": ROOT / "ssl" / "manyviews"}
    folders |= {f"manyviews.{name}": ROOT / name for name in ("datamodules", "evaluation")}
    found = {}
    for name, folder in folders.items():
        for file in folder.rglob("*.py"):
            parts = file.relative_to(folder).with_suffix("").parts
            if len(parts) > 1 and (folder / parts[0]).is_symlink():
                continue
            found[".".join([name, *parts]).removesuffix(".__init__")] = file
    return found


MODULES = modules()


def imports(file):
    """The modules of this package that a file imports, types for the checker left out."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("manyviews"):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith("manyviews."))


def room(module):
    """The first name below the package."""
    return module.split(".")[1] if "." in module else "__init__"


def test_every_room_has_its_place_in_the_order():
    assert {room(m) for m in MODULES} == {*LEVEL, *PUBLIC}


@pytest.mark.parametrize("module", sorted(m for m in MODULES if room(m) not in PUBLIC))
def test_imports_run_from_the_command_line_down_to_the_ground(module):
    own = room(module)
    for target in imports(MODULES[module]):
        other = room(target)
        if other != own and other not in PUBLIC and target != "manyviews":
            assert LEVEL[other] < LEVEL[own], f"{module} imports {target}"


def test_no_file_and_no_folder_is_in_a_circle():
    files = {m: {t for t in imports(f) if t != m} for m, f in MODULES.items()}
    files.pop("manyviews")
    folders = {}
    for module, targets in files.items():
        own = module.rpartition(".")[0]
        others = {t if MODULES[t].stem == "__init__" else t.rpartition(".")[0] for t in targets}
        # A folder and the folders inside it are one room.
        apart = {o for o in others if not (o.startswith(own) or own.startswith(o))}
        folders.setdefault(own, set()).update(apart)
    folders.pop("manyviews", None)
    for graph in (files, folders):
        TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("module", [*GENERIC, "runs", "callbacks", "loggers"])
def test_files_that_every_method_passes_through_name_no_method(module):
    methods = (ROOT / "ssl" / "manyviews" / "methods").glob("[!_]*.py")
    stems = {file.stem for file in methods} - {"hydra"}  # also the library that composes configs
    named = re.compile(rf"\b({'|'.join(stems)})\b|prototype|\bgates?\b", re.IGNORECASE)
    for name, file in MODULES.items():
        if name.split(".")[1:2] != [module]:
            continue
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):  # docstrings may give examples
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                if ast.get_docstring(node) is not None:
                    node.body = node.body[1:] or [ast.Pass()]
        assert not named.findall(ast.unparse(tree)), file
