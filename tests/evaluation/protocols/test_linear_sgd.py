import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import small_data
import torch
from probes import LINEAR, fitted, labelled, network, protocol, subject
from small_series import Convolution, data, windows
from torch.nn import functional as F

from manyviews import draws
from manyviews.errors import ConfigError
from manyviews.evaluation.probes.frozen import Frozen
from manyviews.evaluation.suite import score

# First learning rate for batches of 8, weight decay, and factor in the second of two epochs.
PUBLISHED = {
    "linear_swav": (0.3, 1e-6, 0.5),
    "linear_barlow": (0.3, 1e-6, 0.5),
    "linear_vicreg": (0.02, 1e-6, 0.5),
    "linear_simsiam": (0.1 * 8 / 256, 0.0, 0.5),
    "linear_moco": (30.0, 0.0, 0.1),
    "linear_dino": (0.001 * 8 / 256, 0.0, 0.5),
}


def loop(made, rate, decay, second, larc):
    """Weights and biases of a linear layer after two epochs, by hand."""
    backbone = made.trunk
    weights = Frozen(backbone, made.data, made.items, 2, made.recipe).head
    w, b = (p.detach().clone() for p in weights.parameters())
    velocity = [torch.zeros_like(w), torch.zeros_like(b)]
    for epoch, factor in enumerate((1.0, second)):
        order = draws.permutation(0, epoch, len(made.items["train"].label))
        for rows in order[:32].split(8):
            batch = made.data.batch(rows, epoch)
            with torch.no_grad():
                z = backbone(batch.views[0])
            off = (z @ w.mT + b).softmax(1) - F.one_hot(batch.label, 2)
            for p, g, v in zip((w, b), (off.mT @ z / 8, off.mean(0)), velocity, strict=True):
                g = g + decay * p
                if larc and p.norm() > 0 and g.norm() > 0:
                    g = g * 0.001 * p.norm() / (g.norm() + 1e-8)
                v.mul_(0.9).add_(g)
                p.sub_(rate * factor * v)
    return w, b


@pytest.mark.parametrize("name", LINEAR)
def test_two_epochs_equal_a_loop_by_hand(name):
    rate, decay, second = PUBLISHED[name]
    assert protocol(name).recipe.weight_decay == decay
    decay *= 1e5  # or eight steps would not show it
    (made,) = protocol(name, weight_decay=decay).fit(subject()).values()
    expected = loop(made, rate, decay, second, name == "linear_simsiam")
    for found, wanted in zip(made.head.parameters(), expected, strict=True):
        torch.testing.assert_close(found.detach(), wanted, rtol=1e-6, atol=1e-6)


def test_the_head_begins_small_and_without_bias():
    wide = small_data.Speck(4000, in_channels=1, image_size=12)
    made = subject(backbone=wide)
    data, items = made.network.data, {"test": made.test}
    head = Frozen(wide, data, items, 2, protocol("linear_swav").recipe).head
    assert float(head.weight.detach().std()) == pytest.approx(0.01, rel=0.05)
    assert not head.bias.any()


def test_the_score_is_that_of_the_last_epoch_and_the_best_one_stands_beside_it(monkeypatch):
    all_right = iter([False, True, False, False])  # after each epoch, and for the answer

    def fixed(self, split):
        label = self.items[split].label
        return F.one_hot(label if next(all_right) else torch.ones_like(label), 2).float()

    monkeypatch.setattr(Frozen, "scores", fixed)
    rows = score({"trained": subject()}, {"p@1": protocol("linear_swav", epochs=3)}).rows
    found = {row["metric"]: row for row in rows["scores"]}
    assert not rows["failed"]
    assert found["top1"]["value"] == 0.5 and found["top1_published_style"]["value"] == 1.0
    assert found["top1"]["details"]["top1_by_epoch"] == [0.5, 1.0, 0.5]


