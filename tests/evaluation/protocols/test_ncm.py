import torch
from blobs import problem
from sklearn.neighbors import NearestCentroid
from torch.nn import functional as F

from manyviews.evaluation.features import Features
from manyviews.evaluation.protocols import ncm
from manyviews.evaluation.protocols.ncm import NCM, class_sums
from manyviews.evaluation.subject import Subject


def test_predictions_are_those_of_scikit_learn_on_normalised_features():
    train, test = problem(), problem(seed=1)
    found = NCM(1)(Subject(train, test, 3))
    theirs = NearestCentroid().fit(F.normalize(train.embedding), train.label)
    expected = theirs.predict(F.normalize(test.embedding))
    assert found.top1.tolist() == expected.tolist()
    assert len(set(expected.tolist())) == 3


def test_scores_are_minus_the_squared_distances_to_the_means():
    train, test = problem(), problem(seed=1)
    x, q = F.normalize(train.embedding).double(), F.normalize(test.embedding).double()
    mean = torch.stack([x[train.label == c].mean(0) for c in range(3)])
    expected = -(q[:, None] - mean).square().sum(2)
    torch.testing.assert_close(NCM(1)(Subject(train, test, 3)).scores, expected, atol=1e-6, rtol=0)


def test_sums_of_parts_add_up_to_the_sums_of_all():
    data = problem(101)
    whole = class_sums(data.embedding, data.label, 3)
    first = class_sums(data.embedding[:40], data.label[:40], 3)
    parts = first.plus(class_sums(data.embedding[40:], data.label[40:], 3))
    torch.testing.assert_close(parts.total, whole.total, rtol=1e-12, atol=1e-12)
    assert torch.equal(parts.items, whole.items) and int(whole.items.sum()) == 101


def test_reading_train_in_parts_changes_nothing(monkeypatch):
    subject = Subject(problem(), problem(seed=1), 3)
    whole = NCM(1)(subject).scores
    monkeypatch.setattr(ncm, "ROWS", 7)
    torch.testing.assert_close(NCM(1)(subject).scores, whole, rtol=1e-12, atol=1e-12)


def test_a_class_without_training_items_is_never_predicted():
    # Both items lie opposite to the only mean, as far away as two unit vectors can be.
    train = Features(torch.tensor([[1.0, 0.0]]), torch.tensor([1]), torch.arange(1))
    test = Features(-train.embedding.expand(2, 2), torch.tensor([0, 2]), torch.arange(2))
    found = NCM(1)(Subject(train, test, 3))
    assert found.top1.tolist() == [1, 1] and found.scores.isfinite().all()


def test_unlabelled_items_do_not_count():
    train = problem()
    hidden = Features(-train.embedding, torch.full_like(train.label, -1), train.position)
    both = Features(*(torch.cat(pair) for pair in zip(train[:3], hidden[:3], strict=True)))
    test = problem(seed=1)
    assert torch.equal(
        NCM(1)(Subject(both, test, 3)).scores, NCM(1)(Subject(train, test, 3)).scores
    )
