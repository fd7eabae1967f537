"""Whether two runs are the same, bit for bit, in everything but times."""

import json

import torch

TIMES = {"train/throughput/images_per_s", "train/data_wait"}


def assert_same(ours, theirs, path="checkpoint"):
    """Compare nested checkpoint contents."""
    assert type(ours) is type(theirs), path
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys(), path
        for key in ours:
            if key not in ("seconds", "waited"):
                assert_same(ours[key], theirs[key], f"{path}.{key}")
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs), path
        for i, pair in enumerate(zip(ours, theirs, strict=True)):
            assert_same(*pair, f"{path}.{i}")
    elif isinstance(ours, torch.Tensor):
        assert ours.dtype == theirs.dtype and torch.equal(ours, theirs), path
    else:
        assert ours == theirs, path


def result(checkpoint):
    """What training made: not Lightning's counters of how it got there."""
    kept = ("state_dict", "optimizer_states", "lr_schedulers", "callbacks", "global_step", "epochs")
    return {key: checkpoint[key] for key in kept}


def logged(folder):
    """The records of metrics.jsonl without times."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in TIMES} for line in lines]
