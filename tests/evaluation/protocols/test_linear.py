import pytest
import torch
from blobs import problem
from torch.nn import functional as F

from manyviews.errors import ConfigError
from manyviews.evaluation.features import Features
from manyviews.evaluation.protocols.linear import LinearGrid, cross_entropy_gradient
from manyviews.evaluation.subject import Subject

RATES, DECAYS = [0.001, 0.3], [0.0, 0.5]


def probe(**more):
    return LinearGrid(1, RATES, DECAYS, epochs=10, batch_size=32, **more)


def test_gradient_equals_autograd_for_every_head():
    data = problem(40)
    weight = torch.randn(5, 3, 6, dtype=torch.float64, requires_grad=True)
    x, target = data.embedding.double(), F.one_hot(data.label, 3).double().mT
    for w, found in zip(weight, cross_entropy_gradient(weight.detach(), x, target), strict=True):
        expected = torch.autograd.grad(F.cross_entropy(x @ w.mT, data.label), w)[0]
        torch.testing.assert_close(found, expected)


def test_a_head_of_the_grid_equals_torch_s_sgd_alone():
    data, grid = problem(), probe()
    heads = grid.fit(data.embedding, data.label, 3, grid.grid)
    for (rate, decay), head in zip(grid.grid, heads, strict=True):
        layer = torch.nn.Linear(6, 3)
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
        sgd = torch.optim.SGD(
            [
                {"params": [layer.weight], "weight_decay": decay},
                {"params": [layer.bias], "weight_decay": 0.0},
            ],
            lr=rate,
            momentum=0.9,
        )
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, 10 * (200 // 32))
        generator = torch.Generator().manual_seed(0)
        for _ in range(10):
            for rows in torch.randperm(200, generator=generator)[:192].view(-1, 32):
                sgd.zero_grad()
                F.cross_entropy(layer(data.embedding[rows]), data.label[rows]).backward()
                sgd.step()
                cosine.step()
        torch.testing.assert_close(head.weight.float(), layer.weight.detach(), rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(head.bias.float(), layer.bias.detach(), rtol=1e-3, atol=1e-5)


def subject(val=True):
    """Items of one problem: 200 to fit on, 100 to choose on, 100 to score."""
    fit, held, test = (
        problem(400).rows(torch.arange(200)),
        *(problem(400).rows(torch.arange(first, first + 100)) for first in (200, 300)),
    )
    return Subject(fit, test, 3, val=held if val else None)


def probabilities(fit, scored, rate, decay, epochs=5, batch=32):
    """Probabilities of the scored items, by a head that torch's SGD trains on its own."""
    mean, std = fit.embedding.mean(0), fit.embedding.std(0, correction=0)
    x, x_scored = (fit.embedding - mean) / std, (scored.embedding - mean) / std
    weight, bias = torch.zeros(3, 6, requires_grad=True), torch.zeros(3, requires_grad=True)
    sgd = torch.optim.SGD([{"params": [weight], "weight_decay": decay}, {"params": [bias]}], rate)
    for group in sgd.param_groups:
        group["momentum"] = 0.9
    steps = epochs * (len(x) // batch)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, steps)
    generator = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=generator)
        for first in range(0, len(x) - batch + 1, batch):
            rows = order[first : first + batch]
            sgd.zero_grad()
            F.cross_entropy(x[rows] @ weight.mT + bias, fit.label[rows]).backward()
            sgd.step()
            cosine.step()
    return (x_scored @ weight.mT + bias).softmax(1).detach()


def accuracy(probability, label):
    return float((probability.argmax(1) == label).double().mean())


@pytest.mark.parametrize("val", [True, False])
def test_the_answer_is_that_of_torch_s_sgd_for_every_cell_of_the_grid(val):
    rates, decays, given = [0.01, 0.1, 1.0], [1e-3, 0.1], subject(val)
    found = LinearGrid(1, rates, decays, epochs=5, batch_size=32)(given)
    kept, held = given.fit_and_held(0.1, 0)
    assert len(held.label) == (100 if val else 20)
    on_held = {
        (rate, decay): probabilities(kept, held, rate, decay) for rate in rates for decay in decays
    }
    expected = {cell: accuracy(p, held.label) for cell, p in on_held.items()}
    tried = [((t["learning_rate"], t["weight_decay"]), t["accuracy"]) for t in found.tried]
    assert dict(tried) == pytest.approx(expected) and len(tried) == 6
    assert len({*expected.values()}) > 1
    assert [a for _, a in tried] == sorted(expected.values(), reverse=True)

    best = max(expected, key=lambda cell: expected[cell])  # the first of equal ones
    assert found.setting == dict(zip(("learning_rate", "weight_decay"), best, strict=True))
    assert tried[0][0] == best and torch.equal(found.held, held.label)
    on_test = probabilities(given.train, given.test, *best)
    for answer, reference in ((found.validation, on_held[best]), (found.answer, on_test)):
        torch.testing.assert_close(answer.scores.float(), reference, rtol=1e-3, atol=1e-5)
        assert torch.equal(answer.top1, reference.argmax(1))


RATES_KEY, DECAYS_KEY = "evaluation.linear.learning_rates", "evaluation.linear.weight_decays"
LARGEST_RATE = (
    f"the largest of 3 values of {RATES_KEY} won (0.1): larger ones may be better; "
    f"type '{RATES_KEY}=[0.001,0.01,0.1,1,10]'"
)
SMALLEST_RATE = (
    f"the smallest of 2 values of {RATES_KEY} won (0.1): smaller ones may be better; "
    f"type '{RATES_KEY}=[0.001,0.01,0.1,1]'"
)
LARGEST_DECAY = (
    f"the largest of 3 values of {DECAYS_KEY} won (0.1): larger ones may be better; "
    f"type '{DECAYS_KEY}=[0.001,0.01,0.1,1,10]'"
)
SMALLEST_DECAY = (
    f"the smallest of 2 values of {DECAYS_KEY} won (0.1): smaller ones may be better; "
    f"type '{DECAYS_KEY}=[0.001,0.01,0.1,1]'"
)


@pytest.mark.parametrize(
    ("rates", "decays", "won", "said"),
    [
        ([0.001, 0.01, 0.1], [0.01], (0.1, 0.01), LARGEST_RATE),
        ([0.1, 1.0], [0.1], (0.1, 0.1), SMALLEST_RATE),
        ([0.1], [0.001, 0.01, 0.1], (0.1, 0.1), LARGEST_DECAY),
        ([0.1], [0.1, 1.0], (0.1, 0.1), SMALLEST_DECAY),
        (
            [0.001, 0.01, 0.1],
            [0.001, 0.01, 0.1],
            (0.1, 0.1),
            f"{LARGEST_RATE}; {LARGEST_DECAY}",
        ),
        (  # under the other decay, the other rate is the better one
            [0.1, 1.0],
            [0.1, 0.01],
            (0.1, 0.1),
            f"{SMALLEST_RATE}; the largest of 2 values of {DECAYS_KEY} won (0.1): larger ones may "
            f"be better; type '{DECAYS_KEY}=[0.01,0.1,1,10]'",
        ),
        ([0.01, 0.1, 1.0], [0.01, 0.1, 1.0], (0.1, 0.1), ""),  # inside
    ],
)
def test_a_winner_at_an_end_of_the_grid_is_told_with_what_to_type(rates, decays, won, said):
    found = LinearGrid(1, rates, decays, epochs=6, batch_size=32)(subject())
    assert (*found.setting.values(),) == won
    assert found.edge == said


def test_the_pair_is_chosen_on_the_held_out_part(monkeypatch):
    fitted = []
    fit = LinearGrid.fit
    monkeypatch.setattr(
        LinearGrid, "fit", lambda self, x, *a: fitted.append((len(x), a[2])) or fit(self, x, *a)
    )
    probe()(Subject(problem(), problem(seed=1), 3))
    assert [(rows, len(grid)) for rows, grid in fitted] == [(180, 4), (200, 1)]
    assert fitted[1][1][0] in fitted[0][1]


def test_the_best_pair_is_the_one_that_is_refitted():
    subject = Subject(problem(), problem(seed=1), 3)
    useful, useless = ([0.3], [0.0]), ([1e-12], [0.0])
    both = LinearGrid(1, [1e-12, 0.3], [0.0], epochs=10, batch_size=32)(subject)
    first, second = (
        LinearGrid(1, *g, epochs=10, batch_size=32)(subject).answer for g in (useful, useless)
    )
    assert both.setting == {"learning_rate": 0.3, "weight_decay": 0.0}
    assert torch.equal(both.answer.top1, first.top1)
    assert not torch.equal(both.answer.top1, second.top1)


def test_nothing_is_learnt_from_test_labels_or_unlabelled_rows():
    train, test = problem(), problem(seed=1)
    first = probe()(Subject(train, test, 3)).answer.top1
    shuffled = test._replace(label=test.label.flip(0))
    assert torch.equal(first, probe()(Subject(train, shuffled, 3)).answer.top1)
    unknown = train._replace(label=torch.full_like(train.label, -1))
    both = Features(*(torch.cat(pair) for pair in zip(train[:3], unknown[:3], strict=True)))
    assert torch.equal(first, probe()(Subject(both, test, 3)).answer.top1)


@pytest.mark.parametrize(
    "wrong", [{"learning_rates": []}, {"weight_decays": [-1.0]}, {"holdout": 1.0}, {"epochs": 0}]
)
def test_numbers_out_of_range_are_told(wrong):
    with pytest.raises(ConfigError, match="allowed"):
        LinearGrid(1, **{"learning_rates": RATES, "weight_decays": DECAYS, **wrong})
