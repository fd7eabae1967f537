import json

from manyviews import build, config, ledger, runs


def made(small, config_dir, *more):
    composed, choices = config.compose("pretrain", [*small, *more], config_dir)
    run = runs.begin(runs.place(composed, choices), composed, choices, small, {})
    data = build.data(composed)
    method = build.method(composed, data)
    return run, ledger.ledger(run, data, method, build.trainer(composed, [], []))


def test_it_counts_what_the_run_will_do(small, config_dir):
    _, content = made(small, config_dir, "epochs=5", "batch_size=10")
    assert content["data"] == "stripes, 64 train, 32 test"
    assert (content["steps_per_epoch"], content["steps"]) == (6, 30)
    assert content["global_batch"] == content["batch_per_process"] == 10
    assert content["views"] == "16 x 16, 16 x 16"
    assert content["precision"] == "32-true" and content["device"] == "cpu"


def test_it_tells_the_rates_that_are_used(small, config_dir):
    _, content = made(small, config_dir, "optimizer.lr=0.5", "schedule.start=0.25")
    assert content["learning_rate"].startswith("0.125 at step 0, base 0.5, ")


def test_it_names_regularizers_and_a_shortened_epoch(small, config_dir):
    _, content = made(small, config_dir, "regularizer=vne", "trainer.limit_train_batches=2")
    assert content["regularizers"] == "vne" and content["steps"] == 4


def test_it_is_printed_and_saved(small, config_dir, capsys):
    run, content = made(small, config_dir)
    ledger.say(run, content)
    assert json.loads((run.path / "ledger.json").read_text()) == content
    assert "steps per epoch" in capsys.readouterr().out
