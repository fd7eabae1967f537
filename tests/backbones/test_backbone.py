import pytest

from manyviews import backbones

FAMILIES = {
    "resnet_tiny": "sgd",
    "timm/regnetx_002": "sgd",
    "timm/mobilenetv3_small_050": "sgd",
    "timm/resnetv2_50x1_bit": "sgd",  # group norm, trained with SGD
    "torchvision/vgg11": "sgd",
    "timm/test_vit": "adaptive",
    "timm/convnext_atto": "adaptive",
    "timm/mixer_s32_224": "adaptive",
    "timm/poolformer_s12": "adaptive",  # a group norm of one group
    "timm/xcit_nano_12_p16_224": "adaptive",  # batch norms in its stem
    "torchvision/swin_t": "adaptive",
}


@pytest.mark.parametrize("name", FAMILIES)
def test_norms_tell_the_optimizers_that_a_backbone_is_made_for(name):
    assert backbones.build(name, image_size=64).family == FAMILIES[name]
