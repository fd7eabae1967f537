import pytest
import torch
from blas_threads import blas_threads
from sklearn import metrics as reference
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from manyviews.errors import ConfigError
from manyviews.evaluation.answers import Clusters
from manyviews.evaluation.features import Features
from manyviews.evaluation.measures.classification import crossed
from manyviews.evaluation.measures.clusters import ari, matched_accuracy, nmi
from manyviews.evaluation.protocols.clustering import Clustering
from manyviews.evaluation.subject import Subject

ONCE = torch.ones(1, 200).double()


def partitions(clusters=6):
    torch.manual_seed(0)
    label = torch.randint(0, 4, (200,))
    return label, torch.where(torch.rand(200) < 0.6, label, torch.randint(0, clusters, (200,)))


def clouds(label, dim=5):
    torch.manual_seed(0)
    place = 10 * torch.eye(int(label.max()) + 1, dim)
    return Features(place[label] + torch.randn(len(label), dim), label, torch.arange(len(label)))


def test_ari_and_nmi_equal_scikit_learn_s():
    label, cluster = partitions()
    table = crossed(label, cluster, ONCE, (4, 6))
    assert float(ari(table)) == pytest.approx(reference.adjusted_rand_score(label, cluster))
    assert float(nmi(table)) == pytest.approx(
        reference.normalized_mutual_info_score(label, cluster)
    )


@pytest.mark.parametrize("measure", [ari, nmi, matched_accuracy])
def test_renamed_clusters_are_perfect(measure):
    label, _ = partitions()
    assert float(measure(crossed(label, (label + 1) % 4, ONCE, (4, 4)))) == pytest.approx(1)


def test_one_cluster_tells_nothing_and_of_one_class_everything():
    label, nothing = partitions()[0], torch.zeros(200).long()
    assert float(ari(crossed(label, nothing, ONCE, (4, 1)))) == pytest.approx(0)
    assert float(nmi(crossed(label, nothing, ONCE, (4, 1)))) == pytest.approx(0)
    assert float(ari(crossed(nothing, nothing, ONCE, (1, 1)))) == 1
    assert float(nmi(crossed(nothing, nothing, ONCE, (1, 1)))) == 1


def test_matched_accuracy_gives_each_cluster_one_class():
    label, cluster = torch.tensor([0, 0, 0, 1, 1, 2]), torch.tensor([5, 5, 1, 1, 1, 1])
    table = crossed(label, cluster, torch.ones(1, 6).double(), (3, 6))
    assert float(matched_accuracy(table)) == pytest.approx(4 / 6)


def test_classes_that_lie_apart_are_found_by_every_seed_with_as_many_clusters_as_occur():
    label = 2 * (torch.arange(60) % 2) + 1  # two of four classes occur
    test = clouds(label)
    found = Clustering(1, seeds=3)(Subject(test, test, 4))
    assert len(found.answers) == 3
    for answer in found.answers:
        assert isinstance(answer, Clusters)
        assert answer.cluster.shape == (60,) and answer.cluster.max() == 1
        assert reference.adjusted_rand_score(label, answer.cluster) == 1


def test_the_same_seeds_give_the_same_clusters():
    test = clouds(torch.arange(80) % 4)
    first, second = (Clustering(1, 2, 1)(Subject(test, test, 4)).answers for _ in range(2))
    assert all(torch.equal(a.cluster, b.cluster) for a, b in zip(first, second, strict=True))


def test_collapsed_embeddings_are_one_cluster_and_no_error():
    label = torch.arange(40) % 4
    test = Features(torch.ones(40, 3), label, torch.arange(40))
    found = Clustering(1, seeds=1)(Subject(test, test, 4)).answers[0].cluster
    assert reference.adjusted_rand_score(label, found) == 0


def test_no_seeds_are_refused():
    with pytest.raises(ConfigError, match="seeds=0; allowed: 1 or more"):
        Clustering(1, seeds=0)


def test_numpy_has_one_thread_while_k_means_runs(monkeypatch):
    during, fit = [], KMeans.fit
    monkeypatch.setattr(
        KMeans, "fit", lambda *given, **named: during.append(blas_threads()) or fit(*given, **named)
    )
    features = clouds(torch.arange(40) % 4)
    with threadpool_limits(2, user_api="blas"):
        Clustering(1, seeds=1, starts=1)(Subject(features, features, 4))
        assert blas_threads() == {2}
    assert during == [{1}]
