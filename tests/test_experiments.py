"""Every file of conf/experiment: its command composes, and its method is built as it says."""

import re
import shlex
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
import yaml
from contract import METHODS

from manyviews import build, config
from manyviews.loggers import ledger
from manyviews.sweeps.tables.files import load

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


@cache
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
    "simclr_imagenet": "lr 0.3, vector_lr 0.6;",  # for half the official loss
    "byol_imagenet": "lr 0.2, vector_lr 0.4;",  # for half the official loss
    "vicreg_imagenet": "lr 0.2, vector_lr 0.2;",
    "supcon_imagenet": "lr 0.4, vector_lr 0.04;",  # for ten times the official loss
}


def test_rates_per_256_images_are_those_of_the_papers():
    assert sorted(RATES) == [name for name in NAMES if name.endswith("_imagenet")]
    for name, said in RATES.items():
        head = yaml.safe_load(text(name))
        assert ledger._per_256(head["optimizer"], head["batch_size"]).startswith(said)


BLUR = "views.large.operations.blur.kernel_size"
ZERO_INIT = "backbone.zero_init_residual"
CROP = "views.{}.operations.crop.interpolation"
# Values that were once different from their source, with that source.
VALUES = [
    ("simclr_cifar10", BLUR, 13, "solo-learn blurs by PIL, which does not cut the Gaussian"),
    ("supcon_cifar10", BLUR, 13, "solo-learn, PIL"),
    ("swav_cifar10", BLUR, 13, "solo-learn, PIL"),
    ("vicreg_imagenet", "views.first.operations.blur.probability", 1.0, "vicreg augmentations.py"),
    ("vicreg_imagenet", "views.second.operations.blur.probability", 0.1, "vicreg augmentations.py"),
    ("vicreg_imagenet", "views.second.operations.solarize.probability", 0.2, "augmentations.py"),
    ("vicreg_imagenet", "views.first.operations.solarize", None, "vicreg augmentations.py"),
    ("vicreg_imagenet", CROP.format("first"), "bicubic", "vicreg augmentations.py"),
    ("simclr_imagenet", ZERO_INIT, True, "simclr resnet.py, gamma of the last norm"),
    ("supcon_imagenet", ZERO_INIT, True, "google-research supcon, as SimCLR"),
    ("hydra_moco_imagenet", ZERO_INIT, True, "erow/hydra, main_moco.py"),
    ("byol_imagenet", ZERO_INIT, True, "deepmind-research byol, networks.py"),
    ("swav_imagenet", ZERO_INIT, False, "swav resnet50.py, zero_init_residual=False"),
    ("hydra_moco_imagenet", CROP.format("first"), "bilinear", "torchvision's default in hydra"),
    ("hydra_moco_imagenet", CROP.format("second"), "bilinear", "torchvision's default in hydra"),
    ("tico_imagenet", CROP.format("first"), "bilinear", "torchvision's default in lightly"),
    ("tico_imagenet", CROP.format("second"), "bilinear", "torchvision's default in lightly"),
    ("tico_cifar10", CROP.format("first"), "bilinear", "torchvision's default in lightly"),
    ("tico_cifar10", CROP.format("second"), "bilinear", "torchvision's default in lightly"),
    ("byol_imagenet", CROP.format("first"), "bicubic", "deepmind-research byol, dataset.py"),
]


@pytest.mark.parametrize(("name", "key", "value", "source"), VALUES)
def test_a_recipe_has_the_value_of_its_source(name, key, value, source):
    found, _ = composed(name)
    *path, last = key.split(".")
    for part in path:
        found = found[part]
    assert found.get(last) == value, f"{name} {key}: {source}"


class Scaled(NamedTuple):
    """A recipe with LARS: rates and decay of its source, for `factor` times less loss than here."""

    factor: float
    lr: float
    vector_lr: float
    weight_decay: float
    clip: bool = False


