import numpy as np
import pytest
import torch

from manyviews.evaluation.answers import Chosen, Labels, Scalar
from manyviews.evaluation.features import Features
from manyviews.evaluation.measures.intervals import wilson
from manyviews.evaluation.protocols.clustering import Clustering
from manyviews.evaluation.protocols.knn import KNN
from manyviews.evaluation.subject import Subject
from manyviews.evaluation.suite import fingerprint, margins, score, sentences

LABEL = torch.arange(60) % 2
GOOD = torch.eye(2)[LABEL] + 0.01 * torch.rand(60, 2)
BAD = torch.rand(60, 2, generator=torch.Generator().manual_seed(0))


def subject(embedding, group=None):
    features = Features(embedding, LABEL, torch.arange(60))
    hidden = LABEL.clone()
    hidden[:4] = -1
    return Subject(
        features, Features(embedding.flip(0), hidden.flip(0), features.position, group), 2
    )


def scored(**options):
    subjects = {"trained": subject(GOOD), "random": subject(BAD), "raw": subject(GOOD)}
    return score(subjects, {"knn@2": KNN(2, [7], 7, 0.1)}, **options).rows


def test_scores_name_protocol_version_subject_and_labelled_items():
    first = scored()["scores"][0]
    assert (first["protocol"], first["metric"], first["subject"]) == ("knn@2", "top1", "trained")
    assert (first["split"], first["value"], first["high"], first["n"]) == ("test", 1.0, 1.0, 56)
    assert first["low"] == pytest.approx(wilson(56, 56).low)  # all 56 are right


def test_beating_needs_an_interval_above_zero():
    beats = {d["control"]: d["beats"] for d in scored()["differences"] if d["metric"] == "top1"}
    assert beats == {"random": True, "raw": False}


def test_sentences_say_in_words_what_is_not_beaten():
    first, second = sentences(scored()["differences"])
    assert first.startswith("knn@2: beats random initialisation (+")
    assert second == (
        "knn@2: is not distinguishable from raw pixels (+0.0 points, 95 % interval +0.0 to +0.0)"
    )


def test_fingerprint_follows_the_content_and_not_the_order():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1}) != fingerprint({"a": 1})


def test_chosen_measures_and_people_are_reported():
    people = torch.arange(60) // 30
    subjects = {"trained": subject(GOOD, people), "random": subject(BAD, people)}
    protocols = {"knn@1": KNN(1, [7], 7, 0.1)}
    found = score(subjects, protocols, measures=("top1", "macro_f1"), groups=("ann", "bob")).rows
    rows = [s for s in found["scores"] if s["subject"] == "trained" and s["split"] == "test"]
    assert [s["metric"] for s in rows] == ["top1", "macro_f1", "top1_k7"]
    assert {d["metric"] for d in found["differences"]} == {s["metric"] for s in rows}
    row = found["subjects"][0]
    assert (row["protocol"], row["subject"]) == ("knn@1", "trained")
    # The last four test items have no label.
    assert [(p["name"], p["n"]) for p in row["each"]] == [("ann", 30), ("bob", 26)]


def test_two_people_are_too_few_to_say_beats():
    people = torch.arange(60) // 30
    subjects = {"trained": subject(GOOD, people), "random": subject(BAD, people)}
    found = score(subjects, {"knn@1": KNN(1, [7], 7, 0.1)}, groups=("ann", "bob")).rows
    assert {d["beats"] for d in found["differences"]} == {None}
    (said,) = sentences(found["differences"])
    assert said.startswith("knn@1: 2 test groups are too few to speak of others (at least 5)")
    assert "beats" not in said


def test_six_people_say_beats_over_people():
    people = torch.arange(60) // 10
    subjects = {"trained": subject(GOOD, people), "random": subject(BAD, people)}
    found = score(subjects, {"knn@1": KNN(1, [7], 7, 0.1)}, groups="abcdef").rows
    row = next(d for d in found["differences"] if d["metric"] == "top1")
    assert row["over"] == "groups" and row["beats"]


