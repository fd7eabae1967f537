"""Cut and resize decoded images to the clean images that a backbone reads at evaluation."""

from __future__ import annotations

import torch
from jaxtyping import Int64, UInt8
from PIL import Image
from torch import Tensor

from manyviews.datamodules.images.decode import to_tensor
from manyviews.datamodules.preprocessing import MARGIN, Preprocessing

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


class Clean:
    """A function that cuts the largest centred box of a shape, less a margin, and resizes it.

    Args:
        size: height and width of the result in pixels.
        crop: share of the box that is kept.
        interpolation: a name in `FILTERS`; all of them are antialiased.
    """

    def __init__(
        self, size: tuple[int, int], crop: float = MARGIN, interpolation: str = "bicubic"
    ) -> None:
        self.size, self.crop, self.filter = size, crop, FILTERS[interpolation]

    def __call__(
        self, images: list[Image.Image], position: Int64[Tensor, " B"], epoch: int
    ) -> UInt8[Tensor, "B C h w"]:
        """Return the clean images."""
        return torch.stack([to_tensor(self._cut(image)) for image in images])

    def _cut(self, image: Image.Image) -> Image.Image:
        """Return one clean image; one that has the right size stays whole."""
        height, width = self.size
        if (image.height, image.width) == self.size:
            return image
        # In pixels of the image: side of the largest box of this shape, less the margin.
        scale = min(image.height / height, image.width / width) * self.crop
        left, top = (image.width - width * scale) / 2, (image.height - height * scale) / 2
        box = (left, top, left + width * scale, top + height * scale)
        return image.resize((width, height), self.filter, box)


class TimmClean:
    """A function that cuts and resizes as timm's own evaluation transform.

    Args:
        preprocessing: what the backbone expects; its mode is one of timm's.
    """

    def __init__(self, preprocessing: Preprocessing) -> None:
        from timm.data.transforms_factory import create_transform  # seconds to import

        height, width = preprocessing.size
        self.transform = create_transform(
            (3, height, width),
            interpolation=preprocessing.interpolation,
            crop_pct=preprocessing.crop,
            crop_mode=preprocessing.mode,
            use_prefetcher=True,  # ends with uint8 pixels, before they are normalised
        )

    def __call__(
        self, images: list[Image.Image], position: Int64[Tensor, " B"], epoch: int
    ) -> UInt8[Tensor, "B C h w"]:
        """Return the clean images."""
        # Of one image timm makes an array or a tensor, depending on its version.
        return torch.stack([torch.as_tensor(self.transform(image)) for image in images])  # pyright: ignore[reportCallIssue]


def cleaner(preprocessing: Preprocessing) -> Clean | TimmClean:
    """Return the function that makes clean images as a backbone expects them."""
    if preprocessing.mode != "box":
        return TimmClean(preprocessing)
    height, width = preprocessing.size
    return Clean((height, width), preprocessing.crop, preprocessing.interpolation)
