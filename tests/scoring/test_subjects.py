from pathlib import Path

import pytest

from manyviews import runs, scoring
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
