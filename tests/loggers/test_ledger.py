import json

from manyviews import build, config, runs
from manyviews.loggers import ledger
from manyviews.optim import WarmupCosine


def made(small, config_dir, *more):
    composed, choices = config.compose("pretrain", [*small, *more], config_dir)
    path = runs.place(composed, choices)
    path.mkdir(parents=True, exist_ok=True)
    run = runs.begin(path, composed, choices, small, {})
    data = build.data(composed)
    method = build.method(composed, data)
    return run, ledger.ledger(run, data, method, build.trainer(composed, []))


def test_it_counts_what_the_run_will_do(small, config_dir):
    _, content = made(small, config_dir, "epochs=5", "batch_size=10")
    assert content["data"] == "stripes, 64 train, 32 test"
    assert (content["steps_per_epoch"], content["steps"]) == (6, 30)
    assert content["global_batch"] == content["batch_per_process"] == 10
    assert content["views"] == "16 x 16, 16 x 16"
    assert content["precision"] == "32-true" and content["device"] == "cpu"


def test_it_counts_the_validation_split(config_dir):
    small = ["data=waves", "data.val=[person 0]", "method=simclr", "views=series", "batch_size=8"]
    _, content = made(small, config_dir, "trainer.accelerator=cpu", "backbone.depth=1")
    assert content["data"].startswith("waves, ") and content["data"].endswith(" val")


def test_it_tells_views_of_another_size_than_the_evaluation_sees(small, config_dir):
    _, content = made(small, config_dir, "views.large.operations.crop.size=12")
    assert content["views"] == "12 x 12, 12 x 12; the evaluation sees images of 16 x 16"


def test_it_tells_the_rates_that_are_used(small, config_dir):
    _, content = made(small, config_dir, "optimizer.lr=0.5", "schedule.start=0.25")
    assert content["learning_rate"].startswith("0.125 at step 0, base 0.5, ")


def test_it_tells_the_rate_per_256_images_and_that_nothing_is_scaled(small, config_dir):
    more = ["optimizer=lars", "optimizer.lr=0.4", "optimizer.vector_lr=0.01", "batch_size=64"]
    _, content = made(small, config_dir, *more)
    assert content["per_256_images"].startswith("lr 1.6, vector_lr 0.04; used as given")
    assert ", base 0.4, " in content["learning_rate"]


def test_it_tells_the_length_of_the_warmup_and_one_that_never_ends(small, config_dir):
    _, content = made(small, config_dir, "epochs=5")
    assert content["warmup"] == "1 of 5 epochs"
    _, content = made(small, config_dir, "epochs=5", "schedule.warmup_epochs=7")
    expected = (
        "the warm-up of 7 epochs takes the whole run of 5, so the learning rate never falls; "
        "type schedule.warmup_epochs=0.5 for a tenth of it"
    )
    assert content["warmup"] == f"7 of 5 epochs: {expected}"
    assert expected == ledger.unending_warmup(WarmupCosine(7), 5)
    assert ledger.unending_warmup(WarmupCosine(4.9), 5) is None
    assert ledger.unending_warmup(WarmupCosine(5), 5)


def test_it_counts_what_trains_and_what_is_frozen(small, config_dir):
    _, content = made(small, config_dir, "backbone.freeze=1")
    assert content["backbone"] == "resnet_tiny, 287,872 of 306,784 parameters trained"
    _, content = made(small, config_dir)
    assert content["backbone"] == "resnet_tiny, 306,784 parameters"


def test_it_doubts_sgd_on_a_transformer_and_says_whether_it_compiles(small, config_dir):
    _, content = made(small, config_dir, "backbone=timm/test_vit", "optimizer=larc")
    assert content["family"].startswith("backbone adaptive, optimizer sgd: backbones with layer")
    assert content["compiled"] == "no"
    _, content = made(small, config_dir)
    assert content["family"] == "backbone sgd, optimizer adaptive"


def test_it_names_regularizers_and_a_shortened_epoch(small, config_dir):
    _, content = made(small, config_dir, "regularizer=vne", "trainer.limit_train_batches=2")
    assert content["regularizers"] == "vne 0.01 at step 0, base 0.01, 0.01 at the last"
    assert content["steps"] == 4


def test_it_is_printed_and_saved(small, config_dir, capsys):
    run, content = made(small, config_dir)
    ledger.say(run, content)
    assert json.loads((run.path / "ledger.json").read_text()) == content
    assert "steps per epoch" in capsys.readouterr().out


def test_it_tells_how_many_rows_the_loss_compares_where_batches_are_accumulated(small, config_dir):
    _, content = made(small, config_dir)
    assert content["accumulated"] == "1 batch per step"
    pieces = [*small, "trainer.accumulate_grad_batches=2"]
    _, content = made(pieces, config_dir)
    assert content["accumulated"].endswith("the loss compares 8 rows at a time, not 16")
    rowwise = [*(o for o in pieces if "prototypes" not in o), "method=byol"]
    _, content = made(rowwise, config_dir)
    assert content["accumulated"].endswith("mean over rows, batch norm alone sees 8 at a time")
    _, content = made(rowwise, config_dir, "regularizer=vne")
    assert content["accumulated"].endswith("the loss compares 8 rows at a time, not 16")
