import pytest
import torch
from blobs import problem

from manyviews.errors import ConfigError
from manyviews.evaluation.subject import Subject


def without_labels(features):
    return features._replace(label=torch.full_like(features.label, -1))


def test_the_validation_split_is_what_is_chosen_on():
    train, val = problem(), problem(60, seed=2)
    fit, held = Subject(train, problem(seed=1), 3, val).fit_and_held()
    assert torch.equal(fit.position, train.position) and held.label.shape == (60,)


def test_a_split_without_labels_is_one_line():
    train, test = problem(), problem(seed=1)
    with pytest.raises(ConfigError, match="no training item is labelled"):
        Subject(without_labels(train), test, 3).fit_and_held()
    # Of a validation split without labels nothing is known, so a share of train is held out.
    kept, held = Subject(train, test, 3, val=without_labels(test)).fit_and_held()
    assert len(kept.label) + len(held.label) == len(train.label)


def test_a_class_without_a_name_is_its_number():
    subject = Subject(problem(), problem(), 3, class_names=("cat", "dog"))
    assert [subject.name_of(c) for c in range(3)] == ["cat", "dog", "2"]
