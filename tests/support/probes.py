"""A subject with a small backbone and a few images, on which protocols can train."""

from copy import deepcopy
from pathlib import Path

import small_data
import torch
from every_protocol import CONFIGS

from manyviews import distributed, evaluation
from manyviews.datamodules.images.datamodule import ImageData
from manyviews.datamodules.views.images.pipeline import View, Views
from manyviews.evaluation.features import Features
from manyviews.evaluation.subject import Network, Subject
from manyviews.scoring.fits import fitter

TRAINER = {
    "_target_": "manyviews.trainer.build_trainer",
    "accelerator": "cpu",
    "devices": 1,
    "nodes": 1,
    "precision": "32-true",
    "accumulate_grad_batches": 1,
    "limit_train_batches": None,
    "log_every_n_steps": 2,
}
LINEAR = [name for name in CONFIGS if name.startswith("linear_") and "deviates" in CONFIGS[name]]


def network(data, backbone, folder=".", **trainer):
    """What a subject has of its backbone."""
    config = {**TRAINER, "devices": distributed.world_size(), **trainer}
    fit = fitter(Path(folder), "trained", "weights", config, "cpu")
    return Network(lambda: deepcopy(backbone).eval(), data, fit)


def labelled(rows):
    count = len(rows.label)
    return Features(torch.empty(count, 0), rows.label, torch.arange(count))


def subject(folder=".", splits=None, backbone=None, **trainer):
    """36 images of 12 x 12 pixels in two classes, without embeddings."""
    splits = splits or small_data.stripes(36, 12)
    data = ImageData(splits, Views(large=View(2, {})), batch_size=4, seed=0)
    torch.manual_seed(0)
    backbone = backbone or small_data.Speck(6, in_channels=1, image_size=12)
    made = network(data, backbone, folder, **trainer)
    train, test = labelled(splits.train), labelled(splits.test)
    return Subject(train, test, len(splits.classes), network=made, protocol="probe@1")


def protocol(name, **changes):
    """A protocol of conf/ with two epochs of four steps, and a fall of the rate between them."""
    node = {**CONFIGS[name], "epochs": 2, "batch_size": 8}
    node["decay_epochs"] = [1] if node["decay_epochs"] else []
    node |= changes
    return getattr(evaluation, node.pop("_target_").rpartition(".")[2])(**node)


def fitted(name, folder, **changes):
    """What a protocol trains on these ranks: the state of each classifier."""
    made = protocol(name, **changes).fit(subject(folder))
    return {
        cell: {key: value.clone() for key, value in classifier.state_dict().items()}
        for cell, classifier in made.items()
    }
