import itertools

import numpy as np
import pytest
import torch

from manyviews.datamodules.series.public.motif_states import (
    DWELL,
    MOTIF,
    STEPS,
    generate,
    motif_bank,
    motif_states,
)


def made(**changed):
    given = {"bank": 0, "seed": 0, "users": 3, "noise": 0.2, "motifs": 2, "gap": (4, 19)}
    return generate(**(given | changed))


def runs(label):
    """The state and the steps of every bout."""
    return [(state, len(list(same))) for state, same in itertools.groupby(label.tolist())]


def test_motifs_have_no_mean_unit_size_and_twins_that_run_backwards():
    bank = motif_bank(np.random.default_rng(0), 4)
    assert bank.shape == (5, 4, MOTIF, 3)
    assert np.abs(bank.mean(2)).max() < 1e-12
    assert np.allclose((bank**2).mean(2), 1)
    assert np.array_equal(bank[1], bank[0, :, ::-1]) and np.array_equal(bank[3], bank[2, :, ::-1])


def test_twins_have_one_spectrum_but_are_not_alike():
    first, second = motif_bank(np.random.default_rng(0), 2)[:2]
    spectrum = [np.abs(np.fft.rfft(motif, axis=1)) for motif in (first, second)]
    assert np.allclose(*spectrum)
    assert np.abs(first - second).max() > 0.5


def test_numbers_depend_on_the_seeds_alone():
    assert torch.equal(made().recordings.value, made().recordings.value)
    assert not torch.equal(made().recordings.value, made(seed=1).recordings.value)
    assert not torch.equal(made().recordings.value, made(bank=1).recordings.value)


def test_more_users_leave_the_first_as_they_are():
    few, many = made(users=2).recordings, made(users=4).recordings
    assert torch.equal(few.value, many.value[: 2 * STEPS])


def test_states_last_as_long_as_they_should_and_never_follow_themselves():
    recordings = made(users=8).recordings
    for user in range(8):
        bouts = runs(recordings.label[user * STEPS : (user + 1) * STEPS])
        assert all(DWELL[0] <= steps <= DWELL[1] for _, steps in bouts[:-1])
    assert recordings.label.unique().tolist() == [0, 1, 2, 3, 4]


def test_motifs_lie_inside_one_state_with_gaps_between_them():
    states = made()
    start, end = states.start, states.start + states.length
    label = states.recordings.label
    inside = torch.stack([label[a:b].unique() for a, b in zip(start, end, strict=True)])
    assert inside.shape == (len(start), 1)
    assert torch.equal(inside[:, 0], label[start])
    gap = start[1:] - end[:-1]
    same = (label[start[1:]] == label[start[:-1]]) & (gap < MOTIF)
    assert gap[same].min() == 4 and gap[same].max() == 19


def test_without_noise_the_motif_of_the_bank_is_what_is_there():
    states = made(noise=0.0, users=1)
    start, length = int(states.start[0]), int(states.length[0])
    there = states.recordings.value[start : start + length].double().numpy()
    shape = states.bank[int(states.recordings.label[start]), int(states.motif[0])]
    across = np.linspace(0, MOTIF - 1, length)
    wanted = np.stack([np.interp(across, np.arange(MOTIF), c) for c in shape.T])
    correlation = [np.corrcoef(a, b)[0, 1] for a, b in zip(there.T, wanted, strict=True)]
    assert correlation == pytest.approx([1, 1, 1], abs=1e-6)


def test_noise_has_the_size_and_the_memory_asked_for():
    noise = made(noise=0.6).recordings.value - made(noise=0.0).recordings.value
    assert noise.std(0).tolist() == pytest.approx([0.6] * 3, rel=0.03)
    memory = (noise[1:] * noise[:-1]).mean() / noise.var()
    assert float(memory) == pytest.approx(0.7, abs=0.02)


def test_hard_variant_has_more_motifs_and_wider_gaps():
    states = made(motifs=4, gap=[4, 39])
    assert states.motif.unique().tolist() == [0, 1, 2, 3]


def test_sixteen_users_train_and_eight_unseen_ones_test():
    splits = motif_states()
    assert len(splits.train.label) == 512 and len(splits.test.label) == 256
    assert not set(splits.train.subject.tolist()) & set(splits.test.subject.tolist())
    assert splits.classes == ("state 0", "state 1", "state 2", "state 3", "state 4")
    assert (splits.train.label == -1).float().mean() < 0.3
