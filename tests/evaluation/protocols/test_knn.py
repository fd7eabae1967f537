import math

import pytest
import torch

from manyviews.errors import ConfigError
from manyviews.evaluation.features import Features
from manyviews.evaluation.protocols.knn import KNN, search
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


def test_equal_similarities_come_in_the_order_of_the_bank():
    train = torch.tensor([[0.0, 1], [1, 0], [2, 0], [3, 0]])
    similarity, row = search(train, torch.tensor([[1.0, 0]]), 4)
    assert row.tolist() == [[1, 2, 3, 0]]
    assert similarity.tolist() == [[1, 1, 1, 0]]


def test_unlabelled_items_do_not_vote():
    train = features([[1, 0], [0.9, 0.1], [0, 1]], [-1, -1, 1])
    assert KNN(1, [1], 1, 0.1)(Subject(train, features([[1, 0]], [1]), 2))[""].top1.tolist() == [1]


def test_k_beyond_the_bank_is_cut_and_said(caplog):
    train = features([[1, 0], [0, 1]], [0, 1])
    found = KNN(1, [1, 50], 1, 0.1)(Subject(train, features([[1, 0.2]], [0]), 2))
    assert found["k50"].top1.tolist() == [0]
    assert "the bank has 2 items" in caplog.text


def test_separable_classes_are_all_right():
    label = torch.arange(30) % 3
    cloud = torch.eye(3)[label] + 0.01 * torch.randn(30, 3)
    found = KNN(1, [5], 5, 0.07)(Subject(features(cloud, label), features(cloud, label), 3))
    assert torch.equal(found[""].top1, label)


def test_headline_must_be_among_the_neighbours():
    with pytest.raises(ConfigError, match="headline=20 must be one of"):
        KNN(1, [1, 5], 20, 0.07)
