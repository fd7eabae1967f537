import subprocess
import sys
import time
from pathlib import Path

import pytest
from synthetic_runs import write

from manyviews import cli


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_command_says_where_the_page_is_and_how_runs_stand(capsys):
    write(Path("runs"), 0, records=1)
    write(Path("runs"), 1, records=1, state="failed", reason="OSError: full")
    assert cli.main(["dashboard"]) == 0
    assert capsys.readouterr().out == "dashboard.html: 2 runs (1 failed, 1 finished)\n"
    assert cli.main(["dashboard", "runs/run-001", "--out", "one.html"]) == 0
    assert Path("one.html").read_text().rstrip().endswith("</html>")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "runs is no folder; type manyviews dashboard FOLDER"),
        (["empty"], "no run in empty; type manyviews dashboard FOLDER"),
        (["runs", "--out", "missing/page.html"], "--out missing/page.html is no file"),
        (["runs", "--watch", "--every", "0"], "--every 0: type 1 or more seconds"),
    ],
)
def test_a_mistake_is_one_line_with_exit_code_2(arguments, said, capsys):
    Path("empty").mkdir()
    if arguments[:1] == ["runs"]:
        write(Path("runs"), 0, records=1)
    assert cli.main(["dashboard", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_ctrl_c_ends_the_watch_with_a_page_that_stays(capsys, monkeypatch):
    write(Path("runs"), 0, records=1, state="training", heartbeat=time.time())

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    assert cli.main(["dashboard", "--watch"]) == 130
    assert capsys.readouterr().err == "manyviews: interrupted\n"
    assert '"every":null' in Path("dashboard.html").read_text()


def test_the_page_is_written_without_torch():
    write(Path("runs"), 0, records=1)
    code = "import sys; from manyviews.cli import main; main(['dashboard']); "
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")
