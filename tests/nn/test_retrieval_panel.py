import numpy as np
import torch
from report_run import HOSTILE, retrieved

from manyviews.nn.retrieval_panel import SHOWN, retrieval_panel, shaded


def blank(windows):
    return np.zeros((len(windows), 3, 8, 128), np.uint8)


def test_candidates_come_by_their_error_and_the_best_is_chosen():
    found = retrieved()
    pictures = retrieval_panel(found, blank, HOSTILE).blocks[0]
    for row, errors in zip(pictures.rows, found.error.mT.tolist(), strict=True):
        said = [p.caption.split(",")[0] for p in row[1:]]
        assert said == [f"{error:.4g}" for error in sorted(errors)[:SHOWN]]
        assert ["chosen" in p.caption for p in row[1:]] == [True] + [False] * (SHOWN - 1)


def test_a_candidate_is_of_another_class_only_where_both_are_known():
    found = retrieved()
    pictures = retrieval_panel(found, blank, HOSTILE).blocks[0]
    for q, row in enumerate(pictures.rows):
        order = found.error[:, q].argsort()[:SHOWN]
        own, labels = int(found.label[0, q]), found.label[1:, q][order].tolist()
        expected = [c not in (-1, own) and own != -1 for c in labels]
        assert [p.mark == "wrong" for p in row[1:]] == expected
    assert pictures.rows[2][0].caption == "unknown"


def test_hidden_steps_are_darker_and_the_others_as_they_were():
    white = np.full((3, 4, 160), 255, dtype=np.uint8)
    found = shaded(white, np.arange(80) >= 20)
    assert (found[:, :, :40] == 255).all() and (found[:, :, 40:] < 230).all()


def test_rebuilt_steps_are_the_hidden_ones_in_a_plot_for_each_channel():
    found = retrieved(channels=2)
    plots = retrieval_panel(found, blank, HOSTILE).blocks[2:]
    assert len(plots) == 2
    for channel, plot in enumerate(plots):
        rebuilt = plot.lines[1]
        assert rebuilt.dots and rebuilt.x == found.hidden.nonzero()[:, 0].tolist()
        expected = found.rebuilt[0, channel][found.hidden]
        torch.testing.assert_close(torch.tensor(rebuilt.y).double(), expected)
