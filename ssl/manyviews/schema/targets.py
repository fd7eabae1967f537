"""The classes and functions that a config may name as `_target_`.

A config can come from somebody else (a copied run folder, a downloaded experiment), so a name in it
must not be able to reach a function such as `torch.load` that runs code. Each group of the config
may name the public names of its own room only, plus the optimizers of torch. The environment
variable MANYVIEWS_TRUST adds packages of your own, separated by commas.
"""

from __future__ import annotations

import importlib
import inspect
import os
from typing import Any

from manyviews.errors import ConfigError, unknown

# What each group may name: the public names (`__all__`) of modules, or one name.
ROOMS: dict[str, tuple[str, ...]] = {
    "data": ("manyviews.data",),
    "views": ("manyviews.views", "manyviews.views.series"),
    "backbone": ("manyviews.backbones",),
    "method": ("manyviews.methods",),
    "optimizer": ("manyviews.optim", "torch.optim"),
    "schedule": ("manyviews.optim",),
    "regularizers": ("manyviews.regularizers", "manyviews.optim"),
    "trainer": ("manyviews.trainer.build_trainer",),
    "callbacks": ("manyviews.callbacks",),
    "logger": ("manyviews.loggers",),
    "evaluation": ("manyviews.evaluation",),
}
OTHERS = "torch.optim"  # the only room that is not ours


def check_allowed(name: Any, path: str) -> None:
    """Raise unless the config key `path` may name this class or function.

    Our own names are looked up in the lists of their rooms; nothing heavy is imported.

    Raises:
        ConfigError: it is not text, it lies outside the rooms of its group, or it does not exist.
    """
    key = f"{path}._target_"
    if not isinstance(name, str):
        raise ConfigError(f"{key}={name!r}: type the name of a class or function, such as a.b.C")
    rooms = _rooms(path)
    room, _, wanted = name.rpartition(".")
    if _trusted(name) or name in rooms or (room == OTHERS and room in rooms):
        return
    if room not in rooms:
        allowed = ", ".join(r if "_" in r else f"{r}.NAME" for r in rooms) or "nothing"
        raise ConfigError(
            f"{key}={name} is not allowed here; allowed: {allowed}; "
            "to run code of your own, set MANYVIEWS_TRUST=your_package"
        )
    if wanted not in (public := _import(room).__all__):
        raise unknown("class or function", name, [f"{room}.{other}" for other in public])


def _rooms(path: str) -> tuple[str, ...]:
    """Return what the node at a config key may name."""
    group, *inner = path.split(".")
    if group == "callbacks" and inner[1:2] == ["sets"]:  # data sets by name, of OtherData
        group = "data"
    return ROOMS.get(group, ())


def locate(name: str, path: str) -> Any:
    """Return the class or function that the config key `path` names, and import it.

    Raises:
        ConfigError: see `check_allowed`; or the object comes from another package than its name
            says: everything that a trusted module imports would be trusted otherwise.
    """
    check_allowed(name, path)
    try:
        found = _import(name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{path}._target_={name} does not exist") from error
    package = _trusted(name) or ("manyviews" if is_own(name) else OTHERS)
    source = str(getattr(found, "__module__", None))
    known = inspect.isclass(found) or inspect.isfunction(found)
    if not known or not f"{source}.".startswith(f"{package}."):
        raise ConfigError(
            f"{path}._target_={name} is no class or function of {package} (it comes from {source})"
        )
    if package == OTHERS:
        _check_optimizer(found, name, path)
    return found


def _check_optimizer(found: Any, name: str, path: str) -> None:
    """Raise unless an object of torch.optim is an optimizer; it holds functions, too."""
    kind = _import("torch.optim.Optimizer")
    if not (inspect.isclass(found) and issubclass(found, kind)):
        raise ConfigError(f"{path}._target_={name} is no optimizer of torch")


def is_own(name: str) -> bool:
    """Return True if a name that `check_allowed` let pass is one of manyviews itself."""
    return name.startswith("manyviews.") and not _trusted(name)


def _trusted(name: str) -> str | None:
    """Return the package of MANYVIEWS_TRUST in which a name lies, None if it lies in none."""
    listed = os.environ.get("MANYVIEWS_TRUST", "").split(",")
    packages = filter(None, (package.strip().rstrip(".") for package in listed))
    return next((package for package in packages if name.startswith(f"{package}.")), None)


def _import(name: str) -> Any:
    """Return the object of a dotted name, whose first parts are modules."""
    first, *parts = name.split(".")
    found = importlib.import_module(first)
    for i, part in enumerate(parts, 1):
        if inspect.ismodule(found) and not hasattr(found, part):
            importlib.import_module(".".join([first, *parts[:i]]))
        found = getattr(found, part)
    return found
