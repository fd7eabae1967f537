"""Any transform of torchvision as an operation, for those that have no batched form here."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torchvision.transforms import v2

from manyviews.datamodules.views.images.random_apply import RandomApply
from manyviews.errors import ConfigError, unknown
from manyviews.ranges import Share


class Torchvision(RandomApply):
    """A class of torchvision.transforms.v2, applied to one image after the other.

    Slow, and every image waits for its numbers to be read from the device: meant for trying a
    transform out. The transform sees a float image in [0, 1] and draws from torch's generator of
    the CPU, which is seeded with the draws of the sample.

    Args:
        probability: chance that the transform is called, 0 to 1; many transforms draw a
            probability of their own after that.
        name: the class, for example RandomPerspective.
        arguments: arguments of the class.
    """

    draws = 3  # apply, and two that seed the generator

    def __init__(self, probability: Share, name: str, arguments: dict[str, Any]) -> None:
        super().__init__(probability)
        known = [
            k for k, v in vars(v2).items() if isinstance(v, type) and issubclass(v, v2.Transform)
        ]
        if name not in known:
            raise unknown("torchvision transform", name, known)
        try:
            self.transform = getattr(v2, name)(**arguments)
        except (TypeError, ValueError) as error:
            given = ", ".join(f"{k}={v}" for k, v in arguments.items())
            raise ConfigError(f"torchvision transform {name}({given}): {error}") from error

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B 3"]
    ) -> Float[Tensor, "B C H W"]:
        """Return transformed images if their first draw is below the probability.

        Raises:
            ConfigError: the transform changes the size of an image.
        """
        changed = []
        with torch.random.fork_rng(devices=[]):  # the run's own generator stays as it is
            for picture, (apply, *rest) in zip(image, draws.tolist(), strict=True):
                high, low = (int(number * 2**24) for number in rest)  # draws have 24 bits each
                torch.manual_seed(high << 24 | low)
                changed.append(self.transform(picture) if apply < self.probability else picture)
        for picture in changed:
            if picture.shape != image.shape[1:]:
                raise ConfigError(
                    f"torchvision transform {type(self.transform).__name__} makes "
                    f"{tuple(picture.shape)} of {tuple(image.shape[1:])}; allowed: the same shape"
                )
        return torch.stack(changed).clamp(0, 1)
