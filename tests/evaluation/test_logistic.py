import numpy as np
import pytest
import torch
from blas_threads import blas_threads
from blobs import problem
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from torch.nn import functional as F

from manyviews.evaluation.logistic import Problem, fit, standardize


def theirs(x, label, penalty):
    model = LogisticRegression(C=1 / (penalty * len(x)), max_iter=5000, tol=1e-10)
    return model.fit(x.numpy(), label.numpy())


@pytest.mark.parametrize("items", [200, 30])  # more and fewer items than dimensions
def test_solution_equals_scikit_learns(items):
    data = problem(items, 50 if items == 30 else 6)
    x = data.embedding.double()
    found, expected = fit(x, data.label, 3, 0.01), theirs(x, data.label, 0.01)
    np.testing.assert_allclose(found.weight.numpy(), expected.coef_, atol=4e-3)
    assert torch.equal(found.predict(x), torch.from_numpy(expected.predict(x.numpy())))


@pytest.mark.parametrize("penalty", [1.0, 1e-2, 1e-4])
def test_scores_are_scikit_learn_s_probabilities(penalty):
    data, test = problem(), problem(seed=1)
    x, x_test = standardize(data.embedding.double(), test.embedding.double())
    expected = theirs(x, data.label, penalty).predict_proba(x_test.numpy())
    found = fit(x, data.label, 3, penalty).answer(x_test)
    torch.testing.assert_close(found.scores, torch.from_numpy(expected), atol=0.02, rtol=0)
    assert torch.equal(found.top1, found.scores.argmax(1))


def test_gradient_of_the_objective_is_zero_at_the_solution():
    data = problem()
    x = data.embedding.double()
    w, b = (t.clone().requires_grad_() for t in fit(x, data.label, 3, 0.003))
    loss = F.cross_entropy(x @ w.mT + b, data.label)
    (loss + 0.003 / 2 * w.square().sum()).backward()
    assert w.grad.abs().max() < 1e-3 and b.grad.abs().max() < 1e-3


def test_a_start_elsewhere_leads_to_the_same_minimum():
    data = problem()
    x = data.embedding.double()
    system = Problem(x, data.label, 3)
    cold = system.solve(1e-3)
    warm = system.solve(1e-3, system.solve(1.0))
    torch.testing.assert_close(warm.answer(x).scores, cold.answer(x).scores, atol=0.02, rtol=0)


def test_a_path_of_penalties_takes_few_evaluations(monkeypatch):
    data = problem(1000, 64, 10)
    generator = torch.Generator().manual_seed(0)
    noise, mixing = (
        torch.randn(1000, 64, generator=generator),
        torch.randn(64, 64, generator=generator),
    )
    x, _ = standardize(*[(data.embedding + 3 * noise) @ mixing] * 2)
    evaluations, evaluate = [], Problem._cross_entropy
    monkeypatch.setattr(
        Problem, "_cross_entropy", lambda *given: evaluations.append(1) or evaluate(*given)
    )
    system, model = Problem(x, data.label, 10), None
    for exponent in range(-12, 7):
        model = system.solve(10 ** (-exponent / 2) / 1000, model)
    assert len(evaluations) < 680  # 803 if the bias is not scaled


def test_scipy_has_one_thread_during_a_fit_and_its_own_afterwards(monkeypatch):
    during, evaluate, data = [], Problem._cross_entropy, problem()
    monkeypatch.setattr(
        Problem, "_cross_entropy", lambda *given: during.append(blas_threads()) or evaluate(*given)
    )
    with threadpool_limits(2, user_api="blas"):
        fit(data.embedding, data.label, 3, 0.1)
        assert blas_threads() == {2}
    assert during and all(threads == {1} for threads in during)


def test_a_start_at_the_solution_is_kept():
    data = problem()
    system = Problem(data.embedding.double(), data.label, 3)
    once = system.solve(0.01)
    twice = system.solve(0.01, once, max_iterations=1)
    torch.testing.assert_close(twice.weight, once.weight, atol=1e-3, rtol=0)


def test_an_end_at_the_last_iteration_is_logged(caplog):
    data = problem()
    fit(data.embedding, data.label, 3, 1e-4, max_iterations=2)
    assert "penalty 0.0001: not converged after 2 iterations" in caplog.text


def test_a_class_without_items_is_never_predicted():
    data = problem()
    found = fit(data.embedding, 2 * (data.label > 0).long(), 4, 1e-2)
    assert set(found.predict(data.embedding).tolist()) == {0, 2}
