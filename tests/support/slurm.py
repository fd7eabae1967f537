"""A stand-in for SLURM: `python slurm.py sbatch|srun|scancel|squeue|sacct|scontrol …`.

Jobs are processes of this machine. What is known of them lies in the folder STAND_IN: a file
`<job>.state`, `<job>.pid` and `<job>.script` each, and in `first` the number of the first job.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(os.environ.get("STAND_IN", "."))
ACTIVE = ("PENDING", "RUNNING")


def state(job, new=None):
    if new is not None:
        (HERE / f"{job}.state").write_text(new)
    return (HERE / f"{job}.state").read_text()


def sbatch(script):
    if (HERE / "refuse").exists():
        sys.exit("sbatch: error: invalid partition specified")
    text = Path(script).read_text()
    number = int((HERE / "first").read_text()) + len([*HERE.glob("*.state")])
    array = re.search(r"^#SBATCH --array=0-(\d+)", text, re.MULTILINE)
    tasks = [f"{number}_{i}" for i in range(int(array[1]) + 1)] if array else [str(number)]
    for job in tasks:
        (HERE / f"{job}.script").write_text(script)
        state(job, "PENDING")
        if not (HERE / "full").exists():
            begin(job)
    print(f"Submitted batch job {number}")


def begin(job):
    """Run the script in the background; it is this file that notes its end."""
    output = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.Popen([sys.executable, __file__, "watch", job], **output, start_new_session=True)


def watch(job):
    main, _, index = job.partition("_")
    own = {"SLURM_JOB_ID": main, "SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
    own |= {"SLURM_NODEID": "0", "SLURM_STEP_ID": "0", "SLURM_JOB_NUM_NODES": "1"}
    if index:
        own |= {"SLURM_ARRAY_JOB_ID": main, "SLURM_ARRAY_TASK_ID": index}
    state(job, "RUNNING")
    script = (HERE / f"{job}.script").read_text()
    process = subprocess.Popen(["bash", script], env={**os.environ, **own, "STAND_IN_JOB": job})
    code = process.wait()
    if state(job) == "REQUEUED":
        watch(job)
    elif state(job) == "RUNNING":
        state(job, "FAILED" if code else "COMPLETED")


def srun(*words):
    (HERE / f"{os.environ['STAND_IN_JOB']}.pid").write_text(str(os.getpid()))
    after = words.index("--output") + 1
    name = os.environ["STAND_IN_JOB"] + "_0"
    file = words[after].replace("%j_%t", name).replace("%A_%a_%t", name)
    command = words[after + 1 :]
    while command[0].startswith("-"):
        command = command[1:]
    for descriptor in (1, 2):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    os.execvp(command[0], command)


def scancel(*words):
    job, options = words[-1], words[:-1]
    if "--state=PENDING" in options:
        if state(job) == "PENDING":
            state(job, "CANCELLED by 0")
        return
    if "--signal=TERM" in options:
        if state(job) == "RUNNING":
            os.kill(int((HERE / f"{job}.pid").read_text()), signal.SIGTERM)
    elif state(job) in ACTIVE:
        state(job, "CANCELLED by 0")
        for pid in processes_of(job):
            os.kill(pid, signal.SIGKILL)


def processes_of(job):
    """All that a job began, as its control group knows them."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"STAND_IN_JOB={job}\0" in (folder / "environ").read_text(errors="replace"):
                yield int(folder.name)
        except OSError:
            continue


def squeue(*words):
    job = words[-1].partition("=")[2]
    if not (HERE / f"{job}.state").exists():
        sys.exit("slurm_load_jobs error: Invalid job id specified")
    print(state(job) if state(job) in ACTIVE else "")


def sacct(*words):
    print("JobID|State|NodeList")
    for file in HERE.glob("*.state"):
        if not (HERE / "forgotten").exists():
            print(f"{file.stem}|{file.read_text()}|node")


def scontrol(word, job):
    assert word == "requeue"
    state(job, "REQUEUED")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
