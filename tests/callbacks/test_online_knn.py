import json
from dataclasses import replace
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from small_series import Convolution, data, waves, windows
from torch.nn.functional import normalize

from manyviews import draws
from manyviews.callbacks.metrics import Metrics
from manyviews.callbacks.online_knn import ONLINE, OnlineKNN, accuracy, bank_and_queries
from manyviews.errors import ConfigError
from manyviews.evaluation.protocols.knn import KNN


class Recompute(pl.Callback):
    """Accuracy by definition: cosine, 20 neighbours, votes exp(similarity / 0.07)."""

    def __init__(self):
        self.accuracy = []

    @torch.no_grad()
    def on_train_epoch_end(self, trainer, pl_module):
        method = pl_module
        assert method.backbone.training, "left in evaluation mode"
        images, label = trainer.datamodule.splits.train[:2]
        features = normalize(method.backbone.eval()((images.float() / 255 - 0.5) / 0.25))
        method.backbone.train()
        order = draws.permutation(0, 0, 64)
        held_out, bank = order[:6], order[6:]
        similarity, row = (features[held_out] @ features[bank].mT).topk(20)
        votes = torch.zeros(6, 2)
        votes.scatter_add_(1, label[bank][row], (similarity / 0.07).exp())
        right = votes.argmax(1) == label[held_out]
        self.accuracy.append(float(right.float().mean()))


def scores(fit, every):
    again = Recompute()
    fit(Metrics(Path("m.jsonl"), 1), OnlineKNN(every_n_epochs=every), again, more=["epochs=3"])
    written = [json.loads(line) for line in Path("m.jsonl").read_text().splitlines()]
    return {r["step"]: r[ONLINE] for r in written if ONLINE in r}, again.accuracy


def test_it_scores_a_held_out_tenth_of_the_training_images(fit):
    found, expected = scores(fit, every=1)
    assert found == dict(zip((4, 8, 12), map(pytest.approx, expected), strict=True))


def test_the_last_epoch_is_always_scored(fit):
    assert list(scores(fit, every=2)[0]) == [8, 12]


def test_a_cadence_below_one_says_how_to_leave_it_out():
    with pytest.raises(ConfigError, match="every_n_epochs=0.*callbacks.online_knn=null"):
        OnlineKNN(every_n_epochs=0)


def test_other_ranks_wait_for_a_score_that_takes_longer_than_a_collective_may(
    ranks, small, config_dir, tmp_path
):
    arguments = [[*small, "epochs=1"], config_dir, str(tmp_path)]
    first, second = ranks(2)("on_ranks.scored_slowly", *arguments)
    assert 0 <= first <= 1 and second is None


def scored(made):
    """The accuracy of an untrained backbone, and what it was measured on."""
    torch.manual_seed(0)
    read, call = [], KNN.__call__
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(KNN, "__call__", lambda self, s: read.append(s) or call(self, s))
        found = bank_and_queries(made, Convolution())
        return found and accuracy(*found, len(made.splits.classes)), *read


def test_of_fewer_than_twenty_training_items_all_vote():
    made = data(windows())
    label = made.splits.train.label
    known = torch.arange(len(label)) % (len(label) // 8) == 0
    made.splits.train.label[~known] = -1
    found, subject = scored(made)
    assert 2 <= len(subject.train.label) < 20 and found is not None and 0 <= found <= 1


def test_the_validation_split_is_classified_by_all_of_train():
    made = data(windows(), splits=waves(val=["person 1"]))
    found, subject = scored(made)
    assert torch.equal(subject.test.position, made.probed("val"))
    assert {*subject.test.group.tolist()} == {1}
    assert torch.equal(subject.train.position, made.probed("train"))
    bank, queries = (normalize(part.embedding) for part in (subject.train, subject.test))
    similarity, row = (queries @ bank.mT).topk(20)
    votes = torch.zeros(len(queries), 2)
    votes.scatter_add_(1, subject.train.label[row], (similarity / 0.07).exp())
    assert found == pytest.approx(float((votes.argmax(1) == subject.test.label).float().mean()))


def test_a_whole_person_of_train_is_held_out_where_people_are_known():
    made = data(windows())
    _, subject = scored(made)
    (person,) = subject.test.group.unique()  # a tenth is less than one of four
    assert person not in subject.train.group
    both = torch.cat([subject.train.position, subject.test.position]).sort().values
    assert torch.equal(both, made.probed("train"))


def test_a_validation_split_without_labels_is_not_used():
    splits = waves(val=["person 1"])
    blind = replace(splits.val, label=torch.full_like(splits.val.label, -1))
    _, subject = scored(data(windows(), splits=replace(splits, val=blind)))
    assert 1 not in subject.test.group and len(subject.test.group.unique()) == 1


def test_too_few_labels_give_no_score():
    splits = waves()
    label = torch.full_like(splits.train.label, -1)
    label[0] = 0
    found = replace(splits, train=replace(splits.train, label=label))
    assert scored(data(windows(), splits=found)) == (None,)
