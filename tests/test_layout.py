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
