"""Options that many data sets share: declared once and added to the function of each data set.

The config check compares `conf/data/NAME.yaml` with the signature of the data set's function, so an
option exists for users if it stands in that signature. `with_options` puts it there.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Collection
from inspect import Parameter, Signature
from types import NoneType
from typing import Any, Protocol, TypeVar, runtime_checkable


@runtime_checkable
class Content(Protocol):
    """The result of a data set's function before it is split: recordings, images or an index."""

    @property
    def dataset(self) -> str:
        """Name of the data set; empty if it is the name of the function."""
        ...


C = TypeVar("C", bound=Content)
S = TypeVar("S")


def with_options(
    options: Any,
    split: Callable[[str, C, Any], S],
    fixed: Collection[str] = (),
    nullable: Collection[str] = (),
) -> Callable[[Callable[..., C]], Callable[..., S]]:
    """Return a decorator that turns a function which finds data into one that returns splits.

    The decorated function takes the arguments of the original and every option as a keyword. It
    calls the original and then `split`. If the original names an option as a parameter of its own
    (keyword-only, without a default), it receives the value, too.

    Args:
        options: a NamedTuple with the defaults of this data set. An option may be None only if
            that is its default, or if it is nullable.
        split: called as `split(name, content, options)`; its return type is that of the result.
        fixed: names of options that users cannot change.
        nullable: names of options that may be None whatever their default is.
    """
    shared = _option_parameters(options, fixed, nullable)
    returned = typing.get_type_hints(split)["return"]

    def decorate(find: Callable[..., C]) -> Callable[..., S]:
        """Return the data set's function with the options added."""
        own = _parameters(find)
        rest = [parameter for name, parameter in own.items() if name not in shared]
        signature = Signature([*rest, *shared.values()], return_annotation=returned)

        @functools.wraps(find)
        def data_set(*args: Any, **given: Any) -> Any:
            bound = signature.bind(*args, **given)
            bound.apply_defaults()
            values = bound.arguments
            content = find(**{name: values[name] for name in own})
            chosen = options._replace(**{name: values[name] for name in shared})
            return split(content.dataset or find.__name__, content, chosen)

        # The config check reads these two; functools.wraps would show those of `find`.
        data_set.__dict__["__signature__"] = signature
        data_set.__annotations__ = {
            **{name: parameter.annotation for name, parameter in signature.parameters.items()},
            "return": returned,
        }
        return data_set

    return decorate


def _option_parameters(
    options: Any, fixed: Collection[str], nullable: Collection[str]
) -> dict[str, Parameter]:
    """Return the options that users can change as keyword-only parameters."""
    hints = typing.get_type_hints(type(options))
    return {
        name: Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=default,
            # Only a data set that can do without a value has null as its default.
            annotation=(
                hints[name] if default is None or name in nullable else _without_none(hints[name])
            ),
        )
        for name, default in options._asdict().items()
        if name not in fixed
    }


def _parameters(function: Callable[..., Any]) -> dict[str, Parameter]:
    """Return the parameters of a function, their annotations as types instead of strings."""
    # Strings could only be resolved in the module of `function`, not where the result is read.
    hints = typing.get_type_hints(function)
    parameters = inspect.signature(function).parameters
    return {name: p.replace(annotation=hints.get(name, Any)) for name, p in parameters.items()}


def _without_none(hint: Any) -> Any:
    """Return `X` for `X | None`, and any other hint as it is."""
    kinds = typing.get_args(hint)
    if NoneType not in kinds:
        return hint
    return functools.reduce(lambda a, b: a | b, [kind for kind in kinds if kind is not NoneType])
