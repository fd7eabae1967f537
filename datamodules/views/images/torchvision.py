"""Any transform of torchvision as an operation, for what there is no batched one of."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torchvision.transforms import v2

from manyviews.datamodules.views.images.random_apply import Sometimes
from manyviews.errors import ConfigError, unknown


class Torchvision(Sometimes):
    """A class of torchvision.transforms.v2, applied to one image after the other.

    Slow, and each image waits for its numbers: for trying a transform out. It sees float images in
    [0, 1] and draws from torch's generator of the CPU, seeded with the draws of the sample.

    Args:
        probability: that the transform is applied at all, 0 to 1; it may draw once more itself.
        name: of the class, for example RandomPerspective.
        arguments: of the class.
    """

    draws = 3  # apply, and two that seed the generator

    def __init__(self, probability: float, name: str, arguments: dict[str, Any]) -> None:
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
        """Transformed where the first draw is below the probability; the size must stay."""
        changed = []
        with torch.random.fork_rng(devices=[]):
            for picture, (apply, *rest) in zip(image, draws.tolist(), strict=True):
                high, low = (int(number * 2**24) for number in rest)
                torch.manual_seed(high << 24 | low)
                changed.append(self.transform(picture) if apply < self.probability else picture)
        for picture in changed:
            if picture.shape != image.shape[1:]:
                raise ConfigError(
                    f"torchvision transform {type(self.transform).__name__} makes "
                    f"{tuple(picture.shape)} of {tuple(image.shape[1:])}; allowed: the same shape"
                )
        return torch.stack(changed).clamp(0, 1)
