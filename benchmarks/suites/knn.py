"""Weighted kNN on given features: CPU time on one thread.

There are 10,000 training features, 2,000 queries and ten classes. A *sweep* predicts with every
pair of four k (10, 20, 100, 200) and four temperatures; a *cell* is one such pair. *search* finds
the 200 nearest neighbours, as does *faiss* alone. Agreement is the share of queries with the same
200 neighbours, or with the same prediction. Memory is the most that tensors of torch hold at once,
in MB; memory that faiss allocates itself is not included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import faiss
import torch
from costs import peak_bytes
from lightly.utils.benchmarking.knn import knn_predict  # pyright: ignore[reportMissingImports]
from page import Row, megabytes
from torch import Tensor
from torch.nn import functional as F
from windows import alternate

from manyviews.evaluation.features import Features
from manyviews.evaluation.protocols.knn import search, vote

CLASSES, LARGEST = 10, 200
KS, TEMPERATURES = (10, 20, 100, 200), (0.05, 0.07, 0.1, 0.5)


def rows(windows: int) -> Iterator[Row]:
    """Compare a sweep with one cell and with lightly, and our search with faiss alone."""
    for width in (128, 512):
        train, test = features(10_000, width, 0), features(2_000, width, 1)
        sides: dict[str, Callable[[], object]] = {
            "sweep": partial(sweep, train, test),
            f"cell k {LARGEST}": partial(cells, train, test, [(LARGEST, 0.07)]),
            "cell k 20": partial(cells, train, test, [(20, 0.07)]),
            "lightly's cell": partial(lightly_cell, train, test, LARGEST, 0.07),
            "lightly's sweep": partial(lightly_sweep, train, test),
            "search": partial(search, train.embedding, test.embedding, LARGEST),
            "faiss": partial(faiss_alone, train.embedding, test.embedding),
        }
        found = alternate(sides, windows=min(windows, 5))
        peak = {name: megabytes(peak_bytes(work)) for name, work in sides.items()}
        neighbours, votes = agreement(train, test)

        for first, second, agree, goal in (
            ("sweep", f"cell k {LARGEST}", votes, ("at most", 1.2)),
            ("sweep", "cell k 20", votes, None),
            ("lightly's cell", f"cell k {LARGEST}", votes, None),
            ("lightly's sweep", "sweep", votes, ("at least", 10.0)),
            ("search", "faiss", neighbours, ("at most", 1.1)),
        ):
            yield Row(
                f"D {width}",
                first,
                second,
                "ms",
                (found[first], found[second]),
                agree,
                f"{peak[first]} / {peak[second]}",
                goal,
            )


def features(count: int, width: int, seed: int) -> Features:
    """Return random features of overlapping classes."""
    centre = torch.randn(CLASSES, width, generator=torch.Generator().manual_seed(9))
    label = torch.arange(count) % CLASSES
    noise = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    return Features(centre[label] + 3 * noise, label, torch.arange(count))


def cells(train: Features, test: Features, wanted: list[tuple[int, float]]) -> list[Tensor]:
    """Return the predictions for every (k, temperature), from one search at the largest k."""
    similarity, row = search(train.embedding, test.embedding, max(k for k, _ in wanted))
    label = train.label[row]
    return [vote(similarity, label, CLASSES, k=k, temperature=t) for k, t in wanted]


def sweep(train: Features, test: Features) -> list[Tensor]:
    """Return the predictions for all sixteen cells."""
    return cells(train, test, [*product(KS, TEMPERATURES)])


def lightly_cell(train: Features, test: Features, k: int, temperature: float) -> Tensor:
    """Return lightly's predictions, in batches of 256 queries as in its kNN classifier."""
    bank = F.normalize(train.embedding, dim=1).mT.contiguous()
    parts = [
        knn_predict(q, bank, train.label, CLASSES, knn_k=k, knn_t=temperature)[:, 0]
        for q in F.normalize(test.embedding, dim=1).split(256)
    ]
    return torch.cat(parts)


def lightly_sweep(train: Features, test: Features) -> list[Tensor]:
    """Return lightly's predictions with a search per cell: its function takes one k and one T."""
    return [lightly_cell(train, test, k, t) for k, t in product(KS, TEMPERATURES)]


def faiss_alone(train: Tensor, test: Tensor) -> Tensor:
    """Return the rows of the nearest neighbours, nearest first; equal ones in any order."""
    bank, queries = (F.normalize(x, dim=1).numpy() for x in (train, test))
    index = faiss.IndexFlatIP(bank.shape[1])
    index.add(bank)  # pyright: ignore[reportCallIssue]
    return torch.from_numpy(index.search(queries, LARGEST)[1])  # pyright: ignore[reportCallIssue]


def agreement(train: Features, test: Features) -> tuple[str, str]:
    """Compare our neighbours with those of faiss, and our predictions with those of lightly."""
    _, ours = search(train.embedding, test.embedding, LARGEST)
    theirs = faiss_alone(train.embedding, test.embedding)
    same = (ours.sort(1).values == theirs.sort(1).values).all(1).double().mean()
    pairs = zip(sweep(train, test), lightly_sweep(train, test), strict=True)
    equal = torch.stack([(a == b).double().mean() for a, b in pairs])
    return f"neighbours {float(same):.2%}", f"predictions {float(equal.mean()):.2%}"
