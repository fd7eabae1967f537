"""Protocols run where the features are, and give what they give on the CPU."""

import math

import pytest
import torch
from blobs import grouped, problem
from every_protocol import OF_FEATURES, protocol
from other_device import DEVICE, OtherDevice

from manyviews.evaluation.subject import Subject
from manyviews.evaluation.suite import score

PEOPLE = [f"person {i}" for i in range(12)]


def scores(name, subject):
    found = score({"trained": subject}, {name: protocol(name)}, groups=PEOPLE).rows
    assert not found["failed"]
    values = ((row["metric"], row["split"], row["value"]) for row in found["scores"])
    # Without a value alpha-ReQ is not defined for six dimensions.
    return {(name, split): math.nan if v is None else v for name, split, v in values}


@pytest.mark.parametrize(
    ("name", "people"), [*((name, True) for name in OF_FEATURES), ("knn", False)]
)
def test_scores_do_not_depend_on_the_device_of_the_features(name, people):
    train, test, val = problem(240), problem(40, seed=1), problem(30, seed=2)
    if people:
        train, test, val = (grouped(features, 12) for features in (train, test, val))
    subject = Subject(train, test, 3, val)
    expected = scores(name, subject)
    with OtherDevice():
        found = scores(name, subject.to(DEVICE))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0.0, equal_nan=True)


def test_the_device_of_these_tests_refuses_to_mix():
    with OtherDevice():
        x = torch.arange(6.0).to(DEVICE)
        assert x.device == DEVICE and (2 * x).cpu().tolist() == [0, 2, 4, 6, 8, 10]
        assert x[torch.tensor([1, 2])].device == DEVICE
        with pytest.raises(RuntimeError, match=r"add.*tensors on lazy:0 and on the CPU"):
            _ = x + torch.ones(6)
        with pytest.raises(TypeError, match="copied to the CPU first"):
            x.numpy()
