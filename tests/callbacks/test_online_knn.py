import json
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch.nn.functional import normalize

from manyviews import draws
from manyviews.callbacks.metrics import Metrics
from manyviews.callbacks.online_knn import ONLINE, OnlineKNN
from manyviews.errors import ConfigError


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
