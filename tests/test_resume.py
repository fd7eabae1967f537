"""A run that was killed, stopped or moved equals the one that was left alone."""

from pathlib import Path

import contract
import killer
import on_ranks
import pytest
import torch
import unscored
from pictures import noise, write_folder
from same import assert_same, logged, result

from manyviews import checkpoints, runs, train
from manyviews.callbacks.stop import Stop
from manyviews.errors import ConfigError, Interrupted


@pytest.fixture(autouse=True)
def without_scores(monkeypatch):
    """Training is what is compared; evaluation has tests of its own."""
    monkeypatch.setattr(train.scoring, "make", unscored.make)


def whole(name, config_dir, *more):
    return train.pretrain([*contract.overrides(name, *more), "runs=whole"], config_dir)


def content(run):
    return result(checkpoints.read(run.saved.path))


def assert_equal_runs(run, reference):
    assert_same(content(run), content(reference))
    assert logged(run.path) == logged(reference.path)


def in_sessions(count, overrides, config_dir):
    """The run of a command that is stopped in each session but the last."""
    for _ in range(count - 1):
        with pytest.raises(Interrupted, match="the same command continues"):
            train.pretrain(overrides, config_dir)
    return train.pretrain(overrides, config_dir)


def overrides_of(name, *more):
    """SwAV with a ResNet; the others, whose own state is what matters, with hardly a network."""
    return contract.overrides(name, *([] if name == "swav" else contract.speck(name)), *more)


# Whatever the method, checkpoints are written by the same code: one is killed at every moment.
KILLS = {"swav": [("step", 1), ("write", 2), ("step", 5), ("rename", 2), ("step", 11), None]}


@pytest.mark.slow
@pytest.mark.parametrize("name", contract.METHODS)
def test_a_run_killed_at_any_moment_ends_as_if_nothing_had_happened(name, config_dir):
    overrides, kills = overrides_of(name), KILLS.get(name, [("step", 5), None])
    codes = [killer.pretrain(overrides, config_dir, kill) for kill in kills]
    assert codes == [-9] * (len(kills) - 1) + [0]
    # In a process alike: bits depend on the number of threads.
    assert killer.pretrain([*overrides, "runs=whole"], config_dir) == 0
    killed, undisturbed = (runs.load(next(Path(p).iterdir())) for p in ("runs", "whole"))
    assert_equal_runs(killed, undisturbed)


def test_a_run_whose_workers_read_files_continues_in_mid_epoch(config_dir, monkeypatch):
    write_folder(Path("many"), count=64, shape=lambda i: (20 + i % 5, 22))
    files = ["data=folder", "data.path=many", "data.size=16", "data.workers=2"]
    asked = iter([False, True, False, True, *[False] * 20])
    with monkeypatch.context() as patched:
        patched.setattr(Stop, "requested", lambda self: next(asked))
        last = in_sessions(3, contract.overrides("swav", *files), config_dir)
    assert_equal_runs(last, whole("swav", config_dir, *files))


def test_a_run_does_not_continue_on_other_images(config_dir, monkeypatch):
    write_folder(Path("many"), count=64)
    files = ["data=folder", "data.path=many"]
    with monkeypatch.context() as patched:
        patched.setattr(Stop, "requested", lambda self: True)
        with pytest.raises(Interrupted):
            train.pretrain(contract.overrides("swav", *files), config_dir)
    noise(16, 16).save("many/across/new.png")
    with pytest.raises(ConfigError, match=r"begun with other data \(train 58 images .*, now 59"):
        train.pretrain(contract.overrides("swav", *files), config_dir)


# A stop is the same code for all methods, and gentler than the kills: here are one method, one with
# dropout in its trunk, and one that keeps an average of its weights.
STOPPED = [("swav", None), ("swav", "backbone=noisy"), ("rebar", None)]


