import json
from functools import partial
from pathlib import Path

import contract
import on_ranks
import pytest
import pytorch_lightning as pl
import torch
from small_series import Convolution, data, waves, windows

from manyviews import checkpoints, config, draws
from manyviews.callbacks.checkpoint import Checkpoint
from manyviews.callbacks.metrics import Metrics
from manyviews.callbacks.online_label_free import NAMES, PREFIX, OnlineLabelFree
from manyviews.callbacks.stop import Stop
from manyviews.errors import ConfigError
from manyviews.evaluation.measures.label_free import of_embeddings
from manyviews.evaluation.measures.spectrum import rankme


class Recompute(pl.Callback):
    """RankMe by definition, of the singular values of clean embeddings."""

    def __init__(self, items):
        self.items, self.values = items, []

    @torch.no_grad()
    def on_train_epoch_end(self, trainer, pl_module):
        method = pl_module
        assert method.backbone.training, "left in evaluation mode"
        images = trainer.datamodule.splits.train.image[draws.permutation(0, 0, 64)[: self.items]]
        z = method.backbone.eval()((images.float() / 255 - 0.5) / 0.25)
        method.backbone.train()
        p = torch.linalg.svdvals(z.double())
        p = p / p.sum() + 1e-7
        self.values.append(float((-(p * p.log()).sum()).exp()))


def written(path="m.jsonl"):
    records = map(json.loads, Path(path).read_text().splitlines())
    return {r["step"]: r for r in records if PREFIX + "rankme" in r}


def measured(fit, every, epochs=3, **options):
    again = Recompute(options.get("items", 2000))
    callback = OnlineLabelFree(every_n_epochs=every, **options)
    fit(Metrics(Path("m.jsonl"), 1), callback, again, more=[f"epochs={epochs}"])
    return written(), again.values


@pytest.mark.parametrize("items", [40, 2000])
def test_it_measures_clean_training_samples(fit, items):
    found, expected = measured(fit, every=1, items=items)
    assert [*found] == [4, 8, 12]
    values = [record[PREFIX + "rankme"] for record in found.values()]
    assert values == pytest.approx(expected, rel=1e-4)


def test_the_last_epoch_is_always_measured(fit):
    assert [*measured(fit, every=2)[0]] == [8, 12]


def test_it_is_off_by_default(fit):
    fit(Metrics(Path("m.jsonl"), 1), OnlineLabelFree(every_n_epochs=None))
    assert written() == {}


def test_what_a_narrow_backbone_has_no_value_for_is_said_once(fit, capsys):
    found, _ = measured(fit, every=1, epochs=2)
    logged = {name for name in NAMES if PREFIX + name in found[4]}
    assert logged == {*NAMES} - {"alpha_req", "alpha_req_3_100"}
    said = capsys.readouterr().out
    assert said.count(f"note: no {PREFIX}alpha_req: alpha-ReQ is fitted to eigenvalues 11") == 1


def test_data_without_labels_have_a_best_checkpoint_by_it(fit):
    class Unlabel(pl.Callback):
        def on_train_start(self, trainer, pl_module):
            trainer.datamodule.splits.train.label.fill_(-1)

    Path("checkpoints").mkdir()
    checkpoint = Checkpoint(Path(), 500, Stop(), PREFIX + "rankme")
    fit(Unlabel(), Metrics(Path("m.jsonl"), 1), OnlineLabelFree(1), checkpoint, more=["epochs=3"])
    values = {step: record[PREFIX + "rankme"] for step, record in written().items()}
    best = checkpoints.read(Path("checkpoints/best.ckpt"))["global_step"]
    assert best == max(values, key=lambda step: values[step])


def test_two_ranks_record_the_measures_of_one_process(ranks, config_dir, tmp_path):
    overrides = [*contract.case_overrides("barlow_twins"), *contract.speck("barlow_twins")]
    given = config.compose("pretrain", [*overrides, "epochs=2"], config_dir)[0]
    found = []
    for name, run in (("one", on_ranks.measured), ("two", partial(ranks(2), "on_ranks.measured"))):
        (folder := tmp_path / name).mkdir()
        run(given, OnlineLabelFree(1), str(folder))
        found.append(written(folder / "metrics.jsonl"))
    one, two = found
    assert [*one] == [*two] == [4, 8]
    for step, record in one.items():
        assert len(record) > 3 and two[step] == pytest.approx(record, rel=1e-6)
    assert one[4][PREFIX + "rankme"] != pytest.approx(one[8][PREFIX + "rankme"], rel=1e-5)


def test_the_validation_split_is_measured_if_there_is_one():
    made = data(windows(), splits=waves(val=["person 1"]))
    torch.manual_seed(0)
    backbone = Convolution().eval()
    measured = of_embeddings(OnlineLabelFree(1).features(made, backbone).embedding)
    (found,) = (m for m in measured if m.name == "rankme")
    series = torch.cat([sample.input for sample in made.clean("val")])
    assert found.details["n"] == len(series) < len(made.splits.train.label)
    assert found.value == pytest.approx(rankme(backbone(series).detach()), rel=1e-5)


def test_a_cadence_below_one_is_refused():
    with pytest.raises(ConfigError, match="every_n_epochs=0; allowed: 1 or more.*or null"):
        OnlineLabelFree(every_n_epochs=0)
