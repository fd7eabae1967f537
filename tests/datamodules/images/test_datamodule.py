import torch

from manyviews.batch import Sample
from manyviews.datamodules.images.datamodule import denormalise, normalise, raw_pixels


def test_denormalising_gives_the_bytes_back():
    image = torch.randint(0, 256, (3, 2, 5, 5), dtype=torch.uint8)
    mean, std = (0.1, 0.6), (0.3, 0.2)
    view = normalise(image, mean, std)
    assert torch.equal(torch.from_numpy(denormalise(view, mean, std)), image)


def test_raw_pixels_are_from_0_to_1_and_large_images_averaged():
    image = torch.randint(0, 256, (5, 1, 64, 20), dtype=torch.uint8)
    samples = [Sample(image[r], r, r) for r in torch.arange(5).split(2)]
    found = raw_pixels(samples, (64, 20))
    pairs = image.view(5, 32, 2, 20).float().mean(2) / 255
    torch.testing.assert_close(found, pairs.flatten(1))
