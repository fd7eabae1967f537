import pytest
import torch

from manyviews import backbones, build, checkpoints, config, train
from manyviews.errors import ConfigError


def frozen(name, freeze, size=32):
    backbone = backbones.build(name, image_size=size, freeze=freeze)
    return {
        n.removeprefix(backbone.prefix)
        for n, p in backbone.named_parameters()
        if not p.requires_grad
    }


def parts(names):
    return {name.partition(".")[0] for name in names}


def test_a_number_freezes_the_stem_and_that_many_stages():
    assert frozen("resnet_tiny", 0) == set()
    assert parts(frozen("resnet_tiny", 1)) == {"conv1", "bn1", "layer1"}
    assert parts(frozen("resnet_tiny", 2)) == {"conv1", "bn1", "layer1", "layer2"}


def test_stages_of_a_transformer_are_its_blocks():
    held = frozen("timm/test_vit", 2)
    assert {"cls_token", "pos_embed", "patch_embed.proj.weight"} < held
    assert {n for n in held if n.startswith("blocks.1.")} and not any("blocks.2" in n for n in held)


def test_all_freezes_every_parameter_in_any_library():
    for name in ("resnet_tiny", "timm/test_vit", "torchvision/mobilenet_v3_small"):
        backbone = backbones.build(name, image_size=32, freeze="all")
        assert not any(p.requires_grad for p in backbone.parameters())


def test_names_are_those_of_the_library():
    assert frozen("torchvision/resnet18", ["bn1", "layer1.0.conv2"]) == {
        "bn1.weight",
        "bn1.bias",
        "layer1.0.conv2.weight",
    }
    assert frozen("timm/test_vit", ["pos_embed"]) == {"pos_embed"}


@pytest.mark.parametrize(
    ("name", "freeze", "said"),
    [
        ("resnet_tiny", ["layer7"], "unknown part of the backbone 'layer7': did you mean 'layer"),
        ("resnet_tiny", [""], "unknown part of the backbone ''"),
        ("resnet_tiny", 4, "backbone.freeze=4; allowed: 0 to 3 stages, or all"),
        ("resnet_tiny", -1, "backbone.freeze=-1; allowed: 0 to 3"),
        ("torchvision/resnet18", 1, r"type names, as backbone.freeze=\[conv1\], or all"),
    ],
)
def test_what_cannot_be_frozen_is_one_line(name, freeze, said):
    with pytest.raises(ConfigError, match=said):
        backbones.build(name, image_size=32, freeze=freeze)


def test_frozen_parts_stay_in_evaluation_mode_and_the_others_do_not():
    backbone = backbones.build("resnet_tiny", image_size=32, freeze=1)
    for _ in range(2):
        backbone.train()
        assert not backbone.bn1.training and not backbone.layer1.training
        assert backbone.training and backbone.layer2[0].bn1.training
        backbone.eval()
        assert not backbone.layer2[0].bn1.training


def test_frozen_weights_and_statistics_stay_while_others_move(small, config_dir):
    overrides = [*small, "backbone.freeze=1", "optimizer.weight_decay=0.5"]
    run = train.pretrain(overrides, config_dir)
    before = build.backbone(run.config, build.data(run.config)).state_dict()
    after = checkpoints.backbone(checkpoints.read(run.saved.path))
    still = {name for name, value in before.items() if torch.equal(value, after[name])}
    assert still == {n for n in before if parts([n]) <= {"conv1", "bn1", "layer1"}}


def test_the_optimizer_gets_what_trains_alone(small, config_dir):
    composed, _ = config.compose("pretrain", [*small, "backbone.freeze=all"], config_dir)
    method = build.method(composed, build.data(composed))
    given = [p for group in method.parameter_groups() for p in group["params"]]
    assert len(given) == len([*method.projector.parameters(), *method.prototypes.parameters()])


@pytest.mark.slow
@pytest.mark.parametrize("freeze", ["1", "all"])
def test_two_processes_train_what_is_left_as_one_does(freeze, small, config_dir, ranks):
    overrides = [*small, f"backbone.freeze={freeze}", "trainer.precision=64-true", "optimizer=sgd"]
    found = ranks(2)("on_ranks.steps", overrides, config_dir)
    reference = ranks(1)("on_ranks.steps", overrides, config_dir)[0]
    for rank in found:
        for name, value in reference["state"].items():
            torch.testing.assert_close(rank["state"][name], value, rtol=1e-9, atol=1e-9)
