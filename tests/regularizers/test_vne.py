import math

import pytest
import torch

from manyviews.batch import Output
from manyviews.regularizers import VNE, Regularizer

EYE, ONES = torch.eye(4), torch.ones(4, 4)


def output(embedding, projection):
    return Output(torch.zeros(()), torch.stack(embedding), torch.stack(projection), {})


def test_it_is_the_mean_over_the_views_of_the_negative_entropy():
    mixed = output([EYE, ONES], [EYE, EYE])
    assert float(VNE(0.1, "embedding")(mixed)) == pytest.approx(-math.log(4) / 2, abs=1e-5)
    assert float(VNE(0.1, "projection")(mixed)) == pytest.approx(-math.log(4), abs=1e-5)


def test_it_reads_the_projection_unless_told_otherwise():
    assert float(VNE(0.1)(output([EYE], [ONES]))) == pytest.approx(0, abs=1e-5)


def test_it_fits_the_slot():
    assert isinstance(VNE(0.1), Regularizer) and VNE(0.1).weight == 0.1
