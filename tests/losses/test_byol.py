import pytest
import torch
from golden import chirp
from torch.nn import functional as F

from manyviews.losses import byol

PREDICTION, TARGET = chirp((6, 5), 0.011, 0.37, 0.25), chirp((6, 5), 0.017, 0.91, 1.5)


def test_it_is_the_squared_distance_of_unit_rows():
    unit = [F.normalize(z, dim=1) for z in (PREDICTION, TARGET)]
    expected = (unit[0] - unit[1]).square().sum(1).mean()
    torch.testing.assert_close(byol(PREDICTION, TARGET), expected)


def test_the_target_gets_no_gradient():
    prediction, target = (z.clone().requires_grad_() for z in (PREDICTION, TARGET))
    byol(prediction, target).backward()
    assert prediction.grad is not None and target.grad is None


def test_limits():
    assert float(byol(PREDICTION, 3 * PREDICTION)) == pytest.approx(0, abs=1e-12)
    assert float(byol(PREDICTION, -PREDICTION)) == pytest.approx(4)
