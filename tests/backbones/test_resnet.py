import pytest
import torch
from torchvision import models

from manyviews import backbones


@pytest.mark.parametrize(
    ("name", "reference"),
    [("resnet18", models.resnet18), ("resnet34", models.resnet34), ("resnet50", models.resnet50)],
)
def test_imagenet_resnet_with_torchvisions_weights_gives_its_embedding(name, reference):
    theirs = reference(weights=None).eval()
    theirs.fc = torch.nn.Identity()
    ours = backbones.build(name, stem="imagenet").eval()
    ours.load_state_dict(theirs.state_dict())
    image = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(image), theirs(image))


def test_small_stem_keeps_the_resolution():
    maps = backbones.build("resnet18", in_channels=1, image_size=32).feature_maps(
        torch.randn(2, 1, 32, 32)
    )
    assert [tuple(m.shape[1:]) for m in maps] == [
        (64, 32, 32),
        (128, 16, 16),
        (256, 8, 8),
        (512, 4, 4),
    ]


def test_tiny_embeds_grey_images_of_28_pixels():
    tiny = backbones.build("resnet_tiny", in_channels=1, image_size=28)
    assert tiny(torch.randn(4, 1, 28, 28)).shape == (4, tiny.embedding_dim) == (4, 128)


@pytest.mark.parametrize(("size", "first"), [(32, (3, 3)), (224, (7, 7))])
def test_auto_stem_follows_the_image_size(size, first):
    assert backbones.build("resnet18", image_size=size).conv1.kernel_size == first
