import ctypes
import resource

import forked
import pytest
import torch

from manyviews import hardware


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
