import pytest
import torch

from manyviews.evaluation.clustering import Clustering
from manyviews.evaluation.features import Features
from manyviews.evaluation.knn import KNN
from manyviews.evaluation.suite import fingerprint, score, sentences

LABEL = torch.arange(60) % 2
GOOD = torch.eye(2)[LABEL] + 0.01 * torch.rand(60, 2)
BAD = torch.rand(60, 2, generator=torch.Generator().manual_seed(0))


def pair(embedding):
    features = Features(embedding, LABEL, torch.arange(60))
    hidden = LABEL.clone()
    hidden[:4] = -1
    return features, Features(embedding.flip(0), hidden.flip(0), features.position)


def scored():
    subjects = {"trained": pair(GOOD), "random": pair(BAD), "raw": pair(GOOD)}
    return score(subjects, {"knn@2": KNN(2, [7], 7, 0.1)}, 2)


def test_scores_name_protocol_version_subject_and_labelled_items():
    first = scored()["scores"][0]
    assert (first["protocol"], first["metric"], first["subject"]) == ("knn@2", "top1", "trained")
    exact = 0.025 ** (1 / 56)  # all 56 are right
    assert (first["value"], first["high"], first["n"]) == (1.0, 1.0, 56)
    assert first["low"] == pytest.approx(exact)


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


def test_further_measures_and_people_are_reported_where_asked_for():
    subjects = {"trained": pair(GOOD), "random": pair(BAD)}
    people = (torch.arange(60) // 30, ("ann", "bob"))
    found = score(subjects, {"knn@1": KNN(1, [7], 7, 0.1)}, 2, further=("macro_f1",), people=people)
    metrics = [s["metric"] for s in found["scores"] if s["subject"] == "trained"]
    assert metrics == ["top1", "top1_k7", "macro_f1"]
    assert {d["metric"] for d in found["differences"]} == set(metrics)
    row = found["subjects"][0]
    assert (row["protocol"], row["subject"]) == ("knn@1", "trained")
    # The last four test items have no label.
    assert [(p["name"], p["n"]) for p in row["each"]] == [("ann", 30), ("bob", 26)]


def test_a_clustering_is_scored_by_ari_and_said_in_points_of_it():
    subjects = {"trained": pair(GOOD), "random": pair(BAD)}
    found = score(subjects, {"clustering@1": Clustering(1, 2, 2)}, 2)
    ari = found["scores"][0]
    assert (ari["metric"], ari["value"], ari["n"]) == ("ari", 1.0, 56)
    (said,) = sentences(found["differences"])
    assert said.startswith("clustering@1: beats random initialisation (+")
    assert "points of ARI" in said
    assert found["subjects"] == []
