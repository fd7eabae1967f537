import faiss
import pytest
import torch
from costs import peak_bytes
from torch.nn import functional as F

from manyviews.evaluation import nearest
from manyviews.evaluation.nearest import by_blocks, search


def pair(bank=700, queries=40, width=24):
    generator = torch.Generator().manual_seed(0)
    train = torch.randn(bank, width, generator=generator)
    return train, torch.randn(queries, width, generator=generator)


def by_index(train, test, k):
    """One faiss index over the whole bank."""
    index = faiss.IndexFlatIP(train.shape[1])
    index.add(F.normalize(train).numpy())
    return map(torch.from_numpy, index.search(F.normalize(test).numpy(), k))


def test_rows_and_cosines_are_those_of_a_faiss_index():
    train, test = pair()
    similarity, row = search(train, test, 30)
    expected, at = by_index(train, test, 30)
    assert torch.equal(row, at)
    torch.testing.assert_close(similarity, expected)


@pytest.mark.parametrize("numbers", [24, 24 * 7, 24 * 100, 24 * 699])
def test_a_bank_in_blocks_gives_the_same_rows(numbers, monkeypatch):
    train, test = pair()
    whole = search(train, test, 30)[1]
    monkeypatch.setattr(nearest, "BANK_BLOCK", numbers)
    assert torch.equal(search(train, test, 30)[1], whole)


@pytest.mark.parametrize("similarities", [1, 700, 7000, 10**9])
def test_the_search_of_other_devices_gives_the_rows_of_faiss(similarities, monkeypatch):
    train, test = pair()
    _, at = by_index(train, test, 30)
    bank, queries = F.normalize(train), F.normalize(test)
    assert torch.equal(by_blocks(bank, queries, 30, similarities)[1], at)
    # With the bank in blocks, too, through the whole of `search`.
    monkeypatch.setattr(nearest, "BANK_BLOCK", 24 * 64)
    monkeypatch.setattr(nearest, "_by_faiss", by_blocks)
    assert torch.equal(search(train, test, 30)[1], at)


def test_equal_similarities_come_in_the_order_of_the_bank_across_blocks(monkeypatch):
    train = torch.tensor([[0.0, 1], [1, 0], [2, 0], [3, 0], [0, 2]])
    for numbers in (2, 4, 100):
        monkeypatch.setattr(nearest, "BANK_BLOCK", numbers)
        similarity, row = search(train, torch.tensor([[1.0, 0]]), 5)
        assert row.tolist() == [[1, 2, 3, 0, 4]]
        assert similarity.tolist() == [[1, 1, 1, 0, 0]]


def test_memory_does_not_grow_with_the_bank(monkeypatch):
    monkeypatch.setattr(nearest, "BANK_BLOCK", 2**14)
    test, train = torch.randn(10, 64), torch.randn(8000, 64)
    small, large = (
        peak_bytes(lambda bank=bank: search(bank, test, 5)) for bank in (train[:1000], train)
    )
    assert large < 1.2 * small


def test_all_blocks_are_normalised_in_the_same_memory(monkeypatch):
    train, test = pair()
    whole, blocks = search(train, test, 30)[1], []
    monkeypatch.setattr(nearest, "BANK_BLOCK", 24 * 100)
    # The list keeps every block alive, so that two of them have the same memory only if given it.
    monkeypatch.setattr(
        nearest, "_by_faiss", lambda bank, *rest: blocks.append(bank) or by_blocks(bank, *rest)
    )
    assert torch.equal(search(train, test, 30)[1], whole)
    assert len(blocks) == 7 and len({block.data_ptr() for block in blocks}) == 1
