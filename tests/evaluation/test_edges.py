"""Every protocol on data that are small, one-sided or collapsed: a score, or one line."""

import math
import warnings

import pytest
import torch
from blobs import grouped, problem
from every_protocol import OF_FEATURES, protocol

from manyviews.evaluation.features import Features
from manyviews.evaluation.subject import Subject
from manyviews.evaluation.suite import score


def kept(features, mask):
    return features.rows(mask.nonzero()[:, 0])


def of(train, test=None, classes=3, **more):
    return Subject(train, problem(40, seed=1) if test is None else test, classes, **more)


def alone():
    """One labelled item of class 2, many of the others."""
    train = problem(240)
    return kept(train, (train.label != 2) | (train.position == 2))


def scaled(features, factor):
    return features._replace(embedding=features.embedding * factor)


SUBJECTS = {
    "ordinary": lambda: of(problem(240)),
    "one labelled item in a class": lambda: of(alone()),
    "one labelled item in every class": lambda: of(problem(3)),
    "one labelled item": lambda: of(problem(1)),
    "one class everywhere": lambda: of(
        kept(problem(240), torch.arange(240) % 3 == 1), kept(problem(40), torch.arange(40) % 3 == 1)
    ),
    "one class of a data set with one": lambda: of(
        problem(240, classes=1), problem(40, classes=1, seed=1), 1
    ),
    "a class missing in train": lambda: of(kept(problem(240), torch.arange(240) % 3 != 1)),
    "a class missing in test": lambda: of(
        problem(240), kept(problem(40, seed=1), torch.arange(40) % 3 != 1)
    ),
    "no class in common": lambda: of(
        kept(problem(240), torch.arange(240) % 3 == 0),
        kept(problem(40, seed=1), torch.arange(40) % 3 == 1),
    ),
    "a tenth of train smaller than the classes": lambda: of(
        problem(90, classes=15), problem(40, classes=15, seed=1), 15
    ),
    "k above the bank": lambda: of(problem(12)),
    "one test item": lambda: of(problem(240), problem(1, seed=1)),
    "99 test items": lambda: of(problem(240), problem(99, seed=1)),
    "features of zero": lambda: of(scaled(problem(240), 0), scaled(problem(40), 0)),
    "constant features": lambda: of(
        problem(240)._replace(embedding=torch.full((240, 6), 3.7)),
        problem(40)._replace(embedding=torch.full((40, 6), 3.7)),
    ),
    "features of zero in train only": lambda: of(scaled(problem(240), 0)),
    "tiny features": lambda: of(scaled(problem(240), 1e-30), scaled(problem(40), 1e-30)),
    "large features": lambda: of(scaled(problem(240), 1e15), scaled(problem(40), 1e15)),
    "fewer items than dimensions": lambda: of(problem(30, 100), problem(40, 100, seed=1)),
    "many dimensions": lambda: of(problem(240, 5000), problem(20, 5000, seed=1)),
    "one dimension": lambda: of(problem(240, 1), problem(40, 1, seed=1)),
    "one group": lambda: of(grouped(problem(240), 1), grouped(problem(40, seed=1), 1)),
    "a group for each item": lambda: of(grouped(problem(240), 240), grouped(problem(40), 40)),
    "a group for each class": lambda: of(grouped(problem(240), 3), grouped(problem(40), 3)),
    "no labelled training item": lambda: of(problem(240)._replace(label=torch.full((240,), -1))),
    "no labelled validation item": lambda: of(
        problem(240), val=problem(30)._replace(label=torch.full((30,), -1))
    ),
    "one validation item": lambda: of(problem(240), val=problem(1, seed=2)),
    "the same item many times": lambda: of(
        Features(torch.ones(240, 6), torch.arange(240) % 3, torch.arange(240))
    ),
}


NAMES = [f"person {i}" for i in range(240)]
ALWAYS_SCORED = ("ordinary", "99 test items", "many dimensions", "large features")


@pytest.mark.parametrize("case", SUBJECTS)
@pytest.mark.parametrize("name", OF_FEATURES)
def test_a_protocol_ends_with_a_score_or_one_line(name, case):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score(
            {"trained": SUBJECTS[case]()}, {f"{name}@1": protocol(name)}, groups=NAMES
        ).rows
    for row in found["failed"]:
        assert row["reason"].startswith("ConfigError: ") and len(row["reason"]) < 250
        assert case not in ALWAYS_SCORED
    if not found["failed"]:
        # A measure without labels that is not defined has no value, and says why.
        values = [row["value"] for row in found["scores"] if row["value"] is not None]
        assert values and all(map(math.isfinite, values))
