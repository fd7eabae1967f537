import io
import os
import pickle
import resource
from pathlib import Path

import pytest
import torch

from manyviews import checkpoints
from manyviews.checkpoints import BEST, LAST, PREVIOUS, Torn
from manyviews.errors import ConfigError, NotSaved

CONTENT = {"state_dict": {"w": torch.arange(1000.0)}, "global_step": 7, "epochs": 2}
HERE = Path()


def write(step=7, name=LAST):
    checkpoints.write(HERE / name, {**CONTENT, "global_step": step})


def test_it_is_read_as_it_was_written_by_torch_too():
    write()
    for read in (checkpoints.read(HERE / LAST), torch.load(LAST, weights_only=True)):
        assert torch.equal(read["state_dict"]["w"], torch.arange(1000.0))
        assert (read["global_step"], read["format_version"]) == (7, 1)


def test_the_previous_checkpoint_is_kept_and_the_newest_is_found():
    for step in (1, 2, 3):
        write(step)
    assert sorted(p.name for p in HERE.iterdir()) == [LAST, PREVIOUS]
    assert checkpoints.read(HERE / PREVIOUS)["global_step"] == 2
    saved = checkpoints.newest(HERE)
    assert (saved.path.name, saved.step, saved.epochs, saved.torn) == (LAST, 3, 2, ())


def test_a_crash_between_the_renames_leaves_the_previous_checkpoint():
    write(1)
    Path(LAST).rename(PREVIOUS)
    assert checkpoints.newest(HERE).step == 1


def damaged(kind, content):
    if kind == "truncated":
        return content[:-100]
    if kind == "empty":
        return b""
    at = {"flipped": len(content) // 2, "first bit": 0, "last bit": len(content) - 1}[kind]
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("kind", ["truncated", "empty", "flipped", "first bit", "last bit"])
def test_damage_is_named_and_the_previous_checkpoint_is_found(kind):
    write(1)
    write(2)
    Path(LAST).write_bytes(damaged(kind, Path(LAST).read_bytes()))
    saved = checkpoints.newest(HERE)
    assert saved.path.name == PREVIOUS and saved.step == 1
    assert str(saved.torn[0]).startswith(
        f"{LAST} is cut short" if kind in ("truncated", "empty") else f"{LAST} was changed"
    )
    checkpoints.set_aside(saved)
    write(3)  # does not push out the whole one
    assert checkpoints.read(HERE / PREVIOUS)["global_step"] == 1
    assert Path("last.torn").is_file()


def test_without_a_whole_one_nothing_begins_anew_by_itself():
    write()
    Path(LAST).write_bytes(b"torn")
    with pytest.raises(
        ConfigError, match="no earlier checkpoint: delete the file to start at step 0"
    ):
        checkpoints.newest(HERE)


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("owned",)


@pytest.mark.parametrize("signed", [False, True])
def test_a_malicious_pickle_is_refused_and_not_run(signed):
    buffer = io.BytesIO()
    torch.save({**CONTENT, "format_version": 1, "evil": Malicious()}, buffer)
    content = buffer.getvalue()
    if signed:  # with a checksum that fits
        import hashlib

        content += b"manyview" + hashlib.sha256(content).digest()
    Path(LAST).write_bytes(content)
    with pytest.raises(Torn, match="cut short" if not signed else "more than tensors and numbers"):
        checkpoints.read(HERE / LAST)
    Path(LAST).write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(Torn):
        checkpoints.read(HERE / LAST)
    assert not Path("owned").exists()


def test_another_format_version_is_named():
    checkpoints.write(HERE / LAST, {**CONTENT, "format_version": 99})
    with pytest.raises(ConfigError, match="format_version 99, not 1"):
        checkpoints.newest(HERE)


def test_a_full_disk_leaves_the_previous_checkpoint_and_no_partial_file():
    """Limit the size of files, which makes writes fail as on a full disk."""
    write(1)
    big = {**CONTENT, "state_dict": {"w": torch.zeros(1_000_000)}}
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
    try:
        with pytest.raises(NotSaved, match=r"cannot write last.ckpt \(File too large\).*intact"):
            checkpoints.write(HERE / LAST, big)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert checkpoints.newest(HERE).step == 1
    assert [p.name for p in HERE.iterdir()] == [LAST]


def test_a_folder_that_went_away_is_reported_in_one_line():
    with pytest.raises(NotSaved, match=r"cannot write gone/last.ckpt \(No such file"):
        checkpoints.write(HERE / "gone" / LAST, CONTENT)


def test_what_an_evaluation_asks_for_is_found_or_told():
    with pytest.raises(ConfigError, match="holds no checkpoint yet"):
        checkpoints.resolve(HERE, "last")
    write(1)
    write(2, BEST)
    assert checkpoints.resolve(HERE, "last").name == LAST
    assert checkpoints.resolve(HERE, "best").name == BEST
    assert checkpoints.resolve(HERE, str(HERE / BEST)) == HERE / BEST
    with pytest.raises(ConfigError, match="ckpt=nowhere: nowhere does not exist; type ckpt=last"):
        checkpoints.resolve(HERE, "nowhere")


def test_an_init_that_does_not_exist_is_named():
    with pytest.raises(ConfigError, match="init=nowhere is neither a run folder nor a file"):
        checkpoints.find("nowhere")


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 100])
def test_a_file_without_our_ending_has_no_digest(content):
    path = HERE / "other.ckpt"
    path.write_bytes(content)
    assert checkpoints.digest(path) is None and not checkpoints.is_ours(path)
