"""Hold out a part of the labelled training items to choose on, by whole groups if there are any."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int64
from sklearn.model_selection import train_test_split
from torch import Tensor

from manyviews import draws
from manyviews.datamodules.whole_groups import held_groups
from manyviews.errors import ConfigError
from manyviews.evaluation.measures.intervals import numbered


def held_out(
    label: Int64[Tensor, " N"], share: float, seed: int, group: Int64[Tensor, " N"] | None = None
) -> tuple[Int64[Tensor, " kept"], Int64[Tensor, " held"]]:
    """Return the rows to fit on and the held-out rows; every class keeps rows to fit on.

    Rows of one group (a person, a video) are held out together, so that the choice does not favour
    settings which only recognise these people. Then the share is met only roughly, and a class
    that few people have may be missing among the held-out rows. Rows are held out one by one,
    stratified by class, if there are no two groups, or if each group holds the last rows of some
    class. A class with a single item stays among the rows to fit on.

    Args:
        label: class of each row.
        share: share of the rows to hold out, in (0, 1).
        seed: the same seed gives the same rows.
        group: number of the group of each row, -1 if unknown; None if there are no groups. A row of
            unknown group is held out alone.

    Raises:
        ConfigError: every class has a single item.
    """
    parts = None if group is None else by_whole_groups(label, share, seed, group)
    return _by_row(label, share, seed) if parts is None else parts


def by_whole_groups(
    label: Int64[Tensor, " N"], share: float, seed: int, group: Int64[Tensor, " N"]
) -> tuple[Int64[Tensor, " kept"], Int64[Tensor, " held"]] | None:
    """Return the rows to fit on and those of held-out groups; None if no group can be held out.

    The arguments are those of `held_out`.
    """
    number = numbered(group)  # a row of unknown group is a group of its own
    if len(number.unique()) < 2 or not (group >= 0).any():
        return None
    rows = torch.argsort(number, stable=True).split(number.bincount().tolist())
    order = draws.permutation(seed, 0, len(rows), "groups held out to choose on").tolist()
    held = torch.zeros(len(label), dtype=torch.bool)
    for part in held_groups([rows[g].tolist() for g in order], label.tolist(), share):
        held[list(part)] = True
    return ((~held).nonzero()[:, 0], held.nonzero()[:, 0]) if held.any() else None


def _by_row(labels: Tensor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Hold out single rows, stratified by class."""
    label = labels.numpy()
    rows, count = np.arange(len(label)), np.bincount(label)
    alone = count[label] == 1
    if alone.all():
        raise ConfigError("no class has two labelled training items, so none can be held out")
    several = rows[~alone]
    # scikit-learn needs an item of each class on both sides.
    least, wanted = int((count > 1).sum()), int(np.ceil(share * len(several)))
    kept, held = train_test_split(
        several,
        test_size=min(max(wanted, least), len(several) - least),
        random_state=seed,
        stratify=label[several],
    )
    kept, held = np.asarray(kept), np.asarray(held)
    # A large share can take all items of a small class.
    lost = ~np.isin(label[held], label[kept])
    first = np.unique(label[held][lost], return_index=True)[1]
    back = np.flatnonzero(lost)[first]
    kept = np.concatenate([kept, held[back], rows[alone]])
    return torch.from_numpy(kept), torch.from_numpy(np.delete(held, back))
