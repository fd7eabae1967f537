import numpy as np
import torch

from manyviews.evaluation import gallery
from manyviews.evaluation.features import Features


def test_spread_takes_one_of_each_class_before_a_second():
    label = torch.tensor([2, 2, 2, 0, 1, 0, 1])
    assert label[gallery.spread(label, 5)].tolist() == [0, 1, 2, 0, 1]


def test_neighbours_are_pictures_of_the_nearest_rows_whatever_their_order():
    angle = torch.linspace(0, 3, 12)
    points = torch.stack([angle.cos(), angle.sin()], 1)
    image = np.arange(12, dtype=np.uint8).reshape(12, 1, 1, 1)
    order = torch.randperm(12)
    train = Features(points[order], (order % 2).long(), order)
    test = Features(points + 1e-4, torch.arange(12) % 2, torch.arange(12))
    found = gallery.neighbours(train, test, image.__getitem__, image.__getitem__, queries=4, k=1)
    assert found["neighbours"].squeeze().tolist() == found["queries"].squeeze().tolist()
    assert found["neighbour_label"].squeeze().tolist() == found["query_label"].tolist()
