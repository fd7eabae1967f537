import json
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch.nn.functional import normalize

from manyviews.callbacks import Metrics, OnlineKNN
from manyviews.errors import ConfigError


class Recompute(pl.Callback):
    """Accuracy by definition: cosine, 20 neighbours, votes exp(similarity / 0.07)."""

    @torch.no_grad()
    def on_train_epoch_end(self, trainer, pl_module):
        method = pl_module
        assert method.backbone.training, "left in evaluation mode"
        splits, backbone = trainer.datamodule.splits, method.backbone.eval()
        train, test = (
            normalize(backbone((images.image.float() / 255 - 0.5) / 0.25))
            for images in (splits.train, splits.test)
        )
        method.backbone.train()
        similarity, row = (test @ train.mT).topk(20)
        votes = torch.zeros(len(test), 2)
        votes.scatter_add_(1, splits.train.label[row], (similarity / 0.07).exp())
        right = votes.argmax(1) == splits.test.label
        self.accuracy = [*getattr(self, "accuracy", []), float(right.float().mean())]


def test_it_scores_clean_features_of_each_epoch_but_the_last(fit):
    again = Recompute()
    fit(Metrics(Path("m.jsonl"), 1), OnlineKNN(every_n_epochs=1), again)
    written = [json.loads(line) for line in Path("m.jsonl").read_text().splitlines()]
    scored = {r["step"]: r["online/knn@1/top1"] for r in written if "online/knn@1/top1" in r}
    assert scored == {4: pytest.approx(again.accuracy[0], abs=1e-6)}


def test_a_cadence_below_one_says_how_to_leave_it_out():
    with pytest.raises(ConfigError, match="every_n_epochs=0.*callbacks.online_knn=null"):
        OnlineKNN(every_n_epochs=0)