def test_the_backbone_is_the_same_bit_for_bit_or_it_is_told(monkeypatch):
    backbone = small_data.Speck(6, in_channels=1, image_size=12)
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    (made,) = protocol("linear_moco").fit(subject(backbone=backbone)).values()
    for state in (backbone.state_dict(), made.trunk.state_dict()):
        assert all(torch.equal(value, before[key]) for key, value in state.items())
    embed = Frozen.embed

    def training(self, view):
        self.trunk.train()
        return embed(self, view)

    monkeypatch.setattr(Frozen, "embed", training)
    with pytest.raises(RuntimeError, match="the frozen backbone was changed: layers.1.running"):
        protocol("linear_moco", seed=1).fit(subject(backbone=backbone))


def test_validation_items_are_scored_by_the_same_head():
    splits = small_data.stripes(36, 12)
    one = subject(splits=replace(splits, val=splits.test))
    one = one._replace(val=one.test)
    rows = score({"trained": one}, {"p@1": protocol("linear_swav")}).rows
    assert not rows["failed"]
    top1 = {row["split"]: row["value"] for row in rows["scores"] if row["metric"] == "top1"}
    assert top1["val"] == top1["test"]


def test_controls_are_trained_and_features_without_a_backbone_have_no_row():
    one = subject()
    three = {"trained": one, "random": one, "raw": one._replace(network=None)}
    rows = score(three, {"p@1": protocol("linear_swav")}).rows
    assert not rows["failed"]
    assert {row["subject"] for row in rows["scores"]} == {"trained", "random"}
    assert {row["control"] for row in rows["differences"]} == {"random"}
    alone = score({"trained": three["raw"]}, {"p@1": protocol("linear_swav")}).rows
    assert "these features have none" in alone["failed"][0]["reason"]


def test_series_are_refused_with_the_name_of_a_probe_for_them():
    series = data(windows())
    of = network(series, Convolution(in_channels=2))
    splits = series.splits
    one = subject()._replace(train=labelled(splits.train), test=labelled(splits.test), network=of)
    with pytest.raises(ConfigError, match=r"for series type evaluation=\[linear_rebar\]"):
        protocol("linear_swav").fit(one)


def test_a_checkpoint_does_not_hold_the_backbone():
    protocol("linear_swav").fit(subject())
    (file,) = Path("fits").glob("*/checkpoints/last.ckpt")
    state = torch.load(file, weights_only=True)["state_dict"]
    assert {*state} == {"head.weight", "head.bias", "right", "best"}


def test_what_was_trained_is_read_again_and_other_numbers_train_anew(capsys):
    first = protocol("linear_swav").fit(subject())[""]
    capsys.readouterr()
    again = protocol("linear_swav").fit(subject())[""]
    assert "training" not in capsys.readouterr().out
    assert torch.equal(first.head.weight, again.head.weight)
    assert torch.equal(first.right, again.right) and torch.equal(first.best, again.best)
    other = protocol("linear_swav", rate=0.2).fit(subject())[""]
    assert not torch.equal(first.head.weight, other.head.weight)


def test_two_ranks_equal_one_process(ranks):
    here = str(Path.cwd())
    for name in ("linear_swav", "linear_simsiam"):
        first, second = ranks(2)("probes.fitted", name, f"{here}/two")
        one = fitted(name, f"{here}/one")
        for key, value in one[""].items():
            torch.testing.assert_close(first[""][key], value, rtol=0, atol=1e-6)
            assert torch.equal(first[""][key], second[""][key])


def test_a_batch_is_never_larger_than_the_items(caplog):
    made = protocol("linear_dino", batch_size=1024).fit(subject())[""]
    assert "batches of 36 items instead of 1024" in caplog.text
    assert made.recipe.batch_size == 36
    assert math.isclose(made.recipe.head_rate, 0.001 * 36 / 256)
    (file,) = Path("fits").glob("*/metrics.jsonl")
    assert json.loads(file.read_text().splitlines()[-1])["step"] == 2
