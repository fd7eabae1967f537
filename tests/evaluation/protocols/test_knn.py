import math

import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from manyviews.errors import ConfigError
from manyviews.evaluation.features import Features
from manyviews.evaluation.protocols.knn import KNN
from manyviews.evaluation.subject import Subject


def features(embedding, label):
    embedding = torch.as_tensor(embedding, dtype=torch.float32)
    return Features(embedding, torch.as_tensor(label), torch.arange(len(embedding)))


def naive(train, test, classes, k, temperature):
    """One loop per query, in double precision."""
    guesses = []
    for query in test.embedding.double():
        votes = [0.0] * classes
        near = []
        for row, item in enumerate(train.embedding.double()):
            near.append((float(query @ item / query.norm() / item.norm()), row))
        for similarity, row in sorted(near, key=lambda n: (-n[0], n[1]))[:k]:
            votes[int(train.label[row])] += math.exp(similarity / temperature)
        guesses.append(votes.index(max(votes)))
    return torch.tensor(guesses)


def test_predictions_equal_a_naive_loop_for_every_k():
    torch.manual_seed(0)
    train = features(torch.randn(60, 5), torch.randint(0, 4, (60,)))
    test = features(torch.randn(25, 5), torch.randint(0, 4, (25,)))
    found = KNN(1, [1, 3, 20, 60], 20, 0.07)(Subject(train, test, 4))
    for k in (1, 3, 20, 60):
        assert torch.equal(found[f"k{k}"].top1, naive(train, test, 4, k, 0.07))
    assert torch.equal(found[""].top1, found["k20"].top1)


def test_equal_votes_go_to_the_smaller_label():
    train = features([[1, 0.1], [1, -0.1]], [2, 1])
    found = KNN(1, [2], 2, 0.1)(Subject(train, features([[1, 0]], [1]), 3))
    assert found[""].top1.tolist() == [1]


def test_unlabelled_items_do_not_vote():
    train = features([[1, 0], [0.9, 0.1], [0, 1]], [-1, -1, 1])
    assert KNN(1, [1], 1, 0.1)(Subject(train, features([[1, 0]], [1]), 2))[""].top1.tolist() == [1]


def test_a_k_beyond_the_bank_is_not_reported_and_said(caplog):
    train = features([[1, 0], [0, 1]], [0, 1])
    found = KNN(1, [1, 2, 50, 100], 1, 0.1)(Subject(train, features([[1, 0.2]], [0]), 2))
    assert {*found} == {"", "k1", "k2"}
    assert "k = 50, 100 left out: the bank has 2 items" in caplog.text


@pytest.mark.parametrize(
    ("neighbours", "typed"),
    [([1, 2, 20], "type headline=2 to"), ([20], r"type neighbours=\[2\] and headline=2 to")],
)
def test_a_headline_beyond_the_bank_is_told_with_the_k_that_can_be_reported(neighbours, typed):
    train = features([[1, 0], [0, 1], [1, 1]], [0, 1, -1])
    with pytest.raises(ConfigError, match=f"headline=20 .* bank of 2 labelled .*{typed}"):
        KNN(1, neighbours, 20, 0.1)(Subject(train, features([[1, 0.2]], [0]), 2))


@pytest.mark.parametrize("temperature", [0.01, 0.005, 1e-6, 1e-40, 1e6])
def test_votes_do_not_overflow_and_are_shares(temperature):
    torch.manual_seed(0)
    train = features(torch.randn(60, 5), torch.arange(60) % 4)
    test = features(torch.randn(25, 5), torch.arange(25) % 4)
    found = KNN(1, [20], 20, temperature)(Subject(train, test, 4))[""]
    torch.testing.assert_close(found.scores.sum(1), torch.ones(25))
    if temperature < 1e-5:  # the nearest decides
        nearest = KNN(1, [1], 1, 0.07)(Subject(train, test, 4))[""].top1
        assert torch.equal(found.top1, nearest)


def test_scores_are_the_classes_shares_of_the_weighted_votes():
    train = features([[1, 0], [0.6, 0.8], [0, 1], [-1, 0]], [2, 0, 2, 1])
    found = KNN(1, [3], 3, 0.5)(Subject(train, features([[1, 0]], [2]), 3))[""]
    weight = [math.exp(cosine / 0.5) for cosine in (1.0, 0.6, 0.0)]
    expected = torch.tensor([[weight[1], 0, weight[0] + weight[2]]]) / sum(weight)
    torch.testing.assert_close(found.scores, expected)


def test_without_weights_it_is_scikit_learn_s_majority():
    torch.manual_seed(0)
    train = features(torch.randn(90, 5), torch.randint(0, 4, (90,)))
    test = features(torch.randn(40, 5), torch.randint(0, 4, (40,)))
    found = KNN(1, [1, 4, 25], 4, None)(Subject(train, test, 4))
    for k in (1, 4, 25):
        theirs = KNeighborsClassifier(k, metric="cosine", algorithm="brute")
        theirs.fit(train.embedding, train.label)
        assert found[f"k{k}"].top1.tolist() == theirs.predict(test.embedding).tolist()
        expected = torch.from_numpy(theirs.predict_proba(test.embedding)).float()
        torch.testing.assert_close(found[f"k{k}"].scores, expected)


def test_separable_classes_are_all_right():
    label = torch.arange(30) % 3
    cloud = torch.eye(3)[label] + 0.01 * torch.randn(30, 3)
    found = KNN(1, [5], 5, 0.07)(Subject(features(cloud, label), features(cloud, label), 3))
    assert torch.equal(found[""].top1, label)


def test_headline_must_be_among_the_neighbours():
    with pytest.raises(ConfigError, match="headline=20 must be one of"):
        KNN(1, [1, 5], 20, 0.07)
