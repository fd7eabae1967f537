import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", ["conf", "datamodules", "evaluation"])
def test_folder_inside_the_package_is_a_link_to_the_top(name):
    link = ROOT / "ssl" / "manyviews" / name
    assert link.is_symlink(), f"{link} must be a symbolic link; git config core.symlinks true"
    assert link.resolve() == ROOT / name


def test_source_root_never_becomes_the_package_ssl():
    assert not (ROOT / "ssl" / "__init__.py").exists()


def test_standard_ssl_and_its_users_import_from_the_repository_root():
    code = "import ssl, requests, wandb; ssl.create_default_context()"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The folder that the wheel was installed into, without its dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--quiet"]
    subprocess.run([*pip, "--target", folder / "site", file], check=True, capture_output=True)
    return folder / "site"


@pytest.mark.slow
def test_the_wheel_adds_one_name(wheel):
    assert [p.name for p in wheel.iterdir() if "." not in p.name and p.name != "bin"] == [
        "manyviews"
    ]


@pytest.mark.slow
def test_the_installed_wheel_has_configs_data_and_the_page(wheel, tmp_path):
    code = """
import importlib.resources, manyviews, sys
assert manyviews.__file__.startswith(sys.argv[1]), manyviews.__file__
from manyviews import build, config
from manyviews.data import watch
from manyviews.report.templates import Environment, PackageLoader
composed, _ = config.compose("pretrain", ["experiment=demo"])
assert len(build.data(composed).splits.train.label) == 10_000
assert len(watch().train.label) == 667
embedded = importlib.resources.files("manyviews.datamodules.embedded")
assert "David M. Burns" in (embedded / "LICENSE.watch").read_text()
Environment(loader=PackageLoader("manyviews.report", ".")).get_template("page.html.jinja")
from manyviews.dashboards.page import render
assert "leeoniya/uPlot" in render({})
assert (importlib.resources.files("manyviews.dashboards") / "uplot" / "LICENSE").is_file()
"""
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, wheel],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(wheel)},
        check=True,
    )
