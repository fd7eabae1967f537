import numpy as np
import torch
from blobs import problem
from sklearn.linear_model import LogisticRegression

from manyviews.evaluation.features import Features
from manyviews.evaluation.protocols.linear_lbfgs import LinearLBFGS, fit, standardize
from manyviews.evaluation.subject import Subject


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
    first = probe(Subject(train, test, 3)).answer.top1
    shuffled = test._replace(label=test.label.flip(0))
    assert torch.equal(first, probe(Subject(train, shuffled, 3)).answer.top1)


def test_separable_classes_are_all_right_and_unlabelled_rows_are_left_out():
    train = problem()
    clean = train._replace(embedding=torch.eye(3)[train.label])
    wrong = Features(clean.embedding.flip(1), torch.full_like(clean.label, -1), clean.position)
    both = Features(*(torch.cat(pair) for pair in zip(clean[:3], wrong[:3], strict=True)))
    assert torch.equal(LinearLBFGS(1, [1e-3])(Subject(both, clean, 3)).answer.top1, clean.label)


def test_a_constant_feature_changes_nothing():
    train, test = problem(), problem(seed=1)
    wide = [
        f._replace(embedding=torch.cat([f.embedding, torch.full((200, 1), 7.3)], 1))
        for f in (train, test)
    ]
    assert standardize(*(f.embedding for f in wide))[0][:, -1].abs().max() == 0
    probe = LinearLBFGS(1, [1e-2])
    assert torch.equal(
        probe(Subject(*wide, 3)).answer.top1, probe(Subject(train, test, 3)).answer.top1
    )
