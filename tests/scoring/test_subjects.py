import json
from pathlib import Path

import pytest
import torch
from blobs import problem
from other_device import DEVICE, OtherDevice
from pictures import write_folder

from manyviews import runs, scoring
from manyviews.datamodules.images.custom import folder
from manyviews.errors import RunFailed
from manyviews.evaluation.subject import Subject
from manyviews.scoring import subjects

LOW_SHOT = ["evaluation=[low_shot]", "evaluation.low_shot.headline=subset"]


def test_ranks_extract_the_features_of_the_report_together(ranks, small, config_dir, monkeypatch):
    """They lie in the cache when the ranks part, so that rank 0 alone extracts nothing."""
    group = [*small, "trainer.devices=2"]
    ranks(2)("on_ranks.pretrain", str(Path.cwd()), group, config_dir)
    run = runs.load(next(Path("runs").iterdir()))
    assert not run.report.exists()
    monkeypatch.setattr(subjects, "extract", lambda *_: pytest.fail("extracted on one process"))
    (report,) = scoring.evaluate([f"run={run.path}", "evaluation=[knn]", "logger=null"]).reports
    assert report.is_file()


def test_embeddings_are_moved_to_a_device_if_there_is_room(monkeypatch):
    subject = Subject(problem(240), problem(40), 3, problem(30))  # 6 dimensions of 4 bytes
    monkeypatch.setattr(subjects, "extraction_device", lambda: DEVICE)
    room = 4 * 310 * 6 * 4
    for free, expected in ((room - 1, "cpu"), (room, DEVICE.type)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda free=free: (free, 10**9))
        with OtherDevice():
            moved = subjects.on_device({"trained": subject})["trained"]
        parts = moved.train, moved.test, moved.val
        assert {part.embedding.device.type for part in parts} == {expected}


@pytest.fixture
def photos(tmp_path):
    """Images of many sizes; both class folders hold files of the same names."""
    root = write_folder(tmp_path / "photos", count=40, shape=lambda i: (16 + i % 3, 16))
    for i, file in enumerate(sorted((root / "down").iterdir())):
        file.rename(file.with_name(f"{2 * i:03}.png"))
    return root


def listed(root, lines):
    """What was drawn if a file lists these training items."""
    (file := root.with_name("list.txt")).write_text("\n".join(lines))
    options = [f"data.path={root}", "data.size=16", f"evaluation.low_shot.subset={file}"]
    done = scoring.evaluate(
        ["backbone=resnet_tiny", "data=folder", "logger.wandb=null", *LOW_SHOT, *options]
    )
    scores = json.loads(done.reports[0].read_text())["scores"]
    (row,) = [s for s in scores if (s["subject"], s["metric"]) == ("trained", "top1")]
    return row["details"]["items"], row["details"]["positions"]


def test_a_list_of_paths_draws_the_same_files_as_a_list_of_rows(photos):
    paths = [
        path.relative_to(photos).as_posix() for path in folder(str(photos), size=16).train.paths
    ]
    rows = [2, 11, 25]
    assert len({paths[row].partition("/")[0] for row in rows}) == 2
    by_path = listed(photos, [paths[row] for row in rows])
    assert by_path == listed(photos, map(str, rows))
    assert by_path[0] == 3


def test_a_bare_name_that_two_class_folders_share_is_refused_in_one_line(photos):
    train = folder(str(photos), size=16).train.paths
    (name, *_) = [path.name for path in train if sum(p.name == path.name for p in train) == 2]
    with pytest.raises(RunFailed, match=f"such as '{name}', fit several training items; put"):
        listed(photos, [name])
