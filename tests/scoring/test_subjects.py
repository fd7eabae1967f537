from pathlib import Path

import pytest
import torch
from blobs import problem
from other_device import DEVICE, OtherDevice

from manyviews import runs, scoring
from manyviews.evaluation.subject import Subject
from manyviews.scoring import subjects


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
    monkeypatch.setattr(subjects, "_device", lambda: DEVICE)
    room = 4 * 310 * 6 * 4
    for free, expected in ((room - 1, "cpu"), (room, DEVICE.type)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda free=free: (free, 10**9))
        with OtherDevice():
            moved = subjects.on_device({"trained": subject})["trained"]
        parts = moved.train, moved.test, moved.val
        assert {part.embedding.device.type for part in parts} == {expected}
