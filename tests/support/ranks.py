"""Real process groups for tests: one group of ranks per world size for the whole session."""

import importlib
import os
import socket
from typing import Any

from forked import context

FAILED = "failed"


class Ranks:
    """W processes in one gloo group that run functions of tests/support on request.

    Functions are named, not pickled: a function of a test file cannot be found by a new process.
    """

    def __init__(self, world):
        port = _free_port()
        self.pipes, self.processes = [], []
        for rank in range(world):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(rank, world, port, theirs), daemon=True)
            process.start()
            self.pipes.append(ours)
            self.processes.append(process)

    def __call__(self, name, *arguments):
        """Results of `module.function(*arguments)` on every rank, in their order."""
        for pipe in self.pipes:
            pipe.send((name, arguments))
        answers = [pipe.recv() for pipe in self.pipes]
        for rank, (state, answer) in enumerate(answers):
            assert state != FAILED, f"rank {rank}:\n{answer}"
        return [answer for _, answer in answers]

    def close(self):
        for pipe in self.pipes:
            pipe.send(None)
        for process in self.processes:
            process.join(20)


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _serve(rank, world, port, pipe):
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world),
        "GROUP_RANK": "0",
        "LOCAL_WORLD_SIZE": str(world),
        "TORCHELASTIC_RUN_ID": "tests",  # as torchrun sets it
        "MANYVIEWS_TRUST": "small_data.,small_series.",
    }
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    stores: Any = dist  # torch's stubs do not name them
    store = stores.TCPStore("127.0.0.1", port, world, is_master=rank == 0)
    groups = 0
    while (request := pipe.recv()) is not None:
        if not dist.is_initialized():  # a whole run leaves its group at its end
            groups += 1
            begun = stores.PrefixStore(str(groups), store)
            dist.init_process_group("gloo", store=begun, rank=rank, world_size=world)
        name, arguments = request
        module, function = name.rsplit(".", 1)
        try:
            answer = getattr(importlib.import_module(module), function)(*arguments)
            pipe.send(("done", answer))
        except BaseException:
            import traceback

            pipe.send((FAILED, traceback.format_exc()))
    if dist.is_initialized():
        dist.destroy_process_group()
