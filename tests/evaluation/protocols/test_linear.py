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
