"""Small image files: stripes of two directions, a class folder for each."""

import numpy as np
from PIL import Image
from small_data import stripes


def write_folder(root, count=16, size=16, channels=3, shape=None):
    """PNGs below root/across and root/down; of many sizes where `shape(i)` gives width, height."""
    train = stripes(count, size, channels).train
    for i, (image, label) in enumerate(zip(train.image, train.label, strict=True)):
        pixels = image.permute(1, 2, 0).numpy() if channels == 3 else image[0].numpy()
        picture = Image.fromarray(pixels)
        if shape:
            picture = picture.resize(shape(i))
        path = root / ("across", "down")[label] / f"{i:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    return root


def noise(height, width, seed=0):
    """A picture of random colours."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)