SCALED = {
    "simclr_imagenet": Scaled(1 / 2, 4.8, 4.8, 1e-6),  # their loss is the sum of two means
    "byol_imagenet": Scaled(1 / 2, 3.2, 3.2, 1.5e-6),  # the sum of both directions
    "supcon_imagenet": Scaled(10, 9.6, 9.6, 1e-3),  # times tau = 0.1
    "barlow_twins_imagenet": Scaled(32, 1.6, 0.0384, 1e-6),  # 1/W of the gradient, W = 32
    "mixed_barlow_twins_imagenet": Scaled(8, 0.8, 0.0192, 1e-6),  # W = 8
    "vicreg_imagenet": Scaled(1, 1.6, 1.6, 1e-6),
    "tico_imagenet": Scaled(1, 0.4, 0.4, 1.5e-6),
    "hydra_imagenet": Scaled(1, 0.2, 0.2, 1e-4),
    "hydra_moco_imagenet": Scaled(1, 4.8, 4.8, 1e-6),
    "byol_cifar10": Scaled(1 / 2, 1.0, 1.0, 1e-5, clip=True),
    "barlow_twins_cifar10": Scaled(10, 0.3, 0.3, 1e-4, clip=True),  # times 0.1
    "simclr_cifar10": Scaled(1, 0.4, 0.4, 1e-4, clip=True),
    "swav_cifar10": Scaled(1, 0.6, 0.6, 1e-6, clip=True),
    "vicreg_cifar10": Scaled(1, 0.3, 0.3, 1e-4, clip=True),
}


def test_a_factor_on_the_loss_is_also_one_on_the_weight_decay_of_lars():
    """With d = gradient + decay * p, the direction of d stays if both have the same factor.

    Rates that LARS does not adapt (of biases and norms; with `clip` possibly all) are divided.
    """
    lars = {}
    for name in (n for n in NAMES if n not in BASES):
        optimizer = composed(name)[0]["optimizer"]
        if optimizer["_target_"] == "manyviews.optim.LARS":
            lars[name] = optimizer
    assert lars.keys() == SCALED.keys()
    for name, source in SCALED.items():
        found, f = lars[name], source.factor
        assert found["clip"] == source.clip
        assert found["weight_decay"] == pytest.approx(source.weight_decay * f)
        assert found["vector_lr"] == pytest.approx(source.vector_lr / f)
        assert found["lr"] == pytest.approx(source.lr / f if source.clip else source.lr)


def results(title):
    """Return the first table below a heading of docs/results.md: cells by row and column."""
    page = ROOT.joinpath("docs", "results.md").read_text()
    part = page.split(f"## {title}\n")[1].split("Run by run:")[0]
    head, _, *lines = (x.strip("| ").split(" | ") for x in part.splitlines() if x.startswith("|"))
    return head, {cells[0]: cells for cells in lines}


def test_figures_of_heads_and_pages_are_those_of_the_results():
    head, rows = results("Every method in equal time")
    assert (
        head[2] == "seeds" and head[4:6] == ["linear", "random"] and head[7:9] == ["kNN", "random"]
    )
    for row, cells in rows.items():
        linear, bare, knn, bare_knn = (cells[i].split()[0] for i in (4, 5, 7, 8))
        of = "seed 0" if cells[2] == "1" else f"mean of {cells[2]} seeds"
        recipe = f"{row}_fashion_mnist_mini"
        said = text(recipe)
        assert f"linear {linear} % and kNN {knn} % ({of}, docs/results.md)" in said
        assert f"untrained {bare} and {bare_knn} %." in said
        page = "hydra" if row == "hydra_moco" else row
        lines = ROOT.joinpath("docs", "methods", f"{page}.md").read_text().splitlines()
        (said,) = (line for line in lines if f"with `experiment={recipe}`" in line)
        assert f"`linear_lbfgs@2` {linear} %" in said and f"`knn@1` {knn} %." in said
        assert f"has {bare} % and {bare_knn} %" in said


@pytest.mark.parametrize("name", ["fashion_mnist_mini", "simlap_ablation", "demo", "rebar_watch"])
def test_expected_figures_of_a_table_are_those_of_the_results(name):
    table = load(name)
    head, rows = results(table.title)
    for row, cells in rows.items():
        expected = table.rows[row].expected
        assert {c: f"{v:.1f}" for c, v in expected.items()} == {
            c: cells[head.index(c)].split()[0] for c in table.columns
        }


def test_the_results_are_those_of_commits():
    page = ROOT.joinpath("docs", "results.md").read_text()
    assert "+changes" not in page


def test_no_recipe_quotes_a_number_of_another_loss():
    """solo-learn's SupCon is L_in of the paper; 93.82, 70.38 and 84.40 % belong to it."""
    pages = [*ROOT.joinpath("docs").rglob("*.md")]
    said = "".join([*map(text, NAMES), *(page.read_text() for page in pages)])
    assert not re.search(r"93\.82|70\.38|84\.40", said)


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