def test_a_clustering_is_scored_by_ari_and_said_in_points_of_it():
    subjects = {"trained": subject(GOOD), "random": subject(BAD)}
    found = score(subjects, {"clustering@1": Clustering(1, 2, 2)}).rows
    ari = found["scores"][0]
    assert (ari["metric"], ari["value"], ari["n"]) == ("ari", 1.0, 56)
    (said,) = sentences(found["differences"])
    assert said.startswith("clustering@1: beats random initialisation (+")
    assert "points of ARI" in said
    assert found["subjects"] == []


def test_accuracy_on_held_out_training_items_is_reported_as_val():
    found = [s for s in scored()["scores"] if s["split"] == "val"]
    assert [(s["subject"], s["metric"], s["n"]) for s in found] == [("trained", "top1", 6)]


def test_a_protocol_that_chooses_reports_what_it_chose_and_how_good_that_was():
    class Chooses:
        version = 1

        def __call__(self, subject):
            answer = Labels(torch.zeros(len(subject.test.label)).long())
            held = torch.tensor([0, 0, 0, 1])
            validation = Labels(torch.zeros(4).long())
            return Chosen(answer, validation, held, {"penalty": 0.1}, "the smallest penalty won")

    found = score({"trained": subject(GOOD)}, {"x@1": Chooses()}).rows["scores"]
    (row,) = [s for s in found if s["split"] == "val"]
    assert (row["value"], row["n"], row["setting"]) == (0.75, 4, {"penalty": 0.1})
    assert row["edge"] == "the smallest penalty won"


def test_one_protocol_that_fails_leaves_the_others_as_they_are():
    class Broken:
        version = 1

        def __call__(self, subject):
            raise ValueError("no such thing\nat all")

    protocols = {"broken@1": Broken(), "knn@1": KNN(1, [7], 7, 0.1)}
    found = score({"trained": subject(GOOD)}, protocols).rows
    assert found["failed"] == [
        {"protocol": "broken@1", "reason": "ValueError: no such thing at all"}
    ]
    assert {s["protocol"] for s in found["scores"]} == {"knn@1"}


def test_numbers_without_labels_have_rows_and_no_differences():
    class Rank:
        version, label_free = 1, True

        def __call__(self, subject):
            assert len(subject.test.label) == 60  # unlabelled items, too
            return [Scalar("rankme", 1.5, None)]

    found = score({"trained": subject(GOOD), "raw": subject(BAD)}, {"rank@1": Rank()}).rows
    assert [(s["subject"], s["value"]) for s in found["scores"]] == [("trained", 1.5), ("raw", 1.5)]
    assert found["differences"] == []


def test_predictions_of_the_trained_features_are_kept_in_the_smallest_type():
    subjects = {"trained": subject(GOOD), "random": subject(BAD)}
    predictions = score(subjects, {"knn@1": KNN(1, [7], 7, 0.1)}).predictions
    found = predictions["knn@1/top1"]
    assert [*predictions] == ["knn@1/top1", "knn@1/margin"] and found.dtype == np.uint8
    assert found.tolist() == LABEL.flip(0)[:56].tolist()


def test_a_margin_is_negative_where_another_class_scores_higher():
    scores = torch.tensor([[1.0, 4.0, 2.0], [1.0, 4.0, 2.0], [3.0, 3.0, 0.0]])
    assert margins(scores, torch.tensor([1, 2, 0])).tolist() == [2.0, -2.0, 0.0]


def test_differences_of_earlier_reports_are_said_too():
    row = {"protocol": "knn@1", "metric": "top1", "control": "raw", "beats": False}
    (said,) = sentences([{**row, "value": -0.02, "low": -0.03, "high": -0.01}])
    assert said == "knn@1: is worse than raw pixels (-2.0 points, 95 % interval -3.0 to -1.0)"


def test_what_holds_for_all_subjects_is_noted_once(caplog):
    subjects = {"trained": subject(GOOD), "random": subject(BAD), "raw": subject(GOOD)}
    for _ in range(2):  # each evaluation notes it
        caplog.clear()
        score(subjects, {"knn@2": KNN(2, [7, 100], 7, 0.1)})
        said = "k = 100 left out: the bank has 60 items"
        assert caplog.messages.count(said) == 1
