import json
import math
from dataclasses import replace
from pathlib import Path

import on_ranks
import pytest
import small_data
import torch
from small_series import waves
from torch.nn.functional import interpolate, normalize

from manyviews import build, config, draws, runs, train
from manyviews.callbacks import other_data
from manyviews.callbacks.metrics import Metrics
from manyviews.callbacks.other_data import OtherData
from manyviews.errors import ConfigError

CHECKS = "online/checks/knn@1/top1"
SHARE = "online/other_data/share_of_time"


def written(key):
    """The values of a metric by step."""
    records = [json.loads(line) for line in Path("m.jsonl").read_text().splitlines()]
    return {r["step"]: r[key] for r in records if key in r}


def own(small, config_dir):
    return build.data(config.compose("pretrain", small, config_dir)[0])


@torch.no_grad()
def by_definition(backbone):
    """Cosine, 20 neighbours, votes exp(similarity / 0.07), on a held-out tenth of train."""
    splits = small_data.checks()
    square = interpolate(splits.train.image.float(), 16, mode="bicubic", antialias=True)
    pixels = square.round().clamp(0, 255) / 255
    features = normalize(backbone.eval()((pixels - 0.5) / 0.25))  # the statistics of stripes
    order = draws.permutation(0, 0, 40)
    held_out, bank = order[:4], order[4:]
    similarity, row = (features[held_out] @ features[bank].mT).topk(20)
    votes = torch.zeros(4, 3)
    votes.scatter_add_(1, splits.train.label[bank][row], (similarity / 0.07).exp())
    return float((votes.argmax(1) == splits.train.label[held_out]).float().mean())


def test_it_classifies_a_held_out_tenth_of_other_data_by_what_the_run_reads(fit, small, config_dir):
    callback = OtherData(own(small, config_dir), {"checks": small_data.checks()}, 1)
    trainer = fit(Metrics(Path("m.jsonl"), 1), callback, more=["epochs=1"])
    assert written(CHECKS) == {4: pytest.approx(by_definition(trainer.model.backbone))}
    assert callback.logs == (CHECKS,)


class Clock:
    """A clock on which a step takes a second and a measurement takes `length` seconds."""

    def __init__(self, monkeypatch, length):
        self.now, self.measured = 0.0, []
        monkeypatch.setattr(other_data.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(OtherData, "_measure", self.measure)
        self.length = length
        batch_end = OtherData.on_train_batch_end

        def after_a_step(callback, trainer, *rest):
            self.now += 1
            batch_end(callback, trainer, *rest)

        monkeypatch.setattr(OtherData, "on_train_batch_end", after_a_step)

    def measure(self, trainer, pl_module):
        self.measured.append(trainer.global_step)
        self.now += self.length


def test_it_says_its_share_of_the_time(fit, small, config_dir, monkeypatch):
    clock = Clock(monkeypatch, length=2)
    sets = {"checks": small_data.checks()}
    callback = OtherData(own(small, config_dir), sets, every_n_epochs=2, at_most=0.25)
    fit(Metrics(Path("m.jsonl"), 1), callback, more=["epochs=9"])
    assert clock.measured == [8, 16, 24, 32, 36]
    assert [*written(SHARE).values()] == [2 / 10, 4 / 20, 6 / 30, 8 / 40, pytest.approx(10 / 46)]


def test_a_measurement_that_is_due_is_put_off_until_there_is_time(
    fit, small, config_dir, monkeypatch
):
    clock = Clock(monkeypatch, length=6)
    sets = {"checks": small_data.checks()}
    callback = OtherData(own(small, config_dir), sets, every_n_epochs=3, at_most=1 / 3)
    fit(Metrics(Path("m.jsonl"), 1), callback, more=["epochs=9"])
    # Due at 12, 24 and 36; at 24 it would take 12 of 36 seconds.
    assert clock.measured == [12, 24, 36]
    clock.measured.clear()
    callback = OtherData(own(small, config_dir), sets, every_n_epochs=3, at_most=0.3)
    fit(Metrics(Path("m.jsonl"), 1), callback, more=["epochs=9"])
    assert clock.measured == [12, 28]  # 12 of 36 seconds are too many at 24, 12 of 40 are not


def test_by_minutes_it_measures_in_mid_epoch(fit, small, config_dir, monkeypatch):
    clock = Clock(monkeypatch, length=0)
    sets = {"checks": small_data.checks()}
    options = {"every_n_epochs": None, "every_minutes": 3 / 60}
    callback = OtherData(own(small, config_dir), sets, **options)
    fit(Metrics(Path("m.jsonl"), 1), callback, more=["epochs=2"])
    assert clock.measured == [3, 6]  # an epoch has four steps


def test_without_data_sets_nothing_is_measured(fit, small, config_dir):
    fit(Metrics(Path("m.jsonl"), 1), OtherData(own(small, config_dir), {}, 1, 1e-6))
    assert written(SHARE) == {}


def test_grey_images_are_given_to_a_colour_backbone(small, config_dir):
    colour = own([*small, "data.channels=3"], config_dir)
    made = OtherData(colour, {"checks": small_data.checks()}).sets["checks"]
    assert next(iter(made.clean("train"))).input.shape == (40, 3, 16, 16)


def unlabelled():
    splits = small_data.checks()
    label = torch.full_like(splits.train.label, -1)
    return replace(splits, train=splits.train._replace(label=label))


@pytest.mark.parametrize(
    ("splits", "reason"),
    [
        (waves(), "has other data than the images that the run reads"),
        (small_data.checks(channels=3), "has 3 channels, the backbone reads 1"),
        (unlabelled(), "has 0 labelled training images, and kNN needs two or more"),
    ],
    ids=["series", "channels", "labels"],
)
def test_data_that_cannot_be_measured_are_refused_before_the_training(
    small, config_dir, splits, reason
):
    with pytest.raises(ConfigError, match=rf"callbacks\.other_data\.sets\.odd.* {reason}"):
        OtherData(own(small, config_dir), {"odd": splits})


def test_a_list_of_names_is_enough_on_the_command_line(small, config_dir):
    overrides = [*small, "callbacks.other_data.sets=checks", "callbacks.online_knn=null"]
    overrides += ["callbacks.other_data.every_n_epochs=1", f"best={CHECKS}"]
    run = train.pretrain([*overrides, "callbacks.other_data.sets.checks.count=30"], config_dir)
    assert runs.load(run.path).config["callbacks"]["other_data"]["sets"] == {
        "checks": {"_target_": "small_data.checks", "count": 30, "channels": 1}
    }
    assert runs.load(run.path).choices["data"] == "stripes"
    assert f'"{CHECKS}"' in (run.path / "metrics.jsonl").read_text()
    assert (run.checkpoints / "best.ckpt").exists()
    assert "Online kNN on checks" in run.report.with_name("index.html").read_text()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("[chekcs]", "did you mean"),
        ("[1]", r"type names of data sets, as callbacks\.other_data\.sets=\[cifar10,pets\]"),
        ("3", r"callbacks.other_data.sets=3 \(int\)"),
    ],
)
def test_other_data_that_are_not_known_are_one_line(small, config_dir, typed, said):
    with pytest.raises(ConfigError, match=said):
        config.compose("pretrain", [*small, f"callbacks.other_data.sets={typed}"], config_dir)


def test_ranks_measure_what_one_process_measures(ranks, small, config_dir, tmp_path):
    arguments = [*small, "epochs=1"], config_dir, str(tmp_path)
    alone = on_ranks.other_data(*arguments)
    first, second = ranks(2)("on_ranks.other_data", *arguments)
    assert first == alone and second is None and not math.isnan(first)
