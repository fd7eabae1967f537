import numpy as np
import pytest
import torch

from manyviews.evaluation.measures.power_law import WIDE_WINDOW, WINDOW, alpha_req
from manyviews.evaluation.measures.spectrum import singular_values
from manyviews.evaluation.measures.undefined import Undefined

INDEX = torch.arange(1, 513, dtype=torch.float64)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("window", [WINDOW, WIDE_WINDOW])
def test_an_exact_power_law_gives_its_exponent(alpha, window):
    found = alpha_req(7 * INDEX**-alpha, window)
    assert found.alpha == pytest.approx(alpha, abs=1e-9)
    assert found.r2 == pytest.approx(1, abs=1e-9)
    assert (found.first, found.last) == window


def test_it_is_the_weighted_least_squares_line_of_numpy():
    value = INDEX**-1.0 * (1 + 0.3 * torch.sin(INDEX))
    i = np.arange(11, 101)
    y = np.log(value[10:100].numpy())
    slope, intercept = np.polyfit(np.log(i), y, 1, w=np.sqrt(1 / i))
    mean = np.average(y, weights=1 / i)
    left = np.average((y - slope * np.log(i) - intercept) ** 2, weights=1 / i)
    found = alpha_req(value)
    assert found.alpha == pytest.approx(-slope, rel=1e-9)
    assert found.r2 == pytest.approx(1 - left / np.average((y - mean) ** 2, weights=1 / i))


# True exponent, embeddings, slope of an unweighted line over all 512, and alpha of the wide window.
KNOWN = [
    (1.0, 4096, 1.07, 0.99),
    (1.0, 600, 1.65, 0.95),
    (0.5, 4096, 0.61, 0.47),
    (0.5, 600, 1.29, 0.45),
    (2.0, 4096, 2.05, 2.00),
    (2.0, 600, 2.53, 2.02),
]


@pytest.mark.parametrize(("alpha", "rows", "everything", "wide"), KNOWN)
def test_the_window_decides_how_much_the_number_of_embeddings_matters(
    alpha, rows, everything, wide
):
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((rows, 512)))
    value = singular_values(noise * INDEX ** (-alpha / 2), centred=True).square()
    slope, _ = np.polyfit(INDEX.log().numpy(), value.log().numpy(), 1)
    assert -slope == pytest.approx(everything, abs=0.01)
    assert alpha_req(value, WIDE_WINDOW).alpha == pytest.approx(wide, abs=0.025)
    assert alpha_req(value, WINDOW).alpha == pytest.approx(alpha, abs=0.05)


def test_eigenvalues_that_are_zero_end_the_window():
    found = alpha_req(torch.where(INDEX <= 95, INDEX**-1.0, 0.0), WIDE_WINDOW)
    assert (found.first, found.last) == (3, 95)
    assert found.alpha == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("count", "left"), [(64, 54), (99, 89), (8, 0)])
def test_too_few_eigenvalues_are_refused_with_their_number(count, left):
    with pytest.raises(Undefined, match=f"11 to 100 and needs 90 positive ones.*have {left} there"):
        alpha_req(INDEX[:count] ** -1.0)
