from collections import OrderedDict
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torchvision import models

from manyviews import backbones, build, config, runs, train
from manyviews.errors import ConfigError


def saved(content, file="weights.pth"):
    torch.save(content, file)
    return file


def tiny(seed=5):
    torch.manual_seed(seed)
    return backbones.build("resnet_tiny", image_size=32)


def same(ours, theirs):
    return all(torch.equal(ours.state_dict()[k], v) for k, v in theirs.state_dict().items())


WRAPPED = {
    "plain": lambda state: state,
    "state_dict": lambda state: {"state_dict": state, "epoch": 3},
    "model": lambda state: {"model": state, "optimizer": {"lr": 0.1}},
    "module.": lambda state: OrderedDict((f"module.{k}", v) for k, v in state.items()),
    "backbone.": lambda state: {
        "state_dict": {f"backbone.{k}": v for k, v in state.items()} | {"head.w": torch.ones(1)}
    },
    "all": lambda state: {"state_dict": {f"module.backbone.{k}": v for k, v in state.items()}},
}


@pytest.mark.parametrize("wrap", WRAPPED)
def test_common_wrappers_are_taken_off(wrap):
    theirs = tiny()
    ours = backbones.build(
        "resnet_tiny", weights=saved(WRAPPED[wrap](theirs.state_dict())), image_size=32
    )
    assert same(ours, theirs)
    held = len(theirs.state_dict())
    assert ours.begins_with == f"backbone.weights=weights.pth: {held} of {held} tensors"


def test_safetensors_are_read():
    theirs = tiny()
    save_file(theirs.state_dict(), "weights.safetensors")
    assert same(
        backbones.build("resnet_tiny", weights="weights.safetensors", image_size=32), theirs
    )


@pytest.mark.parametrize(
    ("name", "make", "left"),
    [
        ("resnet18", lambda: models.resnet18(), 2),
        ("torchvision/resnet18", lambda: models.resnet18(), 2),
        ("torchvision/mobilenet_v3_small", lambda: models.mobilenet_v3_small(), 2),
        ("timm/test_resnet", lambda: timm.create_model("test_resnet"), 2),
        ("timm/test_vit", lambda: timm.create_model("test_vit"), 2),
        ("timm/convnext_atto", lambda: timm.create_model("convnext_atto"), 2),
    ],
)
def test_models_of_the_libraries_load_without_their_classifier(name, make, left):
    theirs = make().eval()
    size = theirs.default_cfg["input_size"][1] if name.startswith("timm") else 224
    ours = backbones.build(name, weights=saved(theirs.state_dict()), image_size=size).eval()
    assert ours.begins_with.endswith(f"tensors, {left} of its classifier left out")
    image = torch.randn(1, 3, size, size)
    with torch.no_grad():
        if name.startswith("timm"):
            expected = theirs.forward_head(theirs.forward_features(image), pre_logits=True)
        else:
            head = theirs.fc if hasattr(theirs, "fc") else theirs.classifier[-1]
            head.forward = lambda embedding: embedding
            expected = theirs(image)
        torch.testing.assert_close(ours(image), expected)


def test_counters_that_old_files_lack_are_not_missed():
    state = {k: v for k, v in tiny().state_dict().items() if "num_batches" not in k}
    ours = backbones.build("resnet_tiny", weights=saved(state), image_size=32)
    assert torch.equal(ours.conv1.weight, state["conv1.weight"])


def without(state, *names):
    return {k: v for k, v in state.items() if not k.startswith(names)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: without(s, "conv1"), r"tensors: 1 missing \(conv1.weight\); choose"),
        (lambda s: without(s, "layer1", "bn1"), r"missing \(bn1.weight, bn1.bias, .*, \.\.\.\)"),
        (lambda s: s | {"projector.w": torch.ones(1)}, r": 1 too many \(projector.w\); choose"),
        (
            lambda s: s | {"conv1.weight": torch.ones(32, 1, 3, 3)},
            r"1 of another shape \(conv1.weight \(32, 1, 3, 3\) for \(32, 3, 3, 3\)\)",
        ),
        (lambda s: s | {"epoch": 3}, "holds more than tensors, 'epoch' first; allowed around them"),
        (lambda s: {}, "holds no tensors by name"),
        (lambda s: torch.ones(3), "holds no tensors by name"),
    ],
)
def test_what_does_not_fit_is_counted_and_named_in_one_line(change, said):
    file = saved(change(tiny().state_dict()))
    with pytest.raises(ConfigError, match=said) as error:
        backbones.build("resnet_tiny", weights=file, image_size=32)
    assert "\n" not in str(error.value) and "backbone.weights=weights.pth" in str(error.value)


@pytest.mark.parametrize("file", ["weights.pth", "weights.safetensors"])
@pytest.mark.parametrize("content", [b"", b"PK not a model", b"\x80\x02csubprocess\ncall\n."])
def test_a_file_that_is_no_weight_file_is_refused_in_one_line(file, content):
    Path(file).write_bytes(content)
    with pytest.raises(ConfigError, match=f"{file} is ") as error:
        backbones.build("resnet_tiny", weights=file)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_refused_in_one_line():
    with pytest.raises(ConfigError, match="backbone.weights=x.pth is neither a run folder nor a"):
        backbones.build("resnet_tiny", weights="x.pth")


def test_a_run_begins_with_the_backbone_of_another_and_its_control_is_random(
    done, small, config_dir, capsys
):
    more = [f"backbone.weights={done.path}", "optimizer.lr=0.0", "optimizer.weight_decay=0.0"]
    composed, _ = config.compose("pretrain", [*small, *more], config_dir)
    data = build.data(composed)
    begun = build.method(composed, data).backbone
    trained = train.build.pretrained(done, data)
    assert same(begun, trained) and not same(build.backbone(composed, data), trained)
    train.pretrain([*small, *more], config_dir)
    held = len(trained.state_dict())
    said = " ".join(capsys.readouterr().out.split())
    assert f"{held} of {held} tensors" in said


def test_the_name_of_a_run_follows_the_content_of_the_file_and_not_its_place(small, config_dir):
    def name(file):
        composed, choices = config.compose(
            "pretrain", [*small, f"backbone.weights={file}"], config_dir
        )
        return runs.name(composed, choices)

    for file, value in {"a.pth": 0.0, "c.pth": 1.0}.items():
        saved({"w": torch.tensor(value)}, file)
    Path("b.pth").write_bytes(Path("a.pth").read_bytes())
    assert name("a.pth") == name("b.pth") != name("c.pth")


def test_weights_and_an_init_together_are_refused_in_one_line(done, small, config_dir):
    with pytest.raises(ConfigError, match="both begin it; leave one out"):
        train.pretrain([*small, f"init={done.path}", f"backbone.weights={done.path}"], config_dir)


def test_pretrained_is_timms_and_needs_a_connection(monkeypatch):
    import huggingface_hub.constants as hub

    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        ConfigError, match="the weights of timm/test_vit cannot be downloaded .*weights=FILE"
    ):
        backbones.build("timm/test_vit", pretrained=True)
    with pytest.raises(ConfigError, match="is for timm/NAME, not for resnet18"):
        backbones.build("resnet18", pretrained=True)
    with pytest.raises(ConfigError, match="both begin it"):
        backbones.build("timm/test_vit", pretrained=True, weights="x.pth")
