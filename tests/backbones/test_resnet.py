import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

from manyviews import backbones
from manyviews.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "reference"),
    [("resnet18", models.resnet18), ("resnet34", models.resnet34), ("resnet50", models.resnet50)],
)
def test_imagenet_resnet_with_torchvisions_weights_gives_its_embedding(name, reference):
    theirs = reference(weights=None).eval().double()
    theirs.fc = torch.nn.Identity()
    ours = backbones.build(name, stem="imagenet").eval().double()
    ours.load_state_dict(theirs.state_dict())
    image = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(ours(image), theirs(image))


def test_the_slim_network_has_more_dimensions_for_fewer_operations():
    dimensions, operations = [], []
    for name in ("resnet_tiny", "resnet_slim"):
        built = backbones.build(name, in_channels=1, image_size=28)
        with FlopCounterMode(display=False) as counted, torch.no_grad():
            dimensions.append(built(torch.zeros(1, 1, 28, 28)).shape[1])
        operations.append(counted.get_total_flops())
    assert dimensions == [128, 192]
    assert operations[1] < 0.9 * operations[0]


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


@pytest.mark.parametrize("name", ["resnet_tiny", "resnet50"])
def test_residual_branches_can_begin_at_zero(name):
    made = [
        backbones.build(name, zero_init_residual=z, image_size=32).eval() for z in (True, False)
    ]
    changed = [
        key
        for (key, ours), theirs in zip(
            made[0].state_dict().items(), made[1].state_dict().values(), strict=True
        )
        if key.endswith("weight") and ours.ndim == 1 and not torch.equal(ours, theirs)
    ]
    last = "bn3" if name == "resnet50" else "bn2"
    assert changed and all(f".{last}." in key for key in changed)
    block, x = made[0].layer1[0], torch.rand(1, made[0].conv1.out_channels, 4, 4)
    with torch.no_grad():
        torch.testing.assert_close(block(x), block.downsample(x).relu())


def test_only_our_own_resnets_begin_at_zero():
    with pytest.raises(
        ConfigError, match="zero_init_residual is for ResNets, not for timm/test_vit"
    ):
        backbones.build("timm/test_vit", zero_init_residual=True)


@pytest.mark.parametrize(("size", "first"), [(32, (3, 3)), (224, (7, 7))])
def test_auto_stem_follows_the_image_size(size, first):
    assert backbones.build("resnet18", image_size=size).conv1.kernel_size == first
