"""What a user probably meant is what the message says to type."""

import pytest

from manyviews import config
from manyviews.errors import ConfigError


def told(*overrides, command="pretrain", config_dir=None):
    """The message of a composition that is refused, which is one line."""
    with pytest.raises(ConfigError) as error:
        config.compose(command, overrides, config_dir)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_mandatory_key_that_was_given_is_not_blamed():
    said = told("run=R", "evaluaton=[knn]", command="evaluate")
    assert said.startswith("unknown key 'evaluaton': did you mean 'evaluation'?")
    assert told("data=folder", "data.path=x", "epocs=3").startswith("unknown key 'epocs'")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["views.size=32"], "did you mean views.large.operations.crop.size?"),
        (["lr=1"], "did you mean optimizer.lr?"),
        (["temperature=1"], "did you mean evaluation.knn.temperature or method.temperature?"),
        (["trainer.gpus=1"], "unknown key 'trainer.gpus': allowed: trainer.accelerator"),
        (["epochs.x=1"], "unknown key 'epochs.x': epochs has no keys below it"),
        (["method=[swav,tico]"], "a run takes one method; type method=NAME"),
        (["method=Swav"], "did you mean 'swav'?"),
        (["backbone=facebook/dinov2-small"], "manyviews list backbones 'timm/*dinov2-small*'"),
        (["optimizer.lr=1e-3x"], "optimizer.lr='1e-3x' (str): input should be a valid number"),
        (["+views.a.b.6=x"], "views.a={'b': {'6': 'x'}}: input should be a node with a _target_"),
        (
            ["+views.large.operations.a.b=x"],
            "views.large.operations.a={'b': 'x'}: input should be a node with",
        ),
        (["+views.a=3"], "views.a=3: input should be a node with a _target_"),
        (["method.prototypes.x=1"], "method.prototypes has no keys below it"),
        (["seed=99999999999999999999"], "seed=99999999999999999999 (int): "),
    ],
)
def test_the_message_says_what_to_type(overrides, said):
    assert said in told(*overrides)


def test_a_folder_in_place_of_a_data_set_says_how_to_read_it(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "heart.npz").touch()
    assert "type data=folder data.path=photos" in told("data=photos")
    assert "type data=series data.path=heart.npz" in told("data=heart.npz")


GROUPS = ("method", "backbone", "views", "data", "optimizer", "schedule", "trainer")


@pytest.mark.parametrize("group", GROUPS)
def test_a_run_cannot_do_without_these_groups(group):
    assert told(f"{group}=null") == f"{group}=null: a run needs one; type {group}=NAME"


@pytest.mark.parametrize("group", ["logger", "callbacks", "experiment", "regularizer", "debug"])
def test_a_run_can_do_without_these_groups(group):
    made, choices = config.compose("pretrain", [f"{group}=null"])
    assert choices.get(group) in (None, "None")
    assert not made.get(group)


def broken(tmp_path, text, group="experiment"):
    (tmp_path / group).mkdir()
    (tmp_path / group / "mine.yaml").write_bytes(text)
    return told(f"{group}=mine", config_dir=str(tmp_path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a: !!python/object/apply:os.system ['touch ran']", "mine.yaml line 1"),
        (b"epochs: 3\nbatch_size:\t- 4", "mine.yaml line 2"),
        (b"epochs: 3\nbatch_size 4\n", "mine.yaml line 3"),
        (b"epochs: 3\nepochs: 4\n", "mine.yaml line 2"),
        (b"epochs: \x00", "mine.yaml"),
        (b"epochs: caf\xe9", "mine.yaml"),
        (b"- epochs\n", "mine.yaml"),
        (b"epochs", "mine.yaml"),
        (b"epochs: [1, 2\n", "mine.yaml line 2"),
        (b"1: 2\n", ""),
        (b"a: &a [*a]\n", ""),
    ],
)
def test_a_broken_file_is_named_with_its_line(text, said, tmp_path):
    assert said in broken(tmp_path, text)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("text", [b"", b"# nothing\n", b"lr: 3\n", b"_target_:\n"])
def test_a_method_without_a_target_says_so(text, tmp_path):
    assert "method._target_" in broken(tmp_path, text, "method")


def test_an_experiment_without_its_package_line_is_told_to_have_one(tmp_path):
    assert "# @package _global_" in broken(tmp_path, b"epochs: 3\n")
