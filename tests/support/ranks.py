"""Real process groups for tests: one group of ranks per world size for the whole session."""

import importlib
import os
import socket
from multiprocessing import get_context

FAILED = "failed"


class Ranks:
    """W processes in one gloo group that run functions of tests/support on request.

    Functions are named, not pickled: a function of a test file cannot be found by a new process.
    """

    def __init__(self, world):
        context = get_context("spawn")
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
        "NODE_RANK": "0",
    }
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=world)
    while (request := pipe.recv()) is not None:
        name, arguments = request
        module, function = name.rsplit(".", 1)
        try:
            answer = getattr(importlib.import_module(module), function)(*arguments)
            pipe.send(("done", answer))
        except BaseException:
            import traceback

            pipe.send((FAILED, traceback.format_exc()))
    dist.destroy_process_group()
