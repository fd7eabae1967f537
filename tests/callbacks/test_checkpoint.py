import pytest
import pytorch_lightning as pl

from manyviews.callbacks import Checkpoint
from manyviews.runs import FORMAT_VERSION, read_checkpoint


def test_each_epoch_replaces_the_checkpoint_of_the_one_before(fit, tmp_path):
    seen = []

    class Look(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            path = tmp_path / "last.ckpt"
            seen.append(read_checkpoint(path)["global_step"] if path.exists() else 0)

    fit(Look(), Checkpoint(tmp_path / "last.ckpt"))
    assert seen == [0, 0, 0, 0, 4, 4, 4, 4]
    assert read_checkpoint(tmp_path / "last.ckpt")["format_version"] == FORMAT_VERSION
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_write_that_fails_half_way_leaves_the_last_good_one(fit, tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    path.write_bytes(b"good")

    def torn(self, beside):
        beside.write_bytes(b"to")
        raise OSError("disk full")

    monkeypatch.setattr(pl.Trainer, "save_checkpoint", torn)
    with pytest.raises(OSError, match="disk full"):
        fit(Checkpoint(path))
    assert path.read_bytes() == b"good"
