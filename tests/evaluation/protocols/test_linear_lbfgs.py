import numpy as np
import torch
from blobs import problem
from sklearn.linear_model import LogisticRegression

from manyviews.evaluation.features import Features
from manyviews.evaluation.hold_out import held_out
from manyviews.evaluation.logistic import standardize
from manyviews.evaluation.protocols.linear_lbfgs import LinearLBFGS, simplest
from manyviews.evaluation.subject import Subject

PENALTIES = [1e2, 3.0, 0.1, 3e-3, 1e-6]
MIDDLE = 0.1


def hidden(count, seed, wrong=0.15):
    """Two classes that show in the difference of two large features, beside noise.

    A large penalty forbids the large weights that this needs; a small one fits noise and the wrong
    labels.
    """
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(count) % 2
    noise = torch.randn(count, 102, generator=generator)
    common, signal = 4 * noise[:, :1], 2 * (2 * label[:, None] - 1) + noise[:, 1:2]
    x = torch.cat([common + signal, common - signal, noise[:, 2:]], 1)
    flipped = torch.rand(count, generator=generator) < wrong
    return Features(x, torch.where(flipped, 1 - label, label), torch.arange(count))


def reference(train, penalty):
    """scikit-learn's model: it has one vector for two classes, and so half the penalty."""
    x, _ = standardize(train.embedding.double(), train.embedding.double())
    model = LogisticRegression(C=2 / (penalty * len(x)), max_iter=10_000, tol=1e-8)
    return model.fit(x, train.label)


def accuracies(train, held):
    """Accuracy of scikit-learn's model on `held` for each penalty."""
    _, x = standardize(train.embedding.double(), held.embedding.double())
    return {p: reference(train, p).score(x, held.label) for p in PENALTIES}


def test_the_penalty_in_the_middle_wins_where_both_ends_are_worse():
    train, val = hidden(150, 0), hidden(1000, 1, wrong=0)
    expected = accuracies(train, val)
    assert max(expected, key=expected.get) == MIDDLE
    found = LinearLBFGS(1, PENALTIES)(Subject(train, hidden(100, 2), 2, val))
    assert found.setting == {"penalty": MIDDLE} and found.edge == ""
    assert {**found.tried[0]} == {"penalty": MIDDLE, "accuracy": found.tried[0]["accuracy"]}
    for tried in found.tried:
        assert abs(tried["accuracy"] - expected[tried["penalty"]]) < 0.0085  # 8 of 1000 items


def test_neither_test_nor_the_rows_fitted_on_choose_the_penalty():
    train, val = hidden(150, 0), hidden(1000, 1, wrong=0)
    of_train = accuracies(train, train)
    assert max(of_train, key=of_train.get) < MIDDLE  # they would choose another one
    test = hidden(100, 2)
    for label in (test.label, 1 - test.label, torch.zeros_like(test.label)):
        found = LinearLBFGS(1, PENALTIES)(Subject(train, test._replace(label=label), 2, val))
        assert found.setting == {"penalty": MIDDLE}


def test_without_a_validation_split_the_held_out_rows_choose():
    train = hidden(600, 0)
    kept, held = held_out(train.label, 0.5, 3)
    expected = accuracies(train.rows(kept), train.rows(held))
    found = LinearLBFGS(1, PENALTIES, 0.5, 3)(Subject(train, hidden(100, 2), 2))
    assert torch.equal(found.held, train.label[held])
    right = float((found.validation.top1 == found.held).double().mean())
    assert {**found.setting, "accuracy": right} in found.tried
    for tried in found.tried:
        assert abs(tried["accuracy"] - expected[tried["penalty"]]) <= 0.01


def test_without_numbers_the_penalties_are_every_second_one_of_dinov3s():
    train, test = hidden(400, 0), hidden(100, 2)
    found = LinearLBFGS(1)(Subject(train, test, 2))
    of = [1 / (360 * c) for c in np.logspace(-6, 5, 45)[::2]]
    tried = sorted((t["penalty"] for t in found.tried), reverse=True)
    assert len(tried) > 10  # it does not end where the accuracy is flat, at large penalties
    np.testing.assert_allclose(tried, of[: len(tried)], rtol=1e-12)


def test_of_penalties_within_one_standard_error_of_the_best_the_largest_is_chosen():
    # Of 1,000 items at 85 % the standard error is 1.13 points.
    assert simplest([0.70, 0.841, 0.852, 0.85], 1000) == 1
    assert simplest([0.70, 0.840, 0.852, 0.85], 1000) == 2
    assert simplest([0.5, 0.5, 0.5], 1000) == 0


def test_people_are_held_out_whole():
    train = hidden(400, 0)._replace(group=torch.arange(400) // 50)
    found = LinearLBFGS(1, PENALTIES)(Subject(train, hidden(100, 2), 2))
    assert len(found.held) == 50  # one of eight people


def test_the_model_is_fitted_on_all_of_train_with_the_chosen_penalty():
    train, test = hidden(400, 0), hidden(100, 2)
    found = LinearLBFGS(1, PENALTIES)(Subject(train, test, 2))
    _, x_test = standardize(train.embedding.double(), test.embedding.double())
    model = reference(train, found.setting["penalty"])
    expected = torch.from_numpy(model.predict_proba(x_test))
    torch.testing.assert_close(found.answer.scores, expected, atol=0.02, rtol=0)


def test_a_winner_at_the_end_of_the_grid_is_told():
    train, val = hidden(150, 0), hidden(1000, 1, wrong=0)
    found = LinearLBFGS(1, [1e2, 3.0, MIDDLE])(Subject(train, hidden(100, 2), 2, val))
    assert found.edge.startswith(
        "the smallest of 3 values of evaluation.linear_lbfgs.penalties won (0.1)"
    )


def test_nothing_is_learnt_from_test_labels():
    train, test = problem(), problem(seed=1)
    probe = LinearLBFGS(1, [1e-1, 1e-3])
    first = probe(Subject(train, test, 3)).answer.scores
    shuffled = test._replace(label=test.label.flip(0))
    assert torch.equal(first, probe(Subject(train, shuffled, 3)).answer.scores)


def test_separable_classes_are_all_right_and_unlabelled_rows_are_left_out():
    train = problem()
    clean = train._replace(embedding=torch.eye(3)[train.label])
    wrong = Features(clean.embedding.flip(1), torch.full_like(clean.label, -1), clean.position)
    both = Features(*(torch.cat(pair) for pair in zip(clean[:3], wrong[:3], strict=True)))
    found = LinearLBFGS(1, [1e-3])(Subject(both, clean, 3))
    assert torch.equal(found.answer.top1, clean.label)


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
