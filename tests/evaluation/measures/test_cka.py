import numpy as np
import pytest
import torch

from manyviews.evaluation.measures.cka import cka


def layers(*dims, n=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    common = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    return [
        common @ torch.randn(3, d, generator=generator, dtype=torch.float64)
        + torch.randn(n, d, generator=generator, dtype=torch.float64)
        + 5
        for d in dims
    ]


def hsic(k, l_):
    """The unbiased estimator of Song et al. 2012, as it is printed."""
    n = len(k)
    k, l_ = k - np.diag(np.diag(k)), l_ - np.diag(np.diag(l_))
    one = np.ones(n)
    total = (one @ k @ one) * (one @ l_ @ one) / ((n - 1) * (n - 2))
    return (np.trace(k @ l_) + total - 2 / (n - 2) * one @ k @ l_ @ one) / (n * (n - 3))


def naive(batches, i, j):
    """CKA of layer i of the first network and layer j of the second, from sums over batches."""
    sums = np.zeros(3)
    for first, second in batches:
        x, y = first[i].numpy(), second[j].numpy()
        k, l_ = x @ x.T, y @ y.T
        sums += [hsic(k, l_), hsic(k, k), hsic(l_, l_)]
    return sums[0] / np.sqrt(sums[1] * sums[2])


@pytest.mark.parametrize("count", [1, 3])
def test_it_is_the_ratio_of_the_sums_of_the_printed_formula(count):
    batches = [
        (layers(5, 9, n=20 + s, seed=s), layers(7, 4, 6, n=20 + s, seed=s + 9))
        for s in range(count)
    ]
    found = cka(batches)
    assert found.shape == (2, 3)
    for i, j in np.ndindex(2, 3):
        assert found[i, j].item() == pytest.approx(naive(batches, i, j), abs=1e-10)


def test_a_layer_and_itself_have_one_and_the_order_of_the_layers_does_not_matter():
    three = layers(5, 9, 300)
    found = cka([(three, three)])
    torch.testing.assert_close(found.diagonal(), torch.ones(3).double(), rtol=0, atol=1e-12)
    torch.testing.assert_close(found, found.mT, rtol=0, atol=1e-12)
    assert ((found - torch.eye(3)).abs() < 1 - 1e-3).all()  # others are alike, not the same


def test_rotations_factors_and_shifts_of_a_layer_change_nothing():
    x, y = layers(6, 8)
    rotation = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64)).Q
    expected = cka([([x], [y])])
    torch.testing.assert_close(cka([([-3 * x @ rotation + 7], [y])]), expected, rtol=0, atol=1e-12)
    stretched = x * torch.arange(1.0, 7.0)
    assert (cka([([stretched], [y])]) - expected).abs().item() > 1e-3


def test_features_with_nothing_in_common_have_zero_on_average():
    torch.manual_seed(0)
    found = [cka([([torch.randn(16, 40)], [torch.randn(16, 40)])]).item() for _ in range(200)]
    assert abs(np.mean(found)) < 0.02 < np.std(found)  # a biased one has 0.7 here
    assert min(found) < 0


def test_wide_layers_are_summed_in_pieces(monkeypatch):
    batch = layers(50), layers(30)
    expected = cka([batch])
    monkeypatch.setattr("manyviews.evaluation.measures.cka.PIECE", 7)
    torch.testing.assert_close(cka([batch]), expected, rtol=0, atol=1e-12)


def test_a_collapsed_layer_has_no_value():
    (x,) = layers(6)
    found = cka([([x, torch.full((40, 3), 0.1)], [x])])
    assert found[0].item() == pytest.approx(1) and found[1].isnan()


def test_three_items_are_too_few():
    with pytest.raises(ValueError, match="at least 4 items at once; got 3"):
        cka([(layers(5, n=3), layers(5, n=3))])
