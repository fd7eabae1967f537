import warnings

import pytest
import torch
from blobs import problem
from sklearn.metrics import average_precision_score
from torch.nn import functional as F

from manyviews.errors import ConfigError
from manyviews.evaluation.features import Features
from manyviews.evaluation.protocols import retrieval
from manyviews.evaluation.protocols.retrieval import Retrieval
from manyviews.evaluation.subject import Subject
from manyviews.evaluation.suite import score


def answered(subject, nearest=(1, 5, 10)):
    return {item.name: item.value for item in Retrieval(1, [*nearest])(subject)}


def cosines(subject):
    test, train = (F.normalize(f.embedding.double(), dim=1) for f in (subject.test, subject.train))
    return test @ train.mT


def expected_map(subject, similarity):
    found = [
        average_precision_score(subject.train.label == label, row)
        for label, row in zip(subject.test.label, similarity.numpy(), strict=True)
    ]
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize("similarities", [1, 7 * 120, 10**9])
def test_average_precision_is_scikit_learn_s(similarities, monkeypatch):
    monkeypatch.setattr(retrieval, "SIMILARITIES", similarities)
    subject = Subject(problem(120), problem(50, seed=1), 3)
    expected = expected_map(subject, cosines(subject))
    torch.testing.assert_close(answered(subject)["map"], expected, rtol=0, atol=1e-9)


def test_equal_similarities_share_a_place_whatever_the_order_of_the_gallery():
    # Cosines of these are exact, and many of them are equal.
    corner = torch.eye(4)[torch.arange(40) % 4]
    train = Features(corner, torch.arange(40) % 3, torch.arange(40))
    test = Features(torch.eye(4), torch.tensor([0, 1, 2, 0]), torch.arange(4))
    subject = Subject(train, test, 3)
    expected = expected_map(subject, cosines(subject))
    torch.testing.assert_close(answered(subject)["map"], expected, rtol=0, atol=1e-9)
    mixed = subject._replace(train=train.rows(torch.randperm(40)))
    torch.testing.assert_close(answered(mixed)["map"], expected, rtol=0, atol=1e-9)


def test_average_precision_of_three_places_by_hand():
    train = Features(
        torch.tensor([[1.0, 0], [0.8, 0.6], [0.6, 0.8], [0, 1]]),
        torch.tensor([0, 1, 0, 0]),
        torch.arange(4),
    )
    test = Features(torch.tensor([[1.0, 0]]), torch.tensor([0]), torch.arange(1))
    found = answered(Subject(train, test, 2), [1, 2, 4])
    assert float(found["map"]) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert {k: float(v) for k, v in found.items() if k != "map"} == {
        "recall_at_1": 1.0,
        "recall_at_2": 1.0,
        "recall_at_4": 1.0,
        "precision_at_2": 0.5,
        "precision_at_4": 0.75,
    }


def test_recall_and_precision_are_those_of_a_full_sort():
    subject = Subject(problem(120), problem(50, seed=1), 3)
    order = cosines(subject).argsort(1, descending=True)
    right = subject.train.label[order] == subject.test.label[:, None]
    found = answered(subject)
    for k in (1, 5, 10):
        assert torch.equal(found[f"recall_at_{k}"], right[:, :k].any(1).double())
    for k in (5, 10):
        assert torch.equal(found[f"precision_at_{k}"], right[:, :k].double().mean(1))


def test_a_test_item_without_its_class_in_the_gallery_is_left_out_and_named(caplog):
    train, test = problem(120), problem(50, seed=1)
    gallery = train.rows((train.label != 1).nonzero()[:, 0])
    subject = Subject(gallery, test, 3, class_names=("ant", "bee", "cow"))
    found = Retrieval(1, [1])(subject)
    assert all(torch.equal(item.value.isnan(), test.label == 1) for item in found)
    said = int((test.label == 1).sum())
    assert f"{said} test items left out: no training item of their classes (bee)" in caplog.text
    rows = score({"trained": subject}, {"retrieval@1": Retrieval(1, [1])}).rows["scores"]
    assert {r["n"] for r in rows} == {50 - said}
    kept = test.rows((test.label != 1).nonzero()[:, 0])
    alone = answered(Subject(gallery, kept, 3), [1])["map"].mean()
    assert rows[0]["value"] == pytest.approx(float(alone))
    assert rows[0]["details"] == {"classes_left_out": ["bee"]}


def test_no_class_in_common_is_one_line():
    train, test = problem(120), problem(50, seed=1)
    gallery = train.rows((train.label == 0).nonzero()[:, 0])
    other = test.rows((test.label == 1).nonzero()[:, 0])
    with pytest.raises(ConfigError, match="no test item has a training item of its class"):
        Retrieval(1, [1])(Subject(gallery, other, 3))


def test_a_k_beyond_the_gallery_is_left_out(caplog):
    found = answered(Subject(problem(6), problem(50, seed=1), 3))
    assert {*found} == {"map", "recall_at_1", "recall_at_5", "precision_at_5"}
    assert "k = 10 left out: the gallery has 6 items" in caplog.text


def test_unlabelled_items_are_not_in_the_gallery():
    train, test = problem(120), problem(50, seed=1)
    hidden = train._replace(label=train.label.where(train.position % 2 > 0, -1))
    known = train.rows((train.position % 2 > 0).nonzero()[:, 0])
    a, b = (answered(Subject(t, test, 3)) for t in (hidden, known))
    assert all(torch.equal(a[name], b[name]) for name in b)


def test_collapsed_features_find_a_class_as_often_as_it_occurs():
    train, test = problem(120), problem(50, seed=1)
    flat = train._replace(embedding=torch.zeros(120, 6))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = answered(Subject(flat, test, 3))
    torch.testing.assert_close(found["map"], torch.full((50,), 1 / 3, dtype=torch.float64))
