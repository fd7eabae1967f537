import pytest
import torch

from manyviews.datamodules.images.splits import Images
from manyviews.datamodules.loader import EpochLoader
from manyviews.errors import ConfigError

IMAGE = torch.zeros(50, 1, 4, 4, dtype=torch.uint8)
LABEL = torch.arange(50)


def loader(**changes):
    return EpochLoader(Images(IMAGE, LABEL), None, **{"batch_size": 12, "seed": 0, **changes})


def positions(source):
    return [sample.position.tolist() for sample in source]


@pytest.mark.parametrize("world", [2, 4])
def test_ranks_together_see_the_batches_of_one_process(world):
    alone = positions(loader())
    shares = [positions(loader(rank=r, world=world)) for r in range(world)]
    assert [sum(parts, []) for parts in zip(*shares, strict=True)] == alone


def test_an_epoch_drops_the_incomplete_batch_and_repeats_nothing():
    batches = positions(loader())
    assert [len(b) for b in batches] == [12] * 4 == [12] * len(loader())
    assert len({p for b in batches for p in b}) == 48


def test_epochs_have_different_orders():
    source = loader()
    first = positions(source)
    source.set_epoch(1)
    assert positions(source) != first


def test_a_loader_restored_in_mid_epoch_continues_behind_the_last_batch():
    whole = positions(loader())
    source = loader()
    iterator = iter(source)
    for _ in range(2):
        next(iterator)
    restored = loader()
    restored.load_state_dict(source.state_dict())
    restored.set_epoch(0)  # Lightning says the epoch after it restored the state
    assert positions(restored) == whole[2:]


def test_an_epoch_that_ended_leaves_no_empty_epoch_behind():
    source = loader()
    positions(source)
    source.set_epoch(1)
    assert len(positions(source)) == 4


def test_image_label_and_position_belong_together():
    for sample in loader():
        assert torch.equal(sample.label, sample.position)


def test_batch_larger_than_the_set_is_one_line():
    with pytest.raises(ConfigError, match="batch_size=51 does not fit a training set of 50 images"):
        loader(batch_size=51)


def test_batch_that_ranks_cannot_share_is_one_line():
    with pytest.raises(
        ConfigError, match="batch_size=12 cannot be shared by 5 processes.*type batch_size=10"
    ):
        loader(world=5)


@pytest.mark.parametrize("world", [1, 2])
def test_pieces_of_all_ranks_make_the_global_batch(world):
    alone = positions(loader())
    shares = [positions(loader(rank=r, world=world, pieces=3)) for r in range(world)]
    pieces = [sum(parts, []) for parts in zip(*shares, strict=True)]
    assert [sum(pieces[i : i + 3], []) for i in range(0, len(pieces), 3)] == alone
