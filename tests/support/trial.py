"""A stand-in for a run: `python trial.py SWEEP NUMBER` does what the trial's config says.

It writes status.json as a run does, appends a line to `begun.txt` beside the run folder when it
begins, and takes `seconds` in steps of which each is kept, so that it goes on where it stopped.
"""

import json
import math
import os
import signal
import sys
import time
from pathlib import Path

from filelock import FileLock

from manyviews import runs
from manyviews.runs import status


def main(sweep, number):
    plan = Path(sweep, "plan.jsonl").read_text().splitlines()
    trial = json.loads(plan[int(number)])
    run, acts = Path(trial["folder"]), trial["config"]
    run.mkdir(parents=True, exist_ok=True)
    with FileLock(run / ".lock", blocking=False):
        work(run, acts)


def work(run, acts):
    with (run.parent / "begun.txt").open("a") as file:
        file.write(f"{run.name} {os.environ.get('OMP_NUM_THREADS')}\n")
    (run / "variables.txt").write_text(" ".join(os.environ))
    done = run / "done.txt"
    status.write(run, state="training", reason="")
    signal.signal(signal.SIGTERM, lambda *_: stop(run, acts))
    first_time = not (run / "failed.txt").exists()
    if first_time:
        (run / "failed.txt").touch()
    if acts.get("leaves_child"):
        os.posix_spawn("/bin/sleep", ["sleep", "60"], os.environ)
    while (steps := int(done.read_text()) if done.exists() else 0) < acts.get("seconds", 0) * 20:
        time.sleep(0.05)
        done.write_text(str(steps + 1))
    while not Path(acts.get("until", ".")).exists():
        time.sleep(0.05)
    how = acts.get("fails") if first_time or acts.get("always") else None
    if how == "raise":
        status.write(run, state="failed", reason="RunFailed: no more")
        sys.exit("manyviews: no more")
    if how == "exit":
        sys.exit(3)
    if how == "config":
        print("manyviews: unknown data", file=sys.stderr)
        sys.exit(2)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if "optimizer" in acts:
        learn(run, acts)
    else:
        runs.write_json(run / "report" / "report.json", {"scores": []})
    status.write(run, state="finished")


def learn(run, acts):
    """The accuracy of a toy whose best learning rate is 0.01, epoch by epoch, then the report."""
    best = 1 - 0.2 * abs(math.log10(acts["optimizer"]["lr"]) + 2)
    for epoch in range(acts["epochs"]):
        line = {"epoch": epoch, "online/knn@1/top1": best * (epoch + 1) / acts["epochs"]}
        with (run / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        time.sleep(float(os.environ.get("EPOCH_SECONDS", "0")))
    score = {"protocol": "knn@1", "metric": "top1", "subject": "trained", "split": "val"}
    runs.write_json(run / "report" / "report.json", {"scores": [{**score, "value": best}]})


def stop(run, acts):
    if acts.get("deaf"):
        return
    status.write(run, state="stopped", reason="SIGTERM")
    sys.exit(143)


if __name__ == "__main__":
    main(*sys.argv[1:])
