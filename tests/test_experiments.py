"""Every file of conf/experiment: its command composes, and its method is built as it says."""

import shlex
from importlib.resources import files

import pytest
import torch
import yaml

from manyviews import build, config, ledger

FOLDER = files("manyviews.conf")
NAMES = sorted(
    file.name.removesuffix(".yaml")
    for file in FOLDER.joinpath("experiment").iterdir()
    if file.name.endswith(".yaml")
)


def text(name):
    return FOLDER.joinpath("experiment", f"{name}.yaml").read_text()


def comments(name):
    lines = text(name).splitlines()
    return [line[2:] for line in lines if line.startswith("# ") and "@package" not in line]


def composed(name):
    """By the command of its own head."""
    program, command, *overrides = shlex.split(comments(name)[0])
    assert (program, command) == ("manyviews", "pretrain") and f"experiment={name}" in overrides
    return config.compose("pretrain", overrides)


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def test_an_experiment_begins_with_its_command_and_composes(name):
    made, choices = composed(name)
    assert choices["experiment"] == name
    assert name == "demo" or name == f"{choices['method']}_{choices['data']}"
    assert made["evaluation"]


def test_an_experiment_tells_what_it_costs_and_what_to_expect(name):
    said = " ".join(comments(name))
    assert "minutes" in said or "hour" in said
    assert "%" in said or "No published number" in said


def test_the_method_of_an_experiment_is_built(name, config_dir):
    """On the meta device, whose tensors are shapes alone, and for a set of a few images."""
    made, _ = composed(name)
    small = ["data=stripes", f"data.size={64 if 'imagenet' in name else 16}"]
    made["data"] = config.compose("pretrain", small, config_dir)[0]["data"]
    made["batch_size"] = 16
    data = build.data(made)
    with torch.device("meta"):
        method = build.method(made, data)
    assert method.backbone.embedding_dim >= 128
    assert method.schedule(0, total_steps=100, steps_per_epoch=1) < 1


def test_rates_per_256_images_are_those_of_the_papers():
    """SwAV 0.3 at 4096; Barlow Twins 0.2 and 0.0048, 1/32 of it for the true gradient."""
    for name, said in {
        "swav_imagenet": "lr 0.3;",
        "barlow_twins_imagenet": "lr 0.2, vector_lr 0.00015;",
    }.items():
        head = yaml.safe_load(text(name))
        assert ledger._per_256(head["optimizer"], head["batch_size"]).startswith(said)
