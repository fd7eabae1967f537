"""A backbone's weights from a file (`backbone.weights=PATH`) or from another run (`init=PATH`).

The file is a checkpoint of manyviews, a file of torch.save or of safetensors; no code in it is
executed. Loading is strict: the file must hold every tensor of the backbone and nothing else but
the classifier that the model has in its own library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from manyviews import checkpoints
from manyviews.backbones.backbone import Backbone
from manyviews.errors import ConfigError

WRAPPERS = ("state_dict", "model")  # keys under which training scripts save the tensors
NAMED = 3  # number of tensor names that an error lists of each kind


def read(path: str) -> dict[str, Tensor]:
    """Return the tensors of a backbone by name, without their wrappers.

    Removed wrappers are a `state_dict` or `model` key and, if all names have it, the prefix
    `module.`. If any name starts with `backbone.`, only those are kept, without the prefix.

    Args:
        path: a run folder, whose last checkpoint is read, or a file.

    Raises:
        ConfigError: if it does not exist, or is not a file of tensors.
    """
    content: Any = _content(checkpoints.find(path, "backbone.weights"))
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not content:
        raise ConfigError(f"backbone.weights={path} holds no tensors by name")
    strangers = [name for name, value in content.items() if not isinstance(value, Tensor)]
    if strangers:
        raise ConfigError(
            f"backbone.weights={path} holds more than tensors, '{strangers[0]}' first; "
            f"allowed around them: {', '.join(WRAPPERS)}"
        )
    state = dict(content)
    if all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): value for name, value in state.items()}
    return checkpoints.backbone({"state_dict": state}) or state


def _content(path: Path) -> Any:
    """Return what the file holds, in any of the three formats."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if checkpoints.is_ours(path):
            return checkpoints.read(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except ConfigError:
        raise
    except SafetensorError as error:
        raise ConfigError(f"{path} is not a whole safetensors file ({error})") from error
    except Exception as error:  # a forged or foreign file makes the unpickler raise any error
        raise ConfigError(
            f"{path} is cut short, or holds more than torch.load(weights_only=True) reads"
        ) from error


def load(backbone: Backbone, state: Mapping[str, Tensor], given: str) -> str:
    """Copy tensors into the backbone, and return a sentence that says how many.

    Args:
        backbone: changed in place.
        state: tensors by their names in this class, or in the model's own library.
        given: what the user typed, for the message.

    Raises:
        ConfigError: if tensors are missing, of another shape, or too many.
    """
    own = backbone.state_dict()
    # Files from the model's own library lack the prefix of our wrapper class.
    if not all(name.startswith(backbone.prefix) for name in state):
        state = {backbone.prefix + name: value for name, value in state.items()}
    heads = tuple(f"{backbone.prefix}{name}." for name in backbone.classifier)
    dropped = [name for name in state if name not in own and name.startswith(heads)]
    mistakes = {
        # Older files lack the counters, which batch norm with a fixed momentum never reads.
        "missing": [n for n in own if n not in state and not n.endswith("num_batches_tracked")],
        "of another shape": [
            f"{name} {tuple(state[name].shape)} for {tuple(value.shape)}"
            for name, value in own.items()
            if name in state and state[name].shape != value.shape
        ],
        "too many": [name for name in state if name not in own and name not in dropped],
    }
    if any(mistakes.values()):
        raise ConfigError(
            f"{given} does not fit the backbone of {len(own)} tensors: "
            f"{'; '.join(_counted(kind, names) for kind, names in mistakes.items() if names)}; "
            "choose the backbone, stem and channels that it was saved from"
        )
    matched = [name for name in own if name in state]
    backbone.load_state_dict({name: state[name] for name in matched}, strict=False)
    left = f", {len(dropped)} of its classifier left out" if dropped else ""
    return f"{given}: {len(matched)} of {len(own)} tensors{left}"


def _counted(kind: str, names: Iterable[str]) -> str:
    """Return "2 missing (conv1.weight, bn1.bias)" and the like."""
    names = list(names)
    more = ", ..." if len(names) > NAMED else ""
    return f"{len(names)} {kind} ({', '.join(names[:NAMED])}{more})"


def initialise(method: nn.Module, backbone: Backbone, init: str | None) -> str:
    """Copy the backbone of another run, and every other weight that fits; return what matched.

    Args:
        method: the method around the backbone, freshly built.
        backbone: its backbone.
        init: a run folder or a checkpoint; None leaves the method as it is.

    Raises:
        ConfigError: the backbone does not fit, or already has weights from elsewhere.
    """
    if init is None:
        return backbone.begins_with
    if backbone.begins_with != Backbone.begins_with:
        raise ConfigError(
            f"init={init} and backbone.weights (or pretrained) both begin it; leave one out"
        )
    checkpoint = checkpoints.read(checkpoints.find(init))
    matched = load(backbone, checkpoints.backbone(checkpoint), f"init={init}")
    # Only parameters: buffers are a method's own state (queues, counters) and begin anew.
    heads = {n: p for n, p in method.named_parameters() if not n.startswith("backbone.")}
    state: dict[str, Tensor] = checkpoint["state_dict"]
    fitting = {n: state[n] for n in heads if n in state and state[n].shape == heads[n].shape}
    method.load_state_dict(fitting, strict=False)
    return f"{matched}; {len(fitting)} of {len(heads)} other weights"


def load_trained(backbone: Backbone, saved: checkpoints.Saved) -> Backbone:
    """Load the backbone's weights from a run's checkpoint, all of which must match.

    Returns:
        The same backbone in evaluation mode.

    Raises:
        ConfigError: the checkpoint does not fit.
    """
    try:
        backbone.load_state_dict(checkpoints.backbone(saved.content))
    except RuntimeError as error:
        raise ConfigError(f"{saved.path}: {' '.join(str(error).split())}") from error
    return backbone.eval()
