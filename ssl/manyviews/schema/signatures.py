"""The parameters of the classes and functions that a config names: the schema of its values.

Importing a method or a callback imports Lightning, which takes three times as long as torch. So
that a mistake is told before that, the signatures of such rooms are read from their source files.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import typing
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import manyviews
from manyviews.schema.targets import is_own, locate

# Rooms whose modules import Lightning, torchvision, faiss or scikit-learn.
READ_FROM_SOURCE = (
    "manyviews.backbones",
    "manyviews.callbacks",
    "manyviews.evaluation",
    "manyviews.loggers",
    "manyviews.methods",
    "manyviews.trainer",
)


PACKAGE = Path(manyviews.__file__).parent
PLAIN = ("typing", "collections.abc", "annotated_types")  # modules whose types a config can hold
OF_METHOD = ("needs", "trained_first")  # class attributes of a method that the check reads


class Signature(NamedTuple):
    """The parameters with which a class or function can be called.

    Attributes:
        hints: type of each parameter by name; `Any` if it has none.
        required: parameters without a default.
        takes_any: True if it takes keywords of any name.
        needs: of a method, see `Method.needs`.
        trained_first: of a method, see `Method.trained_first`.
    """

    hints: dict[str, Any]
    required: frozenset[str]
    takes_any: bool = False
    needs: tuple[str, ...] = ()
    trained_first: Mapping[str, str] = {}


def signature(name: str, path: str) -> Signature:
    """Return the signature of the class or function that the config key `path` names.

    Raises:
        ConfigError: the name is not allowed there, or does not exist.
    """
    if is_own(name) and name.rpartition(".")[0] in READ_FROM_SOURCE:
        return read(name)
    return inspected(locate(name, path))


def inspected(target: Any) -> Signature:
    """Return the signature of an imported class or function."""
    function = target.__init__ if inspect.isclass(target) else target
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return Signature(
        {p.name: hints.get(p.name, Any) for p in named},
        frozenset(p.name for p in named if p.default is p.empty),
        any(p.kind is p.VAR_KEYWORD for p in parameters),
        tuple(getattr(target, "needs", ())),
        dict(getattr(target, "trained_first", {})),
    )


@cache
def read(name: str) -> Signature:
    """Return the signature of one of our own classes or functions, read from its source file."""
    types = _Types(_file(name))
    short = name.rpartition(".")[2]
    found: Any = next(node for node in types.tree.body if getattr(node, "name", None) == short)
    in_class = {}
    if isinstance(found, ast.ClassDef):
        in_class = _assigned(found.body)
        found = next(node for node in found.body if getattr(node, "name", None) == "__init__")
    arguments: ast.arguments = found.args
    parameters = [p for p in (*arguments.args, *arguments.kwonlyargs) if p.arg != "self"]
    first_default = len(arguments.args) - len(arguments.defaults)
    optional = {p.arg for p in arguments.args[first_default:]}
    optional |= {
        p.arg for p, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d
    }
    of_method = {key: ast.literal_eval(in_class[key]) for key in OF_METHOD if key in in_class}
    return Signature(
        {p.arg: types.evaluate(p.annotation) for p in parameters},
        frozenset(p.arg for p in parameters) - optional,
        arguments.kwarg is not None,
        **of_method,
    )


def _file(name: str) -> Path:
    """Return the file that defines a public name of ours."""
    room, _, short = name.rpartition(".")
    source = _source(room)
    files = sorted(source.parent.rglob("*.py")) if source.name == "__init__.py" else [source]
    defines = re.compile(rf"^(class|def) {short}\b", re.MULTILINE)
    return next(file for file in files if defines.search(file.read_text("utf-8")))


def _source(module: str) -> Path:
    """Return the source file of a module of ours."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _assigned(body: list[ast.stmt]) -> dict[str, ast.expr]:
    """Return the values that a module or class assigns to names."""
    values = {}
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            value = getattr(node, "value", None)
            if isinstance(target, ast.Name) and isinstance(value, ast.expr):
                values[target.id] = value
    return values


class _Types(dict[str, Any]):
    """The types that the annotations of a source file mention, evaluated when they are asked for.

    Aliases such as `Mode = Literal["cosine", "dot"]` are followed into the files that define them.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tree = ast.parse(file.read_text("utf-8"))
        self.assigned = _assigned(self.tree.body)
        self.imported = {
            alias.asname or alias.name: (node.module or "", alias.name)
            for node in self.tree.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }

    def evaluate(self, annotation: ast.expr | None) -> Any:
        """Return the type; `Any` for that of an object, which cannot be written in a config."""
        if annotation is None:
            return Any
        try:
            return eval(ast.unparse(annotation), {"__builtins__": vars(builtins)}, self)
        except (_NotAnAlias, NameError):
            return Any

    def __missing__(self, name: str) -> Any:
        if name in self.assigned:
            return self.evaluate(self.assigned[name])
        if name not in self.imported:
            raise KeyError(name)  # a built-in type, or a class of this file
        module, original = self.imported[name]
        if module in PLAIN:
            return getattr(import_module(module), original)
        if not module.startswith("manyviews"):
            raise _NotAnAlias(name)
        return _Types(_source(module))[original]


class _NotAnAlias(Exception):
    """The name is that of a class, whose objects cannot be written in a config."""
