import torch
from sklearn.linear_model import LogisticRegression

from manyviews.evaluation.features import Features
from manyviews.evaluation.protocols.linear_rebar import LinearRebar
from manyviews.evaluation.subject import Subject


def features(label, seed):
    generator = torch.Generator().manual_seed(seed)
    label = torch.as_tensor(label)
    cloud = torch.eye(4)[label] + 0.8 * torch.randn(len(label), 4, generator=generator)
    return Features(cloud * torch.tensor([1, 10, 100, 0.1]), label, torch.arange(len(label)))


def test_it_is_balanced_logistic_regression_on_standardised_features():
    train, test = features([0, 1, 1, 1, 1, 2] * 20, 0), features([0, 1, 2] * 20, 1)
    found = LinearRebar(1)(Subject(train, test, 3))
    x, x_test = train.embedding.double().numpy(), test.embedding.double().numpy()
    mean, std = x.mean(0), x.std(0)
    share = len(x) / 3 / train.label.bincount()
    model = LogisticRegression(max_iter=1000, tol=1e-8)
    model.fit((x - mean) / std, train.label, sample_weight=share[train.label])
    expected = torch.from_numpy(model.predict_proba((x_test - mean) / std))
    torch.testing.assert_close(found.scores, expected, atol=2e-3, rtol=0)
    assert torch.equal(found.top1, expected.argmax(1))


def test_a_class_without_train_items_is_never_guessed_and_unlabelled_ones_are_left_out():
    train = features([0, 1, 3] * 10, 0)
    hidden = train._replace(label=torch.where(train.label == 1, -1, train.label))
    found = LinearRebar(1)(Subject(hidden, features([0, 1, 2, 3] * 5, 1), 4))
    assert found.scores.shape == (20, 4)
    assert found.scores[:, [1, 2]].sum() == 0
    assert set(found.top1.tolist()) <= {0, 3}


def test_too_few_iterations_are_logged(caplog):
    train = features([0, 1, 2] * 20, 0)
    LinearRebar(1, max_iterations=1)(Subject(train, train, 3))
    assert "not converged after 1 iterations" in caplog.text
