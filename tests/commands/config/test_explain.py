"""`manyviews config explain`: meaning, type, default, published value and origin of each key."""

from importlib.resources import files

import pytest

from manyviews import config
from manyviews.cli import main
from manyviews.commands.config import gaps
from manyviews.commands.config.explain import explain, explained
from manyviews.commands.config.layers import layers
from manyviews.errors import ConfigError

GROUPS = ("data", "method", "backbone", "views", "optimizer", "regularizer", "trainer")
NEEDED = {
    "data=folder": "data.path=x",
    "data=table": "data.path=x",
    "data=series": "data.path=x",
    "backbone=timm": "backbone.name=timm/convnext_atto",
    "backbone=torchvision": "backbone.name=torchvision/resnet18",
}


def names(group):
    folder = files("manyviews.conf").joinpath(group)
    return sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if "yaml" in f.name)


FILES = {group: names(group) for group in GROUPS}


def told(*arguments, width=100):
    return "\n".join(block.plain for block in explain(arguments, width=width))


@pytest.mark.parametrize("turn", range(max(map(len, FILES.values()))))
def test_every_key_of_every_group_has_a_meaning_and_an_origin(turn):
    chosen = {group: found[turn % len(found)] for group, found in FILES.items()}
    overrides = [f"{group}={name}" for group, name in chosen.items()]
    overrides += [NEEDED[choice] for choice in overrides if choice in NEEDED]
    overrides += [f"evaluation=[{','.join(names('evaluation'))}]"] * (turn == 0)
    composed, choices = config.compose("pretrain", overrides)
    for one in explained(composed, layers(overrides, choices)):
        assert one.meaning and one.origin != ("follows from other settings",), one
        assert not one.meaning.startswith("["), one
        assert one.argument.type not in ("", "anything"), one


def test_a_key_is_told_with_everything_that_is_known():
    said = told("experiment=demo", "method.temperature=0.2", "method.temperature")
    assert said.splitlines()[1:] == [
        "method=swav",
        "manyviews.methods.SwAV: SwAV predicts the code of one view, over learned prototypes, from "
        "the other",
        "views.",
        "method.temperature = 0.2",
        "  meaning    tau of eq. 2",
        "  type       float > 0 and <= 1000000.0",
        "  default    0.1",
        "  published  0.1 (the paper's values for ImageNet with ResNet-50)",
        "  from       command line",
        "  instead of conf/experiment/demo.yaml says 0.15",
        "  instead of conf/method/swav.yaml says 0.1",
    ]


def test_what_a_later_file_says_about_its_value_is_told_with_its_name():
    said = told("experiment=demo", "method.epsilon")
    assert "meaning    weight of the entropy of the codes, eq. 3" in said
    assert "from       conf/experiment/demo.yaml (harder codes than the paper's 0.05)" in said


def test_a_group_shows_its_keys_and_no_others():
    said = told("method=swav", "method.", "views.large.operations.flip")
    shown = [line.split(" = ")[0] for line in said.splitlines() if " = " in line and line[0] != " "]
    assert shown[0] == "views.large.operations.flip.probability"
    assert "method.queue_length" in shown and len(shown) == 10


def test_a_value_from_the_environment_shows_where_it_stood(monkeypatch):
    monkeypatch.setenv("MANYVIEWS_DATA", "/mine")
    said = told("data=cifar10", "data.root")
    assert "data.root = /mine" in said and "says ${oc.env:MANYVIEWS_DATA,data}" in said


def test_a_key_that_has_to_be_given_hides_no_other():
    said = told("data=table", "data.path", "data.file")
    assert "data.path = ??? (has to be given)\n  meaning    the CSV" in said
    assert "data.file = file" in said and "VALUE" not in said


def test_a_group_without_a_file_is_told_behind_other_keys(monkeypatch):
    composed, choices = config.compose("pretrain", ["method=swav"])
    composed["logger"] = {}  # as `logger=null` leaves it
    monkeypatch.setattr(gaps, "compose", lambda *_: (composed, choices))
    said = told("logger=null", "data.labels", "logger")
    assert said.splitlines()[-4:] == [
        "logger = {}",
        "  meaning    no file of this group is chosen",
        "  type       nodes by name",
        "  from       command line",
    ]


def test_what_null_removed_is_told():
    said = told("logger.wandb=null", "logger")
    assert "logger.wandb = null\n  meaning    null removes what stood here" in said


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("method.temprature", "unknown key 'method.temprature': did you mean 'method.temperature'"),
        ("lr", "unknown key 'lr': allowed: optimizer.lr"),
        ("metod", "did you mean 'method'?"),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest(asked, said):
    with pytest.raises(ConfigError) as error:
        told("method=swav", asked)
    assert said in str(error.value)


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(width):
    assert max(map(len, told("method=rebar", "data=har", width=width).splitlines())) <= width


def test_a_pipe_gets_plain_text(capsys):
    assert main(["config", "explain", "method=swav", "method.prototypes"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "published  3000 (the paper's values for ImageNet" in out
