import hashlib
import json

import on_ranks
import pytest
import torch
from blobs import problem
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F

from manyviews.errors import ConfigError
from manyviews.evaluation.protocols.low_shot import LowShot, ranks
from manyviews.evaluation.subject import Subject
from manyviews.evaluation.suite import score

PER_CLASS, SHARES = [1, 2, 4, 8, 16], [0.01, 0.1]


def probe(**more):
    return LowShot(1, **{"per_class": PER_CLASS, "shares": SHARES, **more})


def drawn(label, position, take, draw=0):
    """The positions of a draw of `take` items per class."""
    return set(position[ranks(label, position, 0, draw) < take].tolist())


def test_draws_are_stratified_and_nested():
    label, position = torch.arange(300) % 7, torch.arange(300) * 3
    for draw in range(5):
        cells = [drawn(label, position, n, draw) for n in (1, 2, 4, 8, 16)]
        for n, fewer, more in zip(PER_CLASS, cells, cells[1:], strict=False):
            assert fewer < more
            assert (
                label[torch.isin(position, torch.tensor([*fewer]))].bincount().tolist() == [n] * 7
            )


def test_draws_differ_from_each_other_and_between_seeds():
    label, position = torch.arange(300) % 3, torch.arange(300)
    found = {frozenset(drawn(label, position, 4, draw)) for draw in range(5)}
    found |= {frozenset(position[ranks(label, position, 1, 0) < 4].tolist())}
    assert len(found) == 6


def test_every_item_is_drawn_equally_often():
    label, position = torch.zeros(20).long(), torch.arange(20)
    often = torch.stack([ranks(label, position, 0, d) < 5 for d in range(2000)]).double().mean(0)
    assert (often - 0.25).abs().max() < 0.05


def test_draws_and_answers_do_not_depend_on_the_order_of_the_rows():
    train, test = problem(300), problem(seed=1)
    mixed = train.rows(torch.randperm(300, generator=torch.Generator().manual_seed(0)))
    first, second = (probe()(Subject(t, test, 3)) for t in (train, mixed))
    for cell, draws in first.items():
        assert draws.details == second[cell].details
        for a, b in zip(draws.answers, second[cell].answers, strict=True):
            assert torch.equal(a.top1, b.top1)
            torch.testing.assert_close(a.scores, b.scores)


def test_cells_have_their_number_of_items_and_the_headline_is_one_of_them():
    found = probe()(Subject(problem(900), problem(seed=1), 3))
    items = {cell: draws.details["items"] for cell, draws in found.items()}
    assert items == {"": 90, "n1": 3, "n2": 6, "n4": 12, "n8": 24, "n16": 48, "p1": 9, "p10": 90}
    assert found[""] is found["p10"] and len(found["n1"].answers) == 5
    assert len(set(found["n1"].details["positions"])) == 5


def test_probabilities_are_scikit_learn_s_at_the_fixed_cost():
    train, test = problem(300), problem(seed=1)
    answer = probe(cost=0.5)(Subject(train, test, 3))["n16"].answers[2]
    rows = (ranks(train.label, train.position, 0, 2) < 16).nonzero()[:, 0]
    x, x_test = (F.normalize(e.double(), dim=1) for e in (train.embedding[rows], test.embedding))
    theirs = LogisticRegression(C=0.5, tol=1e-10, max_iter=5000).fit(x, train.label[rows])
    expected = torch.from_numpy(theirs.predict_proba(x_test))
    torch.testing.assert_close(answer.scores, expected, atol=0.02, rtol=0)


def test_a_class_with_fewer_items_gives_all_of_them_and_is_named(caplog):
    train = problem(300)
    few = train.rows(torch.cat([torch.arange(300)[train.label != 1], torch.tensor([1, 4, 7])]))
    found = probe()(Subject(few, problem(seed=1), 3, class_names=("ant", "bee", "cow")))
    assert "classes_with_fewer" not in found["n2"].details
    assert found["n8"].details["classes_with_fewer"] == ["bee"]
    assert found["n8"].details["items"] == 8 + 3 + 8
    assert "n8: classes with fewer than 8 items: bee" in caplog.text


def test_a_cell_that_needs_more_items_than_there_are_is_left_out(caplog):
    found = probe(headline="n4")(Subject(problem(20), problem(seed=1), 3))
    assert {*found} == {"", "n1", "n2", "n4"}
    assert "n8, n16, p1, p10 left out: too few labelled training items (20 of 3 cl" in caplog.text


def test_a_headline_that_is_left_out_is_one_line():
    with pytest.raises(ConfigError, match="headline=p10: 20 labelled .*allowed: n1, n2, n4$"):
        probe()(Subject(problem(20), problem(seed=1), 3))
    with pytest.raises(ConfigError, match="headline=p5; allowed: n1, n2, n4, n8, n16, p1, p10$"):
        probe(headline="p5")


def test_a_list_of_files_is_a_cell_with_the_hash_of_the_list(tmp_path):
    train, test, file = problem(300), problem(seed=1), tmp_path / "1percent.txt"
    file.write_text("\n".join(f"{i}.png" for i in range(30, 60)))
    names = [f"photos/{i}.png" for i in range(300)]
    found = probe(subset=str(file))(Subject(train, test, 3, file_names=names))["subset"]
    assert found.details["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (found.details["items"], len(found.answers)) == (30, 1)
    file.write_text("\n".join(map(str, range(30, 60))))  # rows instead of names
    rows = probe(subset=str(file), headline="subset")(Subject(train, test, 3))[""]
    assert torch.equal(rows.answers[0].scores, found.answers[0].scores)


def test_listed_items_that_are_not_there_are_one_line(tmp_path):
    (file := tmp_path / "list.txt").write_text("1\n299\n300\n")
    with pytest.raises(ConfigError, match="1 of 3 listed items are not among the labelled"):
        probe(subset=str(file))(Subject(problem(300), problem(seed=1), 3))


def test_nothing_is_learnt_from_test_labels_or_unlabelled_rows():
    train, test = problem(300), problem(seed=1)
    first = probe()(Subject(train, test, 3))[""].answers[0].scores
    hidden = train._replace(label=train.label.where(train.position % 2 > 0, -1))
    known = train.rows((train.position % 2 > 0).nonzero()[:, 0])
    shuffled = test._replace(label=test.label.flip(0))
    assert torch.equal(first, probe()(Subject(train, shuffled, 3))[""].answers[0].scores)
    a, b = (probe(headline="n4")(Subject(t, test, 3))[""].answers for t in (hidden, known))
    assert torch.equal(a[0].scores, b[0].scores)


def test_the_report_has_mean_spread_interval_and_what_was_drawn():
    subjects = {"trained": Subject(problem(900), problem(seed=1), 3)}
    rows = {r["metric"]: r for r in score(subjects, {"low_shot@1": probe()}).rows["scores"]}
    assert {"top1", "top1_n1", "top1_p1", "top1_p10"} < {*rows}
    row = rows["top1_n2"]
    assert row["low"] < row["value"] < row["high"] and row["spread"] > 0
    assert row["details"]["items"] == 6 and json.dumps(row)


def test_draws_are_equal_on_all_ranks(ranks):
    alone = on_ranks.low_shot()
    assert len(alone) == 5 and not torch.equal(alone[0], alone[1])
    for found in ranks(2)("on_ranks.low_shot"):
        assert all(map(torch.equal, found, alone))
