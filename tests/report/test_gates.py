import numpy as np
from contract import overrides
from report_run import HOSTILE

from manyviews import report, train


def test_the_page_shows_the_gates_of_every_pair_of_classes_with_their_names(run):
    gallery = dict(np.load(run / "report" / "gallery.npz"))
    gates = np.eye(9) / 2 + 0.25
    np.savez(run / "report" / "gallery.npz", gates=gates, gate_classes=np.array(HOSTILE), **gallery)
    text = report.write(run).read_text()
    assert text.count(">0.75</td>") == 9 and text.count(">0.25</td>") == 72
    assert "Gates" in text and HOSTILE[0] not in text


def test_a_page_without_gates_has_no_such_section(run):
    assert "Gates" not in report.write(run).read_text()


def test_a_run_of_hydra_has_its_gates_in_the_report(config_dir):
    done = train.pretrain([*overrides("hydra"), "epochs=1", "backbone=speck"], config_dir)
    with np.load(done.report.with_name("gallery.npz")) as arrays:
        assert arrays["gate_classes"].tolist() == ["across", "down"]
        assert arrays["gates"].shape == (2, 2) and (0 < arrays["gates"]).all()
    assert "<th>across</th>" in done.report.with_name("index.html").read_text()
