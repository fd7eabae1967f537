import errno
import os
import subprocess
import sys

import pytest

from manyviews import cli, errors
from manyviews.checkpoints import Torn
from manyviews.datamodules.images.decode import BadImage

CODES = {
    errors.ConfigError: 2,
    Torn: 2,
    errors.NotFinite: 1,
    errors.NotSaved: 1,
    errors.Collapsed: 1,
    errors.RankLost: 1,
    BadImage: 1,
    errors.Interrupted: 130,
    errors.Terminated: 143,
}


def failing(error):
    """A command that raises this error."""

    def run(arguments):
        raise error

    return run


@pytest.mark.parametrize(("kind", "code"), CODES.items(), ids=lambda x: getattr(x, "__name__", x))
def test_each_type_of_error_has_one_exit_code_and_is_told_in_one_line(
    kind, code, capsys, monkeypatch
):
    monkeypatch.setitem(cli.COMMANDS, "list", failing(kind("the reason")))
    assert cli.main(["list", "methods"]) == code == kind.exit_code
    assert capsys.readouterr().err == "manyviews: the reason\n"


def test_an_error_of_the_program_keeps_its_traceback_and_ends_with_1(capsys, monkeypatch):
    class ConfigError(Exception):
        """Another class of the same name, for example of a library."""

    for error in (RuntimeError("a fault"), ConfigError("not ours"), OSError(errno.EBADF, "x")):
        monkeypatch.setitem(cli.COMMANDS, "list", failing(error))
        assert cli.main(["list", "methods"]) == 1
        assert "Traceback" in capsys.readouterr().err


def test_a_full_disk_ends_with_1_in_one_line(capsys, monkeypatch):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/x")
    monkeypatch.setitem(cli.COMMANDS, "list", failing(full))
    assert cli.main(["list", "methods"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_errors_and_exit_codes_are_known_without_torch():
    code = "import sys, manyviews.errors, manyviews.cli; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_lists_every_exit_code(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    said = capsys.readouterr().out
    assert all(f" {code} " in said for code in {0, *CODES.values()})
