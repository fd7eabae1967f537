import pytest
import torch
from blobs import problem
from sklearn.linear_model import RidgeClassifier

from manyviews.errors import ConfigError
from manyviews.evaluation.logistic import standardize
from manyviews.evaluation.protocols.ridge import Ridge
from manyviews.evaluation.subject import Subject


@pytest.mark.parametrize("items", [200, 12])  # more and fewer items than dimensions
def test_decisions_are_scikit_learn_s(items):
    train, test = problem(items, width=20), problem(seed=1, width=20)
    found = Ridge(1, [3.0])(Subject(train, test, 3)).answer
    x, x_test = standardize(train.embedding.double(), test.embedding.double())
    theirs = RidgeClassifier(alpha=3.0).fit(x, train.label)
    decision = torch.from_numpy(theirs.decision_function(x_test))
    torch.testing.assert_close(found.scores, decision.softmax(1), atol=1e-5, rtol=0)
    assert torch.equal(found.top1, torch.from_numpy(theirs.predict(x_test)))


def test_the_penalty_with_the_best_accuracy_on_validation_items_wins():
    train, test, val = problem(60, 50), problem(seed=1, width=50), problem(90, 50, seed=2)
    found = Ridge(1, [1e-3, 10.0, 1e5])(Subject(train, test, 3, val))
    x, x_val = standardize(train.embedding.double(), val.embedding.double())
    right = {
        a: RidgeClassifier(alpha=a).fit(x, train.label).score(x_val, val.label)
        for a in (1e5, 10.0, 1e-3)
    }
    assert found.setting["alpha"] == max(right, key=right.get)
    assert {t["alpha"]: t["accuracy"] for t in found.tried} == pytest.approx(right)


def test_a_class_without_training_items_is_never_predicted():
    train = problem(200)
    some = train.rows((train.label != 1).nonzero()[:, 0])
    found = Ridge(1, [1.0, 0.1])(Subject(some, problem(seed=1), 3)).answer
    assert set(found.top1.tolist()) == {0, 2}


def test_no_penalty_is_refused():
    with pytest.raises(ConfigError, match=r"ridge alphas=\[\]; allowed"):
        Ridge(1, [])
