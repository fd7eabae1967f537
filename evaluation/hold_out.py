"""Hold out a part of the labelled training items to choose on, by whole groups if there are any."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int64
from sklearn.model_selection import StratifiedGroupKFold, train_test_split
from torch import Tensor

from manyviews.errors import ConfigError


def held_out(
    label: Int64[Tensor, " N"], share: float, seed: int, group: Int64[Tensor, " N"] | None = None
) -> tuple[Int64[Tensor, " kept"], Int64[Tensor, " held"]]:
    """Return the rows to fit on and the held-out rows, stratified by class.

    Rows of one group (a person, a video) are held out together, so that the choice does not favour
    settings which only recognise these people. If there are fewer than two groups, rows are held
    out one by one. A class with a single item stays among the rows to fit on.

    Args:
        label: class of each row.
        share: share of the rows to hold out.
        seed: the same seed gives the same rows.
        group: number of the group of each row, -1 if unknown; None if there are no groups.

    Raises:
        ConfigError: every class has a single item.
    """
    if group is not None and len(group[group >= 0].unique()) > 1:
        return _by_group(label, share, seed, group)
    return _by_row(label, share, seed)


def _by_row(label: Tensor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    rows, count = np.arange(len(label)), np.bincount(label)
    alone = count[label] == 1
    if alone.all():
        raise ConfigError("no class has two labelled training items, so none can be held out")
    several = rows[~alone]
    # scikit-learn counts the share in items and needs one for each class.
    least, wanted = int((count > 1).sum()), int(np.ceil(share * len(several)))
    size = share if wanted >= least and len(several) - wanted >= least else least
    kept, held = train_test_split(
        several, test_size=size, random_state=seed, stratify=np.asarray(label)[several]
    )
    kept = np.concatenate([np.asarray(kept), rows[alone]])
    return torch.from_numpy(kept), torch.from_numpy(np.asarray(held))


def _by_group(label: Tensor, share: float, seed: int, group: Tensor) -> tuple[Tensor, Tensor]:
    """Hold out the fold of whole groups whose class shares are nearest to those of all rows."""
    # A row of unknown group is a group of its own.
    own = torch.where(group >= 0, group, -1 - torch.arange(len(group)))
    parts = min(max(2, round(1 / share)), len(own.unique()))
    folds = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    kept, held = next(folds.split(np.zeros(len(label)), label.numpy(), own.numpy()))
    return torch.from_numpy(kept), torch.from_numpy(held)
