"""What a user sees of the package in an interactive prompt, and what importing it changes."""

import json
import subprocess
import sys

import pytest

import manyviews

MODULES = ["methods", "losses", "data", "views", "evaluation", "backbones"]

SIDE_EFFECTS = """
import json, logging, os, sys, warnings
import pytorch_lightning, sklearn, timm, torch, torchvision  # they change things by themselves

def state():
    names = ["", *logging.root.manager.loggerDict]
    levels = {n: logging.getLogger(n).level for n in names if "manyviews" not in n}
    return [levels, [str(f) for f in warnings.filters], dict(os.environ)]

before = state()
import manyviews
for module in sys.argv[1:]:
    for name in dir(getattr(manyviews, module)):
        getattr(getattr(manyviews, module), name)
print(json.dumps([before, state()]))
"""


@pytest.mark.parametrize("module", MODULES)
def test_completion_shows_public_names_and_each_of_them_is_there(module):
    shown = getattr(manyviews, module)
    names = dir(shown)
    assert names == sorted(shown.__all__) and not any(n.startswith("_") for n in names)
    assert all(getattr(shown, name) is not None for name in names)


def test_the_package_itself_shows_its_commands_and_rooms():
    assert {"pretrain", "evaluate", "load_backbone", *MODULES} == {*dir(manyviews)} - {
        "__version__"
    }


@pytest.mark.slow
def test_importing_all_of_it_changes_no_log_level_warning_or_variable():
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SIDE_EFFECTS, *MODULES],
        capture_output=True,
        text=True,
        check=True,
    )
    before, after = json.loads(said.stdout.splitlines()[-1])
    kept = {name: level for name, level in after[0].items() if name in before[0]}
    assert [kept, *after[1:]] == before


def test_a_command_that_lists_names_does_not_import_torch():
    code = "import sys, manyviews.cli; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
