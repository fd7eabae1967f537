import ctypes
import resource
from pathlib import Path

import forked
import numpy as np
import pytest
import torch

from manyviews import hardware, train
from manyviews.errors import RunFailed
from manyviews.method import Method


def test_auto_takes_bf16_only_where_the_processor_has_it(monkeypatch):
    for has, precision in ((True, "bf16-mixed"), (False, "32-true")):
        monkeypatch.setattr(hardware, "cpu_has_bf16", lambda has=has: has)
        assert hardware.resolve_precision("cpu", "auto") == precision
        assert hardware.resolve_precision("cpu", "64-true") == "64-true"


def test_the_environment_names_what_a_repetition_needs():
    said = hardware.environment()
    assert said["torch"] == torch.__version__ and said["threads"] == torch.get_num_threads()
    assert all(said[key] for key in ("python", "processor", "cores", "faiss-cpu", "system"))


def page_faults(keep):
    """Return the page faults of twenty rounds of allocating and freeing, after five to warm up."""
    for option in (-1, -3):  # glibc's defaults, which imports may have changed
        ctypes.CDLL(None).mallopt(option, 2**17)
    if keep:
        hardware.keep_freed_memory()
    counts = []
    for _ in range(25):
        made = [torch.ones(2**21) for _ in range(4)]  # 8 MB each
        del made
        counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
    return counts[-1] - counts[4]


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="no glibc")
def test_what_was_freed_is_there_for_the_next_step():
    with forked.context.Pool(1, maxtasksperchild=1) as pool:
        plain, kept = (pool.apply(page_faults, (keep,)) for keep in (False, True))
    assert kept < plain / 3


CUDA = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.10 GiB"


def refused(kind):
    if kind == "cuda":
        raise torch.OutOfMemoryError(CUDA)
    return np.zeros(10**15) if kind == "numpy" else torch.empty(10**15)


@pytest.mark.parametrize(
    ("kind", "size"), [("cpu", "3,725,290.3 GiB"), ("cuda", "2.00 GiB"), ("numpy", "7.11 PiB")]
)
def test_memory_that_is_refused_is_one_line_with_what_to_lower(kind, size):
    said = f"not enough memory: {size} more were asked for; lower batch_size"
    with pytest.raises(RunFailed, match=said), hardware.memory_told():
        refused(kind)


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="^shapes differ$"), hardware.memory_told():
        raise RuntimeError("shapes differ")


def test_a_network_that_memory_cannot_hold_is_one_line_and_makes_no_folder(small, config_dir):
    with pytest.raises(RunFailed, match="not enough memory: .* or a smaller network$"):
        train.pretrain(
            [*small, f"method.projection_dim={2**20}", f"method.prototypes={2**24}"], config_dir
        )
    assert not Path("runs").exists()


def test_a_step_that_memory_cannot_hold_says_what_is_saved(small, config_dir, monkeypatch):
    monkeypatch.setattr(Method, "total_loss", lambda self, output: refused("cpu"))
    with pytest.raises(
        RunFailed, match="not enough memory: .*; step 0 .* the same command"
    ) as told:
        train.pretrain(small, config_dir)
    assert "\n" not in str(told.value)
