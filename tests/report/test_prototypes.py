import numpy as np
import pytest
from report_run import HOSTILE

from manyviews import report
from manyviews.report.prototypes import prototypes


def arrays():
    """Four prototypes, of which the second and the last are used."""
    return {
        "prototype_share": np.array([0.0, 0.75, 0.0, 0.25]),
        "prototypes": np.array([1, 3, 0]),
        "prototype_images": np.zeros((3, 2, 1, 8, 8), np.uint8),
        "prototype_label": np.array([[0, 1], [2, -1], [0, 0]]),
    }


def test_use_and_its_entropy_are_those_of_the_shares():
    found = prototypes(arrays(), HOSTILE)
    assert (found.all, found.used) == (4, 2)
    assert found.entropy == pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25))
    assert found.most == pytest.approx(np.log(4))
    assert [(p.number, p.share) for p in found.shown] == [(1, 0.75), (3, 0.25), (0, 0.0)]
    assert [near.label for near in found.shown[1].nearest] == ["a|b", "unknown"]


def test_the_page_shows_the_most_used_prototypes_with_what_is_nearest(run):
    gallery = dict(np.load(run / "report" / "gallery.npz"))
    np.savez(run / "report" / "gallery.npz", **arrays(), **gallery)
    text = report.write(run).read_text()
    assert "2 of 4 prototypes are the nearest one to some of the train images" in text
    assert "prototype 1<br>75.0 %" in text and text.count('alt="near prototype 3"') == 2
    assert HOSTILE[0] not in text


def test_a_page_without_prototypes_has_no_such_section(run):
    assert "Prototypes" not in report.write(run).read_text()


def test_a_run_of_swav_has_its_prototypes_in_the_report(done):
    with np.load(done.report.with_name("gallery.npz")) as arrays:
        assert arrays["prototype_share"].sum() == pytest.approx(1)
        assert arrays["prototype_images"].shape[:2] == (8, 6)
        assert set(arrays["prototype_label"].flat) <= {0, 1}
    assert 'id="prototypes"' in done.report.with_name("index.html").read_text()
