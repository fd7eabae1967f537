import json
from pathlib import Path

import pytest

from manyviews import train
from manyviews.callbacks.metrics import Metrics
from manyviews.errors import ConfigError, NotFinite
from manyviews.methods.swav import SwAV


def records(fit, every):
    path = Path(f"every-{every}.jsonl")
    fit(Metrics(path, every))
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_record_is_the_mean_of_its_steps_and_none_spans_an_epoch(fit):
    loss = [r["train/loss"] for r in records(fit, 1)]
    three = records(fit, 3)
    assert [r["step"] for r in three] == [3, 4, 6, 8]
    spans = [loss[0:3], loss[3:4], loss[4:6], loss[6:8]]
    means = [sum(span) / len(span) for span in spans]
    assert [r["train/loss"] for r in three] == pytest.approx(means, rel=1e-6)


def test_the_first_step_that_was_not_finite_is_named_though_it_is_written_later(fit, monkeypatch):
    step = SwAV.step

    def broken(self, batch):
        output = step(self, batch)
        return output._replace(loss=output.loss * (float("inf") if self.global_step == 1 else 1))

    monkeypatch.setattr(SwAV, "step", broken)
    with pytest.raises(NotFinite, match="not finite at step 2$"):
        fit(Metrics(Path("metrics.jsonl"), 4))
    assert not Path("metrics.jsonl").exists()


@pytest.mark.parametrize("steps", [0, -1])
def test_a_record_of_no_steps_is_refused(steps, small, config_dir):
    with pytest.raises(ConfigError, match=f"log_every_n_steps={steps}; allowed: 1 or more$"):
        train.pretrain([*small, f"trainer.log_every_n_steps={steps}"], config_dir)
    assert not Path("runs").exists()


def test_an_epoch_without_batches_is_refused_before_a_folder_is_made(small, config_dir):
    for option in ("limit_train_batches=0", "accumulate_grad_batches=0"):
        with pytest.raises(ConfigError, match=f"trainer.{option}; allowed: 1 or more"):
            train.pretrain([*small, f"trainer.{option}"], config_dir)
    assert not Path("runs").exists()
