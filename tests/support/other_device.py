"""A device beside the CPU on a machine that has none: its tensors refuse to meet those of the CPU.

Inside `with OtherDevice():`, `x.to(DEVICE)` gives a tensor that computes on the CPU and says that
it lies elsewhere. As on a GPU, an operation that mixes devices raises an error, except for indexing
by rows of the CPU and for single numbers, and `.numpy()` needs `.cpu()` first.
"""

import contextlib

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("lazy", 0)  # a name that torch knows and nothing is behind
COPIES = ("aten._to_copy.default", "aten.copy_.default")
INDEXING = ("aten.index.Tensor", "aten.index_put_.default", "aten._index_put_impl_.default")


class Elsewhere(torch.Tensor):
    """A tensor on the other device, with its numbers in `held`."""

    @staticmethod
    def __new__(cls, held):
        options = {"strides": held.stride(), "dtype": held.dtype, "device": DEVICE}
        return torch.Tensor._make_wrapper_subclass(cls, held.shape, **options)

    def __init__(self, held):
        self.held = held

    def numpy(self, **_):
        raise TypeError(f"a tensor on {DEVICE} has to be copied to the CPU first")

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


class OtherDevice(TorchDispatchMode):
    """The context in which tensors can be moved to the device."""

    def __enter__(self):
        self.patched = pytest.MonkeyPatch()
        autocast = torch.autocast  # it knows the devices that can have it
        self.patched.setattr(
            torch,
            "autocast",
            lambda kind, *a, **k: (
                contextlib.nullcontext() if kind == DEVICE.type else autocast(kind, *a, **k)
            ),
        )
        return super().__enter__()

    def __exit__(self, *error):
        self.patched.undo()
        return super().__exit__(*error)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


def _run(func, args, kwargs):
    """Compute on the CPU; the result lies where a GPU would have put it."""
    tensors = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, torch.Tensor)]
    away = any(isinstance(x, Elsewhere) for x in tensors)
    by_rows = str(func) in INDEXING and isinstance(args[0], Elsewhere)
    if away and str(func) not in COPIES and not by_rows:
        here = [x for x in tensors if not isinstance(x, Elsewhere) and x.ndim]
        if here:
            raise RuntimeError(f"{func}: tensors on {DEVICE} and on the CPU")
    device = kwargs.get("device")
    if device is not None:
        away = torch.device(device) == DEVICE
        kwargs = {**kwargs, "device": "cpu"}
    found = func(*tree_map(_held, args), **tree_map(_held, kwargs))
    first = func._schema.arguments[0].alias_info if func._schema.arguments else None
    if first is not None and first.is_write:  # in place
        return args[0]
    return tree_map(lambda x: Elsewhere(x) if away and isinstance(x, torch.Tensor) else x, found)


def _held(x):
    return x.held if isinstance(x, Elsewhere) else x
