"""Train the classifiers of protocols by the ordinary trainer, each in a folder of its own."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl

from manyviews import checkpoints, distributed, launch_variables
from manyviews.callbacks.checkpoint import Checkpoint
from manyviews.callbacks.metrics import Metrics
from manyviews.callbacks.noise import Noise
from manyviews.callbacks.progress import Progress
from manyviews.callbacks.stop import Stop
from manyviews.checkpoints import Saved
from manyviews.construct import make
from manyviews.datamodules.module import ViewData
from manyviews.evaluation.probes.classifier import Classifier
from manyviews.evaluation.subject import Fit
from manyviews.runs.files import METRICS, keep_metrics_until
from manyviews.schema.keys import Node
from manyviews.trainer import adapt, explained, hand_over

FITS = "fits"  # folder beside report.json
EVERY = 500  # steps between two checkpoints; also saved after each epoch


class FitFolder(NamedTuple):
    """The folder in which a classifier is trained.

    Attributes:
        path: the folder.
        epochs: epochs of the training.
    """

    path: Path
    epochs: int

    @property
    def checkpoints(self) -> Path:
        """Folder of last.ckpt and previous.ckpt."""
        return self.path / "checkpoints"

    def standing(self) -> str:
        """Return the step that is saved and how to go on, in words."""
        saved = checkpoints.newest(self.checkpoints)
        step, epochs = (saved.step, saved.epochs) if saved else (0, 0)
        return (
            f"step {step} ({epochs} of {self.epochs} epochs) is saved in {self.path}: "
            "the same command continues"
        )


def fitter(root: Path, who: str, key: str, trainer: Node, device: str) -> Fit:
    """Return the function that trains classifiers on one backbone.

    Args:
        root: folder of the report; each classifier has a folder `fits/<name>-<who>-<hash8>` in it.
        who: name of the subject.
        key: identifies the weights and the inputs of the backbone.
        trainer: config of the trainer.
        device: where the trained classifier is moved to.
    """

    def fit(classifier: Classifier, data: ViewData[Any, Any], name: str, told: str) -> None:
        """Train a classifier to its last epoch, in place; all ranks have to call it."""
        digest = hashlib.sha256((key + told).encode()).hexdigest()[:8]
        place = FitFolder(root / FITS / f"{name}-{who}-{digest}", classifier.recipe.epochs)
        with explained(place.checkpoints, place.standing):
            saved = _begin(place)
            if saved is not None and saved.epochs >= place.epochs:
                classifier.load_state_dict(saved.content["state_dict"])
            else:
                _train(classifier, data, place, saved, trainer)
        classifier.to(device)

    return fit


def remove(root: Path, protocols: Iterable[str]) -> None:
    """Remove what was trained for these protocols, whose scores are in the report by now."""
    for folder in (root / FITS).glob("*"):
        if any(folder.name.startswith(f"{key}-") for key in protocols):
            shutil.rmtree(folder, ignore_errors=True)
    if (root / FITS).is_dir() and not any((root / FITS).iterdir()):
        (root / FITS).rmdir()


def _begin(place: FitFolder) -> Saved | None:
    """Return the checkpoint to go on from; rank 0 makes the folder and sets torn files aside."""
    if distributed.rank() == 0:
        place.checkpoints.mkdir(parents=True, exist_ok=True)
        saved = checkpoints.newest(place.checkpoints)
        if saved is not None:
            for error in saved.torn:
                print(f"{error}; going on from {saved.path.name}, step {saved.step}")
            checkpoints.set_aside(saved)
        keep_metrics_until(place.path, saved.step if saved else 0)
    distributed.from_rank_0(True)  # the others read the folder when it is in order
    return checkpoints.newest(place.checkpoints)


def _train(
    classifier: Classifier,
    data: ViewData[Any, Any],
    place: FitFolder,
    saved: Saved | None,
    trainer: Node,
) -> None:
    """Train from a checkpoint, or from the start, to the last epoch."""
    alone = distributed.world_size() == 1
    if distributed.rank() == 0:
        begins = f"from step {saved.step} on" if saved else "from the start"
        print(f"training {place.path.name}: {place.epochs} epochs, {begins}")
    # Rank 0 of several that have parted is alone, whatever its launcher's variables say.
    with launch_variables.hidden() if alone else nullcontext():
        lightning = _trainer(classifier, place, trainer, alone=alone)
        hand_over(saved, lightning)
        adapt(classifier, lightning, compiled=False)
        path = saved.path if saved else None
        lightning.fit(classifier, datamodule=data, ckpt_path=path, weights_only=True)


def _trainer(classifier: Classifier, place: FitFolder, config: Node, *, alone: bool) -> pl.Trainer:
    """Return the trainer of a config, with one batch per step and all batches of an epoch."""
    changed = {"accumulate_grad_batches": 1, "limit_train_batches": None, "compile": False}
    changed |= {"devices": 1, "nodes": 1} if alone else {}
    stop = Stop()
    callbacks = [
        Metrics(place.path / METRICS, config["log_every_n_steps"]),
        Noise(classifier.recipe.seed),
        Progress(),
        stop,
        Checkpoint(place.path, EVERY, stop),
    ]
    epochs = classifier.recipe.epochs
    return make({**config, **changed}, "trainer", epochs=epochs, callbacks=callbacks, logger=[])
