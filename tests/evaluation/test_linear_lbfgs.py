import numpy as np
import pytest
import torch
from blobs import problem
from sklearn.linear_model import LogisticRegression

from manyviews.errors import ConfigError
from manyviews.evaluation.features import Features
from manyviews.evaluation.linear_lbfgs import LinearLBFGS, fit, held_out, standardize


def test_solution_equals_scikit_learns():
    data = problem()
    x = data.embedding.double()
    found = fit(x, data.label, 3, 0.01, max_iterations=500)
    theirs = LogisticRegression(C=1 / (0.01 * len(x)), max_iter=5000, tol=1e-10)
    theirs.fit(x.numpy(), data.label.numpy())
    np.testing.assert_allclose(found.weight.numpy(), theirs.coef_, atol=2e-3)
    assert torch.equal(found.predict(x), torch.from_numpy(theirs.predict(x.numpy())))


def test_gradient_of_the_objective_is_zero_at_the_solution():
    data = problem()
    x = data.embedding.double()
    found = fit(x, data.label, 3, 0.003, max_iterations=500)
    w, b = (t.clone().requires_grad_() for t in found)
    loss = torch.nn.functional.cross_entropy(x @ w.mT + b, data.label)
    (loss + 0.003 / 2 * w.square().sum()).backward()
    assert w.grad.abs().max() < 1e-3 and b.grad.abs().max() < 1e-3


def test_nothing_is_learnt_from_test_labels():
    train, test = problem(), problem(seed=1)
    probe = LinearLBFGS(1, [1e-1, 1e-3])
    first = probe(train, test, 3)["top1"]
    shuffled = test._replace(label=test.label.flip(0))
    assert torch.equal(first, probe(train, shuffled, 3)["top1"])


def test_separable_classes_are_all_right_and_unlabelled_rows_are_left_out():
    train = problem()
    clean = train._replace(embedding=torch.eye(3)[train.label])
    wrong = Features(clean.embedding.flip(1), torch.full_like(clean.label, -1), clean.position)
    both = Features(*(torch.cat(pair) for pair in zip(clean, wrong, strict=True)))
    assert torch.equal(LinearLBFGS(1, [1e-3])(both, clean, 3)["top1"], clean.label)


def test_a_constant_feature_changes_nothing():
    train, test = problem(), problem(seed=1)
    wide = [
        f._replace(embedding=torch.cat([f.embedding, torch.full((200, 1), 7.3)], 1))
        for f in (train, test)
    ]
    assert standardize(*(f.embedding for f in wide))[0][:, -1].abs().max() == 0
    probe = LinearLBFGS(1, [1e-2])
    assert torch.equal(probe(*wide, 3)["top1"], probe(train, test, 3)["top1"])


def test_a_class_of_one_item_stays_among_the_rows_to_fit_on():
    label = torch.tensor([0] * 6 + [1] * 3 + [2])
    kept, held = held_out(label, 0.1, 0)
    assert sorted([*kept, *held]) == [*range(10)] and 9 in kept
    assert set(label[held].tolist()) == {0, 1}


def test_fewer_items_than_ten_per_class_are_held_out_by_class():
    _, held = held_out(torch.arange(8).repeat(3), 0.1, 0)
    assert sorted((held % 8).tolist()) == [*range(8)]


def test_nothing_can_be_held_out_of_classes_of_one_item():
    with pytest.raises(ConfigError, match="no class has two labelled training items"):
        held_out(torch.arange(4), 0.1, 0)
