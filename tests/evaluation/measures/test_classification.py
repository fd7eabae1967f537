import warnings

import numpy as np
import pytest
import torch
from sklearn import metrics as reference

from manyviews.evaluation.measures import classification
from manyviews.evaluation.measures.intervals import resamples

CLASSES = 5  # the last is absent from test, but is guessed


def answered(items=90):
    torch.manual_seed(0)
    label = torch.randint(0, 4, (items,))
    scores = (2 * torch.rand(items, CLASSES) + torch.nn.functional.one_hot(label, CLASSES)).round(
        decimals=1  # so that scores are equal
    )
    assert (scores.argmax(1) == 4).any() and not (label == 4).any()
    return label, scores.argmax(1), scores


def drawn(weight, *columns):
    """The items that a resample drew, as often as it drew them."""
    index = torch.arange(len(weight)).repeat_interleave(weight.long())
    return [column[index].numpy() for column in columns]


def of_reference(label, guess, scores):
    occurs = np.unique(label)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of guesses at the class that is absent
        return {
            "balanced_accuracy": reference.balanced_accuracy_score(label, guess),
            "macro_f1": reference.f1_score(label, guess, labels=occurs, average="macro"),
            "macro_auroc": np.mean(
                [reference.roc_auc_score(label == c, scores[:, c]) for c in occurs]
            ),
            "macro_auprc": np.mean(
                [reference.average_precision_score(label == c, scores[:, c]) for c in occurs]
            ),
        }


def ours(label, guess, scores, weight):
    table = classification.crossed(label, guess, weight, (CLASSES, CLASSES))
    return {
        "balanced_accuracy": classification.balanced_accuracy(table),
        "macro_f1": classification.macro_f1(table),
        **classification.ranking(label, scores, weight),
    }


def test_measures_of_every_resample_equal_scikit_learn_s_on_its_items():
    label, guess, scores = answered()
    weight = torch.cat([torch.ones(1, 90).double(), *resamples(90, draws=20)])
    found = ours(label, guess, scores, weight)
    for r, row in enumerate(weight):
        expected = of_reference(*drawn(row, label, guess, scores))
        assert {name: float(v[r]) for name, v in found.items()} == pytest.approx(
            expected, rel=1e-12
        )


def test_a_class_that_a_resample_misses_is_left_out():
    label, guess, scores = answered()
    weight = (label != 2).double()[None]
    expected = of_reference(*drawn(weight[0], label, guess, scores))
    found = {name: float(v) for name, v in ours(label, guess, scores, weight).items()}
    assert found == pytest.approx(expected, rel=1e-12)


def test_one_class_alone_has_no_roc_curve():
    label, _, scores = answered()
    weight = (label == 2).double()[None]
    assert classification.ranking(label, scores, weight)["macro_auroc"].isnan().all()
