"""The protocol of one's own in docs/evaluation.md, used as it is printed there."""

import json
import re
import sys
from pathlib import Path

from manyviews import scoring

DOCS = Path(__file__).parents[2] / "docs" / "evaluation.md"


def test_the_example_in_the_docs_is_a_protocol(done_here, tmp_path, monkeypatch):
    blocks = dict(re.findall(r"```(python|yaml)\n(.*?)```", DOCS.read_text(), re.DOTALL))
    (tmp_path / "mine.py").write_text(blocks["python"])
    file = tmp_path / "my_conf" / "evaluation" / "nearest.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(blocks["yaml"])
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("MANYVIEWS_TRUST", "mine,small_data.")
    overrides = [f"run={done_here.path}", "evaluation=[nearest]", "logger.wandb=null"]
    (path,) = scoring.evaluate(overrides, str(tmp_path / "my_conf")).reports
    sys.modules.pop("mine")
    card = json.loads(path.read_text())
    rows = [s for s in card["scores"] if s["protocol"] == "nearest@1"]
    assert {s["subject"] for s in rows} == {"trained", "random", "raw"}
    assert {s["split"] for s in rows} == {"test", "val"}
    assert {s["metric"] for s in rows} == {"top1", "balanced_accuracy", "macro_f1"}
    page = path.with_name("index.html").read_text()
    assert 'id="nearest@1/predicted"' in page and "How often each class is predicted" in page
