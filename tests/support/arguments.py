"""Arguments for any loss of manyviews.losses, made from its annotations: no list to edit."""

import inspect
import typing

import torch

from manyviews import losses

SIZES = {"V": 2, "A": 2, "B": 8, "N": 8, "G": 8, "P": 6, "D": 6, "K": 5, "C": 2, "T": 7}
NUMBERS = {int: 3, float: 0.3}


def _functions():
    for name in losses.__all__:
        public = getattr(losses, name)
        if not (inspect.isclass(public) and issubclass(public, tuple)):  # the parts of a loss
            yield name, public


LOSSES = dict(_functions())


def called(name, fill, **sizes):
    """The value of a loss as one number, and the tensors that it was given.

    Args:
        name: in `LOSSES`.
        fill: makes a float tensor of a shape.
        sizes: by letter, in place of `SIZES`.
    """
    loss, sizes = LOSSES[name], SIZES | sizes
    if inspect.isclass(loss):
        loss = loss(sizes["P"]).forward
    hints = typing.get_type_hints(loss)
    given = {
        key: _argument(hints[key], fill, sizes)
        for key, parameter in inspect.signature(loss).parameters.items()
        if parameter.default is parameter.empty
    }
    positional = [v for k, v in given.items() if not _keyword(loss, k)]
    value = loss(*positional, **{k: v for k, v in given.items() if _keyword(loss, k)})
    parts = value if isinstance(value, tuple) else (value,)
    floats = [v for v in positional if torch.is_tensor(v) and v.is_floating_point()]
    return sum(part.sum() for part in parts), floats


def _keyword(loss, key):
    return inspect.signature(loss).parameters[key].kind is inspect.Parameter.KEYWORD_ONLY


def _argument(hint, fill, sizes):
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)[0]
    for kind in typing.get_args(hint) or (hint,):
        if kind in NUMBERS:
            return NUMBERS[kind]
    letters = hint.dim_str.replace("*", "").split()
    shape = [int(x) if x.isdigit() else sizes[x] for x in letters]
    if "float32" in hint.dtypes:
        return fill(*shape)
    if "bool" in hint.dtypes:
        return torch.arange(shape[-1]).expand(shape) % 2 == 0
    return torch.arange(shape[0]) % min(2, sizes["K"])  # classes, rows, or one of K
