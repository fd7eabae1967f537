"""Features of a small classification problem."""

import torch

from manyviews.evaluation.features import Features


def problem(count=200, width=6, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(count) % classes
    centre = torch.randn(classes, width, generator=generator)
    embedding = centre[label] + torch.randn(count, width, generator=generator)
    return Features(embedding, label, torch.arange(count))


def grouped(features, groups):
    """The same features, each item in one of some groups."""
    return features._replace(group=torch.arange(len(features.label)) % groups)
