"""Search the nearest training items by cosine, exactly and in bounded memory."""

from __future__ import annotations

import faiss
import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from torch.nn import functional as F

BANK_BLOCK = 2**26  # float32 numbers of a block of normalised bank items: 256 MB
SIMILARITIES = 2**26  # cosines that a device holds at once: 256 MB


def search(
    train: Float32[Tensor, "N D"], test: Float32[Tensor, "Q D"], k: int
) -> tuple[Float32[Tensor, "Q k"], Int64[Tensor, "Q k"]]:
    """Return cosine and row of the k nearest train items, nearest first, on the CPU.

    The search runs where the train items are: by faiss on the CPU, by torch on another device. The
    bank is read in blocks, so that beside the features themselves only a block of them, the
    normalised test items and the result are in memory.

    Of items with equal similarity the smaller row comes first; if more of them share the k-th
    similarity than fit into k, it is not specified which are returned.

    Args:
        train: the bank, N >= k items.
        test: the queries; they are moved to the bank's device.
        k: number of neighbours.
    """
    queries = F.normalize(test.to(train.device), dim=1)
    nearest = _by_faiss if train.device.type == "cpu" else by_blocks
    rows = max(1, BANK_BLOCK // max(train.shape[1], 1))
    normalized = torch.empty_like(train[:rows])  # one for all blocks: freed ones would add up
    similarity = torch.empty(len(test), 0, device=train.device)
    row = torch.empty(len(test), 0, dtype=torch.int64, device=train.device)
    for first, block in zip(range(0, len(train), rows), train.split(rows), strict=True):
        bank = F.normalize(block, dim=1, out=normalized[: len(block)])
        found, at = nearest(bank, queries, min(k, len(block)))
        similarity = torch.cat([similarity, found], 1)
        row = torch.cat([row, at + first], 1)
        similarity, row = _in_order(similarity, row, k)
    return similarity.cpu(), row.cpu()


def _by_faiss(
    bank: Float32[Tensor, "N D"], queries: Float32[Tensor, "Q D"], k: int
) -> tuple[Float32[Tensor, "Q k"], Int64[Tensor, "Q k"]]:
    """Return inner product and row of the k best bank items for each query, on the CPU."""
    # Without an index, which would hold a copy of the bank.
    found = faiss.knn(
        queries.contiguous().numpy(), bank.numpy(), k, metric=faiss.METRIC_INNER_PRODUCT
    )
    similarity, row = map(torch.from_numpy, found)
    return similarity, row


def by_blocks(
    bank: Float32[Tensor, "N D"],
    queries: Float32[Tensor, "Q D"],
    k: int,
    similarities: int = SIMILARITIES,
) -> tuple[Float32[Tensor, "Q k"], Int64[Tensor, "Q k"]]:
    """Return inner product and row of the k best bank items for each query, on their device.

    Args:
        bank: normalised items.
        queries: normalised items.
        k: number of neighbours.
        similarities: most inner products in memory at once; at least one query is taken.
    """
    with torch.autocast(bank.device.type, enabled=False):
        parts = [
            (part @ bank.mT).topk(k, dim=1)
            for part in queries.split(max(1, similarities // len(bank)))
        ]
    return torch.cat([p.values for p in parts]), torch.cat([p.indices for p in parts])


def _in_order(
    similarity: Float32[Tensor, "Q n"], row: Int64[Tensor, "Q n"], k: int
) -> tuple[Float32[Tensor, "Q m"], Int64[Tensor, "Q m"]]:
    """Return the k most similar, the most similar first; of equal ones the smaller row first."""
    by_row = row.argsort(dim=1)
    similarity, row = similarity.gather(1, by_row), row.gather(1, by_row)
    similarity, order = similarity.sort(dim=1, descending=True, stable=True)
    return similarity[:, :k], row.gather(1, order[:, :k])
