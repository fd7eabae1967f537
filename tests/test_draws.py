import torch
from scipy import stats

from manyviews import draws


def test_draws_do_not_depend_on_the_batch_they_come_in():
    together = draws.uniform(3, 5, torch.arange(64), 1, "crop", 4)
    alone = torch.cat([draws.uniform(3, 5, torch.tensor([i]), 1, "crop", 4) for i in range(64)])
    assert torch.equal(together, alone)


def test_more_draws_begin_with_the_same_numbers():
    few = draws.uniform(0, 0, torch.arange(8), 0, "crop", 3)
    many = draws.uniform(0, 0, torch.arange(8), 0, "crop", 9)
    assert torch.equal(few, many[:, :3])


def test_each_argument_changes_the_numbers():
    base = (1, 2, torch.arange(50), 3, "crop", 2)
    changed = [(9, *base[1:]), (1, 9, *base[2:]), (*base[:3], 9, *base[4:]), (*base[:4], "flip", 2)]
    for other in changed:
        assert not (draws.uniform(*base) == draws.uniform(*other)).any()


def test_numbers_are_uniform_and_uncorrelated_between_slots_and_rows():
    numbers = draws.uniform(0, 0, torch.arange(100_000), 0, "crop", 2).double()
    assert 0 <= numbers.min() and numbers.max() < 1
    counts = torch.histc(numbers, 64, 0, 1)
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3
    assert abs(torch.corrcoef(numbers.T)[0, 1]) < 0.01
    assert abs(torch.corrcoef(torch.stack([numbers[:-1, 0], numbers[1:, 0]]))[0, 1]) < 0.01


def test_several_purposes_at_once_have_the_numbers_of_each_alone():
    rows, wanted = torch.arange(9), [(0, "crop", 3), (1, "crop", 5), (1, "flip", 1)]
    together = draws.uniforms(2, 7, rows, wanted)
    alone = [draws.uniform(2, 7, rows, *of) for of in wanted]
    assert all(map(torch.equal, together, alone))
    assert draws.uniforms(2, 7, rows, []) == []


def test_values_are_the_same_in_every_version():
    # Written down once: a change would silently change every run that resumes.
    numbers = draws.uniform(0, 0, torch.tensor([0, 1]), 0, "crop", 2)
    expected = [[1592490, 8822060], [1516617, 4429869]]
    assert torch.equal((numbers * 2**24).long(), torch.tensor(expected))


def test_permutation_holds_every_row_once_and_changes_with_the_epoch():
    first, second = (draws.permutation(0, epoch, 1000) for epoch in (0, 1))
    assert torch.equal(first.sort().values, torch.arange(1000))
    assert not torch.equal(first, second)
    assert torch.equal(first, draws.permutation(0, 0, 1000))


def test_seed_of_a_step_is_what_torch_takes():
    seeds = {draws.step_seed(0, step, rank) for step in range(50) for rank in range(2)}
    assert len(seeds) == 100
    for seed in seeds:
        torch.manual_seed(seed)
