import subprocess
import sys
import time

from manyviews import process_group


def test_ranks_that_hang_are_ended_and_no_longer_watched(monkeypatch):
    """Lightning's thread watches the same list; it would kill this program for an error in it."""
    monkeypatch.setattr(process_group, "PATIENCE", 0.3)
    codes = ["import sys; sys.exit(130)", "import time; time.sleep(100)"]
    started = [subprocess.Popen([sys.executable, "-S", "-c", code]) for code in codes]
    began, watched = time.monotonic(), [*started]
    process_group.await_started(watched)
    assert watched == [] and time.monotonic() - began < 20
    assert started[1].returncode == -9 and started[0].returncode in (130, -9)


def test_a_run_without_further_ranks_waits_for_nobody():
    process_group.await_started([])
