"""Search a large bank in a process of its own: python benchmarks/bank.py SIDE ITEMS.

It prints the CPU time, by how much the process grew at most beyond the features themselves, and
the rows that were found.
"""

from __future__ import annotations

import json
import sys
import time

import faiss
import torch
from costs import peak_resident_bytes
from suites.knn import faiss_alone
from torch import Tensor

from manyviews.evaluation.nearest import search
from manyviews.hardware import keep_freed_memory

WIDTH, QUERIES, NEIGHBOURS = 2048, 500, 200


def ours(bank: Tensor, queries: Tensor) -> Tensor:
    """Search as the protocols do."""
    return search(bank, queries, NEIGHBOURS)[1]


SIDES = {"search": ours, "faiss": faiss_alone}


def main(side: str, items: int) -> None:
    """Make random features, search them, and print what it took as JSON."""
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    keep_freed_memory()
    torch.manual_seed(0)
    bank, queries = torch.randn(items, WIDTH), torch.randn(QUERIES, WIDTH)
    before, began = peak_resident_bytes(), time.process_time()
    rows = SIDES[side](bank, queries)
    seconds, growth = time.process_time() - began, peak_resident_bytes() - before
    print(json.dumps({"seconds": seconds, "growth": growth, "rows": rows.tolist()}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
