"""Weighted kNN on given features: CPU time on one thread.

There are 10,000 training features, 2,000 queries and ten classes. A *sweep* predicts with every
pair of four k (10, 20, 100, 200) and four temperatures; a *cell* is one such pair. *search* finds
the 200 nearest neighbours, as does *faiss* alone. Agreement is the share of queries with the same
200 neighbours, or with the same prediction. Memory is the most that tensors of torch hold at once,
in MB; memory that faiss allocates itself is not included.

The rows *50,000 x 10,000* have that many training features and queries. *scikit-learn's cell* is
its `KNeighborsClassifier` with the cosine and 20 equal votes, as is the cell beside it. The rows
*bank* search 500 queries in a bank of width 2048, each in a process of its own that keeps freed
memory, too. Their memory is the growth of the whole process, in MB, beyond the features
themselves: that of *search* must not grow with the bank, of which *faiss* holds two copies.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import faiss
import torch
from costs import peak_bytes
from lightly.utils.benchmarking.knn import knn_predict  # pyright: ignore[reportMissingImports]
from page import Row, megabytes
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor
from torch.nn import functional as F
from windows import alternate, in_turn

from manyviews.evaluation.features import Features
from manyviews.evaluation.protocols.knn import search, vote

CLASSES, LARGEST = 10, 200
KS, TEMPERATURES = (10, 20, 100, 200), (0.05, 0.07, 0.1, 0.5)
BANKS = (80_000, 160_000, 320_000)  # items; the largest is 2.6 GB, and faiss needs three times that
BANK = Path(__file__).parent.parent / "bank.py"


def rows(windows: int) -> Iterator[Row]:
    """Compare sweeps, cells and searches with those of lightly, faiss and scikit-learn."""
    yield from small(windows)
    yield from large(min(windows, 3))
    yield from banks(min(windows, 2))


def small(windows: int) -> Iterator[Row]:
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
        near, votes = agreement(train, test)

        for first, second, agree, goal in (
            ("sweep", f"cell k {LARGEST}", votes, ("at most", 1.2)),
            ("sweep", "cell k 20", votes, None),
            ("lightly's cell", f"cell k {LARGEST}", votes, None),
            ("lightly's sweep", "sweep", votes, ("at least", 10.0)),
            ("search", "faiss", near, ("at most", 1.1)),
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


def large(windows: int) -> Iterator[Row]:
    """Compare a search that takes seconds with faiss alone, and a cell with scikit-learn."""
    train, test = features(50_000, 512, 0), features(10_000, 512, 1)
    searches: dict[str, Callable[[], Tensor]] = {
        "search": lambda: search(train.embedding, test.embedding, LARGEST)[1],
        "faiss": partial(faiss_alone, train.embedding, test.embedding),
    }
    predictions: dict[str, Callable[[], Tensor]] = {
        "scikit-learn's cell": partial(scikit_learn_cell, train, test, 20),
        "cell k 20": lambda: cells(train, test, [(20, None)])[0],
    }
    for sides, goal in ((searches, ("at most", 1.2)), (predictions, None)):
        (first, second), (seconds, found) = sides, in_turn(sides, windows=windows)
        same = (found[first], found[second])
        agree = neighbours(*same) if sides is searches else f"predictions {share(*same):.2%}"
        taken = (seconds[first], seconds[second])
        yield Row("50,000 x 10,000, D 512", first, second, "s", taken, agree, "", goal)


def banks(windows: int) -> Iterator[Row]:
    """Compare time and memory of searches in larger and larger banks."""
    for items in BANKS:
        turns = [
            {side: in_process(side, items) for side in ("search", "faiss")} for _ in range(windows)
        ]
        ours, theirs = ([turn[side] for turn in turns] for side in ("search", "faiss"))
        growth = [megabytes(max(one["growth"] for one in side)) for side in (ours, theirs)]
        yield Row(
            f"bank {items:,}, D 2048",
            "search",
            "faiss",
            "s",
            ([one["seconds"] for one in ours], [one["seconds"] for one in theirs]),
            neighbours(*(torch.tensor(side[0]["rows"]) for side in (ours, theirs))),
            " / ".join(growth),
            besides="memory of the process",
        )


def in_process(side: str, items: int) -> dict[str, Any]:
    """Return seconds, growth in bytes and rows of a search in a process of its own."""
    command = [sys.executable, str(BANK), side, str(items)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(found.stdout)


def features(count: int, width: int, seed: int) -> Features:
    """Return random features of overlapping classes."""
    centre = torch.randn(CLASSES, width, generator=torch.Generator().manual_seed(9))
    label = torch.arange(count) % CLASSES
    noise = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    return Features(centre[label] + 3 * noise, label, torch.arange(count))


def cells(train: Features, test: Features, wanted: list[tuple[int, float | None]]) -> list[Tensor]:
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


def scikit_learn_cell(train: Features, test: Features, k: int) -> Tensor:
    """Return the predictions of scikit-learn by the cosine, with equal votes."""
    model = KNeighborsClassifier(k, metric="cosine", algorithm="brute")
    model.fit(train.embedding.numpy(), train.label.numpy())
    return torch.from_numpy(model.predict(test.embedding.numpy()))


def agreement(train: Features, test: Features) -> tuple[str, str]:
    """Compare our neighbours with those of faiss, and our predictions with those of lightly."""
    _, ours = search(train.embedding, test.embedding, LARGEST)
    theirs = faiss_alone(train.embedding, test.embedding)
    pairs = zip(sweep(train, test), lightly_sweep(train, test), strict=True)
    equal = sum(share(a, b) for a, b in pairs) / (len(KS) * len(TEMPERATURES))
    return neighbours(ours, theirs), f"predictions {equal:.2%}"


def neighbours(ours: Tensor, theirs: Tensor) -> str:
    """Return the share of queries with the same neighbours in any order, as text."""
    same = (ours.sort(1).values == theirs.sort(1).values).all(1)
    return f"neighbours {float(same.double().mean()):.2%}"


def share(ours: Tensor, theirs: Tensor) -> float:
    """Return the share of equal predictions."""
    return float((ours == theirs).double().mean())
