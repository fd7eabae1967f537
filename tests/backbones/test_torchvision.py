import pytest
import torch
from torchvision import models

from manyviews import backbones
from manyviews.backbones import registry
from manyviews.errors import ConfigError


@pytest.mark.parametrize("name", ["resnet18", "regnet_x_400mf", "swin_t", "mobilenet_v3_small"])
def test_models_embed_grey_images(name):
    backbone = backbones.build(f"torchvision/{name}", in_channels=1, image_size=64).eval()
    image = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        assert backbone(image).shape == (2, backbone.embedding_dim)
        maps = backbone.feature_maps(image)
    sides = [m.shape[-1] for m in maps]
    assert len(maps) > 2 and sides == sorted(set(sides), reverse=True)
    widths = [m.shape[1] for m in maps]
    assert widths[-1] > widths[0] and all(m.shape[-2] == m.shape[-1] for m in maps)


def test_embeddings_are_what_torchvision_classifies():
    torch.manual_seed(0)
    backbone = backbones.build("torchvision/resnet18").eval()
    torch.manual_seed(0)
    whole = models.resnet18(weights=None).eval()
    image = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(whole.fc(backbone(image)), whole(image))


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_residual_branches_begin_at_zero_as_by_torchvisions_own_argument(name):
    torch.manual_seed(0)
    backbone = backbones.build(f"torchvision/{name}", zero_init_residual=True)
    torch.manual_seed(0)
    whole = models.get_model(name, weights=None, zero_init_residual=True)
    theirs = {f"model.{k}": v for k, v in whole.state_dict().items() if not k.startswith("fc.")}
    ours = backbone.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[k], v) for k, v in theirs.items())


def test_a_network_without_residual_branches_cannot_begin_them_at_zero():
    with pytest.raises(ConfigError, match=r"zero_init_residual is for ResNets, not for VGG"):
        backbones.build("torchvision/vgg11", zero_init_residual=True, image_size=32)


def test_a_transformer_is_built_for_the_size_of_the_views():
    backbone = backbones.build("torchvision/vit_b_32", image_size=32)
    registry.check_sizes(backbone, [(32, 32)])
    with pytest.raises(ConfigError, match="64 x 64 pixels do not pass .* takes has 32"):
        registry.check_sizes(backbone, [(64, 64)])


def test_unknown_names_and_models_that_do_not_end_in_a_linear_layer_are_refused():
    with pytest.raises(ConfigError, match="did you mean 'torchvision/resnet18'"):
        backbones.build("torchvision/resnet17")
    with pytest.raises(ConfigError, match="squeezenet1_1 does not end in a linear layer"):
        backbones.build("torchvision/squeezenet1_1")
