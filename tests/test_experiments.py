"""Every file of conf/experiment: its command composes, and its method is built as it says."""

import re
import shlex
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
import torch
import yaml
from contract import METHODS

from manyviews import build, config
from manyviews.loggers import ledger

ROOT = Path(__file__).parent.parent
DATA = ("cifar10", "imagenet")
BASES = ("mini", *DATA)  # what the recipes of a data set have in common
SERIES = ("motif_states", "watch", "har", "ppg", "ecg", "official")
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
    """Return the config and choices of the command in the recipe's head."""
    program, command, *overrides = shlex.split(comments(name)[0])
    assert (program, command) == ("manyviews", "pretrain") and f"experiment={name}" in overrides
    return config.compose("pretrain", overrides)


def test_experiments_tell_what_they_cost_and_what_to_expect():
    said = {name: " ".join(comments(name)) for name in NAMES if name not in BASES}
    assert [name for name in said if not re.search("minutes|hour", said[name])] == []
    assert [name for name in said if not re.search("%|No published number", said[name])] == []


@cache
def few(config_dir, *overrides):
    """Return the data of a config, composed once."""
    return config.compose("pretrain", overrides, config_dir)[0]["data"]


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_composes_by_its_command_and_its_method_is_built(name, config_dir):
    """Build it on the meta device (shapes without values) for a few images or windows."""
    made, choices = composed(name)
    freely_named = name in (*BASES, "demo", "rebar_official")
    assert freely_named or name == f"{choices['method']}_{choices['data']}"
    assert choices["experiment"] == name and made["evaluation"]
    small = ["data=stripes", f"data.size={64 if 'imagenet' in name else 16}"]
    if choices["method"] == "rebar":
        small = ["data=waves"]
        made["method"] |= {"retriever": None, "positives": "sliding_mse"}
    made["data"] = few(config_dir, *small)
    made["batch_size"] = 16
    data = build.data(made)
    with torch.device("meta"):
        method = build.method(made, data)
    assert method.backbone.embedding_dim >= 128
    assert 0 <= method.schedule(0, total_steps=100, steps_per_epoch=1) <= 1


RATES = {
    "swav_imagenet": "lr 0.3;",
    "barlow_twins_imagenet": "lr 0.2, vector_lr 0.00015;",  # 0.0048 / 32: for the true gradient
    "mixed_barlow_twins_imagenet": "lr 0.2, vector_lr 0.0006;",  # 0.0048 / 8
    "tico_imagenet": "lr 0.2, vector_lr 0.2;",
    "hydra_imagenet": "lr 0.05, vector_lr 0.05;",  # 0.2 at 1024
    "hydra_moco_imagenet": "lr 0.3, vector_lr 0.3;",
    "ivne_imagenet": "lr 0.4;",
    "simclr_imagenet": "lr 0.3, vector_lr 0.3;",
    "byol_imagenet": "lr 0.2, vector_lr 0.4;",  # for half the official loss
    "vicreg_imagenet": "lr 0.2, vector_lr 0.2;",
    "supcon_imagenet": "lr 0.4, vector_lr 0.04;",  # for ten times the official loss
}


def test_rates_per_256_images_are_those_of_the_papers():
    assert sorted(RATES) == [name for name in NAMES if name.endswith("_imagenet")]
    for name, said in RATES.items():
        head = yaml.safe_load(text(name))
        assert ledger._per_256(head["optimizer"], head["batch_size"]).startswith(said)


def test_the_recipes_of_a_data_set_begin_with_its_base():
    for base in DATA:
        for name in (n for n in NAMES if n.endswith(f"_{base}")):
            assert yaml.safe_load(text(name))["defaults"][0] == base


def test_every_method_has_recipes_and_a_page():
    """The forms of Hydra share a page, and so do the two stages of REBAR."""
    pages = {file.stem for file in ROOT.joinpath("docs", "methods").glob("*.md")}
    methods = set(METHODS) - {"simlap", "hydra_moco", "rebar_retriever"}
    assert pages == methods
    images = {method for method in METHODS if "rebar" not in method}
    assert {f"{m}_fashion_mnist_mini" for m in images} <= set(NAMES)
    for method in methods:
        recipes = [f"{method}_{data}" for data in (SERIES if method == "rebar" else DATA)]
        page = ROOT.joinpath("docs", "methods", f"{method}.md").read_text()
        assert set(recipes) <= set(NAMES)
        assert all(f"`{recipe}`" in page or f"experiment={recipe}`" in page for recipe in recipes)
