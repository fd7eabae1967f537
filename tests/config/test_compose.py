"""Composition and its check (config.py and schema.py), as the command line reaches them."""

import pytest

from manyviews import config
from manyviews.errors import ConfigError


def compose(*overrides):
    return config.compose("pretrain", overrides)[0]


def test_method_chooses_its_views_and_the_command_line_wins():
    assert "small" not in compose("method=swav")["views"]
    assert "small" in compose("method=swav", "views=multi_crop")["views"]


@pytest.mark.parametrize(
    ("overrides", "epochs"),
    [
        ([], 10.0),  # of 100
        (["epochs=1000"], 10.0),
        (["epochs=12"], 1.2),
        (["epochs=5"], 0.5),
        (["epochs=5", "schedule.warmup_epochs=10"], 10),
        (["epochs=5", "schedule=warmup_cosine"], 0.5),
        (["experiment=vicreg_fashion_mnist_mini", "epochs=5"], 1.0),  # the recipe's own
    ],
)
def test_a_short_run_warms_up_for_a_tenth_of_it_unless_a_length_was_typed(overrides, epochs):
    assert compose(*overrides)["schedule"]["warmup_epochs"] == epochs


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ["method=swaw"],
            "unknown method 'swaw': did you mean 'swav'? allowed: barlow_twins, byol, hydra",
        ),
        (["data=cifar11"], "unknown data 'cifar11': did you mean 'cifar10'?"),
        (["evaluation=[clusterin]"], "unknown evaluation 'clusterin': did you mean 'clustering'?"),
        (["epoch=5"], "unknown key 'epoch': did you mean 'epochs'?"),
        (
            ["method.prototype=5"],
            "unknown key 'method.prototype': did you mean 'method.prototypes'?",
        ),
        (
            ["+method.prototype=5"],
            "unknown key 'method.prototype': did you mean 'method.prototypes'?",
        ),
        (
            ["views.large.operations.crop.sale=[0.1,1]"],
            "did you mean 'views.large.operations.crop.scale'?",
        ),
        (["epochs=many"], "epochs='many' (str): input should be a valid integer"),
        (["epochs=0"], "epochs=0 (int): input should be greater than or equal to 1"),
        (["epochs=1.5"], "epochs=1.5 (float): input should be a valid integer"),
        (
            ["method.temperature=hot"],
            "method.temperature='hot' (str): input should be a valid number",
        ),
        (["method.prototypes=true"], "method.prototypes=True (bool)"),
        (["optimizer.lr=fast"], "optimizer.lr='fast' (str)"),
        (["resume=maybe"], "resume='maybe' (str): input should be 'auto' or 'never'"),
        (["trainer.precision=8"], "trainer.precision=8 (int)"),
        (
            ["backbone.freeze=layer1"],
            "backbone.freeze='layer1' (str): input should be 'all' or a valid integer or a valid "
            "list",
        ),
        (["schedule.reach=never"], "schedule.reach='never'"),
        (["seed=???"], "seed"),
        (["method.epsilon=${nowhere}"], "nowhere"),
        (
            ["method._target_=os.system"],
            "method._target_=os.system is not allowed here; allowed: manyviews.methods.NAME",
        ),
        (["method._target_=manyviews.methods.Swav"], "did you mean 'manyviews.methods.SwAV'?"),
        (["epochs"], "cannot read 'epochs'; type key=value"),
        (["seed=1,2"], "'seed=1,2' holds several values"),
        (["~seed"], "seed is missing; type seed=VALUE"),
    ],
)
def test_every_mistake_is_one_line_that_names_the_key(overrides, said):
    with pytest.raises(ConfigError) as error:
        compose(*overrides)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_numbers_are_not_converted_behind_the_users_back():
    with pytest.raises(ConfigError, match=r"seed='1' \(str\)"):
        compose("seed='1'")


def test_a_list_may_stand_for_a_tuple_and_an_int_for_a_float():
    made = compose("optimizer.betas=[0.8,0.9]", "optimizer.lr=1")
    assert made["optimizer"]["betas"] == [0.8, 0.9]


def test_null_removes_a_callback_and_a_logger():
    made = compose("callbacks.progress=null", "logger.wandb=null")
    assert made["callbacks"]["progress"] is None and made["logger"]["wandb"] is None


def test_a_folder_of_the_users_own_adds_to_the_groups(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /method: barlow_twins\nepochs: 7\n"
    )
    made, choices = config.compose("pretrain", ["experiment=mine"], str(tmp_path))
    assert (made["epochs"], choices["method"]) == (7, "barlow_twins")


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match="is not a folder"):
        config.compose("pretrain", [], str(tmp_path / "nowhere"))


def test_a_value_that_must_be_given_is_asked_for():
    with pytest.raises(ConfigError, match="^data.path is missing; type data.path=VALUE$"):
        config.compose("evaluate", ["data=folder"])