@pytest.mark.parametrize(("name", "more"), STOPPED)
def test_a_run_stopped_after_any_step_ends_as_if_nothing_had_happened(
    name, more, config_dir, monkeypatch
):
    more = [more] if more else []
    asked = iter([False, True, False, False, True, True, *[False] * 20])
    overrides = contract.overrides(name, *more)  # may train a retriever
    with monkeypatch.context() as patched:
        patched.setattr(Stop, "requested", lambda self: next(asked))
        last = in_sessions(4, overrides, config_dir)
    assert_equal_runs(last, whole(name, config_dir, *more))


def joined(batch):
    """Positions, then each view, of the ranks' shares of a batch."""
    positions, views = zip(*batch, strict=True)
    return [torch.cat(positions), *map(torch.cat, zip(*views, strict=True))]


# Each number of processes, and the step behind which it stops; the moves, too, are the same code.
MOVES = {"swav": ((1, 1), (2, 3), (4, 6), (1, None))}


@pytest.mark.slow
@pytest.mark.parametrize("name", contract.METHODS)
def test_a_run_moves_between_numbers_of_processes(name, config_dir, ranks):
    more = ["trainer.precision=64-true", "epochs=2"]
    overrides = [*overrides_of(name, *more), "trainer.devices=auto"]
    here, seen = str(Path.cwd()), []
    for world, stop in MOVES.get(name, ((2, 3), (1, None))):
        group = [*overrides, f"trainer.devices={world}"]
        found = ranks(world)("on_ranks.pretrain", here, group, config_dir, stop)
        seen += [joined(batch) for batch in zip(*found, strict=True)]
    expected = on_ranks.pretrain(here, [*overrides, "runs=whole"], config_dir)
    assert len(seen) == len(expected) == 8
    for ours, theirs in zip(seen, map(joined, zip(expected)), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    moved, reference = (runs.load(next(Path(p).iterdir())) for p in ("runs", "whole"))
    ours, theirs = content(moved), content(reference)
    for key, value in theirs["state_dict"].items():
        torch.testing.assert_close(ours["state_dict"][key], value, rtol=1e-9, atol=1e-9)
    for mine, other in zip(logged(moved.path), logged(reference.path), strict=True):
        assert mine == pytest.approx(other, rel=1e-7)


def test_a_torn_checkpoint_is_named_and_the_one_before_is_used(small, config_dir, capsys):
    reference = train.pretrain([*small, "runs=whole"], config_dir)
    done = train.pretrain(small, config_dir)
    last = done.saved.path
    flipped = bytearray(last.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    last.write_bytes(flipped)
    capsys.readouterr()
    again = train.pretrain(small, config_dir)
    said = capsys.readouterr().out
    assert "last.ckpt was changed since it was written" in said
    assert "going on from previous.ckpt, step 4" in said
    assert (last.parent / "last.torn").read_bytes() == bytes(flipped)
    assert_equal_runs(again, reference)


def test_an_init_takes_over_weights_and_begins_at_step_0(done, small, config_dir):
    overrides = [*small, f"init={done.path}", "optimizer.lr=0.0", "optimizer.weight_decay=0.0"]
    run = train.pretrain(overrides, config_dir)
    assert run.path != done.path and run.saved.step == 8
    before, after = (checkpoints.read(r.saved.path)["state_dict"] for r in (done, run))
    for name, value in before.items():
        if name.endswith(("weight", "bias")) and name != "prototypes.weight":
            assert torch.equal(value, after[name]), name
    assert f"init={done.path}" in (run.path / "overrides.txt").read_text()


def test_an_init_from_another_method_takes_the_backbone_alone(done, small, config_dir, capsys):
    overrides = [o for o in small if not o.startswith("method.")]
    overrides += ["method=barlow_twins", "method.hidden_dim=8", "method.projection_dim=8"]
    train.pretrain([*overrides, f"init={done.path}"], config_dir)
    assert "begins with" in (said := capsys.readouterr().out)
    held = len(train.build.backbone(done.config, train.build.data(done.config)).state_dict())
    assert f"{held} of " in said
