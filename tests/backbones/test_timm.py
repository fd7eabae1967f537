import pytest
import torch

from manyviews import backbones, config
from manyviews.backbones import registry
from manyviews.errors import ConfigError

# One small model of each family, with the size of its images.
FAMILIES = {
    "xcit_nano_12_p16_224": 32,
    "convmixer_768_32": 28,
    "mixer_s32_224": 32,
    "seresnet18": 28,
    "ecaresnet26t": 28,
    "convit_tiny": 32,
    "davit_tiny": 28,
    "inception_next_atto": 32,
    "dla34": 32,
    "efficientnet_cc_b0_4e": 28,
    "vit_tiny_patch16_224": 48,
    "swin_tiny_patch4_window7_224": 56,
    "convnext_atto": 32,
    "regnetx_002": 28,
    "mobilenetv3_small_050": 28,  # its head is wider than its trunk
}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_embeds_small_grey_images(name):
    size = FAMILIES[name]
    backbone = backbones.build(f"timm/{name}", in_channels=1, image_size=size).eval()
    image = torch.randn(2, 1, size, size)
    with torch.no_grad():
        assert backbone(image).shape == (2, backbone.embedding_dim)
        maps = backbone.feature_maps(image)
    assert len(maps) > 1 and all(m.ndim == 4 and len(m) == 2 for m in maps)
    assert [m.shape[-1] for m in maps] == sorted((m.shape[-1] for m in maps), reverse=True)
    registry.check_sizes(backbone, [(size, size)])


def test_a_transformer_takes_crops_of_several_sizes():
    backbone = backbones.build("timm/vit_tiny_patch16_224", image_size=64)
    registry.check_sizes(backbone, [(64, 64), (32, 32)])


def test_a_size_that_is_refused_is_reported_with_the_smallest_that_is_taken():
    backbone = backbones.build("timm/vit_tiny_patch16_224", image_size=28)
    with pytest.raises(ConfigError, match="28 x 28 pixels do not pass .* takes has 16"):
        registry.check_sizes(backbone, [(28, 28)])
    with pytest.raises(ConfigError, match="timm/xcit_nano_12_p16_224 cannot be built for 28"):
        backbones.build("timm/xcit_nano_12_p16_224", image_size=28)


def test_looking_for_a_size_leaves_the_mode_of_every_part():
    backbone = backbones.build("timm/test_resnet", image_size=32).train()
    frozen = next(iter(backbone.children())).eval()
    assert backbone.takes(32, 32)
    assert backbone.training and not frozen.training


def test_the_search_for_the_smallest_size_leaves_the_weights():
    backbone = backbones.build("timm/test_vit", image_size=32)
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    assert backbone.smallest() == 16
    after = backbone.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_an_unknown_name_gets_the_nearest_and_not_a_thousand():
    with pytest.raises(ConfigError, match="did you mean 'timm/regnetx_002'") as error:
        backbones.build("timm/regnetx_0002")
    assert len(str(error.value)) < 300 and "in all" in str(error.value)


def test_the_command_line_names_any_model():
    composed, choices = config.compose("pretrain", ["backbone=timm/convnext_atto"])
    assert composed["backbone"]["name"] == choices["backbone"] == "timm/convnext_atto"
