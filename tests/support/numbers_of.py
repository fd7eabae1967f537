"""The uniform numbers of an operation on series."""

import torch

from manyviews import draws


def numbers_of(operation, series):
    """What the rows 0, 1, 2 ... of a data set would draw."""
    rows = torch.arange(len(series), device=series.device)
    return draws.uniform(0, 0, rows, 0, "any", operation.draws(*series.shape[1:]))
