import pytest
import pytorch_lightning as pl

from manyviews.callbacks.due import due


class Record(pl.Callback):
    """The epochs that are due, counted from 1."""

    def __init__(self, every_n_epochs):
        self.every_n_epochs, self.epochs = every_n_epochs, []

    def on_train_epoch_end(self, trainer, pl_module):
        if due(trainer, self.every_n_epochs):
            self.epochs.append(trainer.current_epoch + 1)


@pytest.mark.parametrize(
    ("every", "epochs"),
    [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (3, [3, 5]), (5, [5]), (9, [5]), (None, [])],
)
def test_every_nth_epoch_and_the_last_one_are_due(fit, every, epochs):
    record = Record(every)
    fit(record, more=["epochs=5"])
    assert record.epochs == epochs
