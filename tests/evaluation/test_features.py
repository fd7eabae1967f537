import on_ranks
import pytest
import torch
from torch import nn

from manyviews.batch import Sample
from manyviews.errors import NotFinite
from manyviews.evaluation.features import Features, cached, extract, load, save


def samples(count=10):
    image = torch.randn(count, 1, 6, 6)
    rows = torch.arange(count)
    return [Sample(image[r], rows[r], rows[r]) for r in rows.split(4)]


def trunk():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten())


def test_every_row_comes_once_in_order():
    found = extract(trunk(), samples())
    assert found.embedding.shape == (10, 48)
    assert found.position.tolist() == found.label.tolist() == list(range(10))


def test_weights_statistics_and_flags_stay_as_they_were():
    net = trunk().train()
    net[1].eval()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    extract(net, samples())
    assert net.training and net[0].training and not net[1].training
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_features_are_float32_inside_autocast():
    some = samples()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = extract(trunk(), some)
    assert torch.equal(inside.embedding, extract(trunk(), some).embedding)


def test_features_do_not_depend_on_the_batches():
    some = samples()
    joined = [Sample(*map(torch.cat, zip(*(s[:3] for s in some), strict=True)))]
    torch.testing.assert_close(extract(trunk(), joined).embedding, extract(trunk(), some).embedding)


def test_features_that_are_not_finite_are_named():
    some = samples()
    some[1].input[2] = float("nan")
    with pytest.raises(NotFinite, match="1 of 10 embeddings are NaN or infinite.*position 6"):
        extract(trunk(), some)


def test_cache_is_read_when_whole_and_made_again_when_torn(tmp_path):
    path, made = tmp_path / "deep" / "f.npz", []
    rows = torch.arange(3)
    features = Features(torch.randn(3, 2), rows, rows)

    def compute():
        made.append(1)
        return features

    for _ in range(2):
        assert all(map(torch.equal, cached(path, compute, rows)[:3], features[:3]))
    assert len(made) == 1
    path.write_bytes(path.read_bytes()[:100])
    assert all(map(torch.equal, cached(path, compute, rows)[:3], features[:3]))
    assert len(made) == 2 and all(map(torch.equal, load(path)[:3], features[:3]))


def test_saving_leaves_no_other_file(tmp_path):
    save(
        tmp_path / "f.npz",
        Features(torch.zeros(1, 1), torch.zeros(1).long(), torch.zeros(1).long()),
    )
    assert [p.name for p in tmp_path.iterdir()] == ["f.npz"]


def test_features_have_the_groups_of_their_samples(tmp_path):
    grouped = [s._replace(group=s.position // 3) for s in samples()]
    found = extract(trunk(), grouped)
    assert found.group is not None and found.group.tolist() == [r // 3 for r in range(10)]
    save(tmp_path / "f.npz", found)
    assert load(tmp_path / "f.npz").group.tolist() == found.group.tolist()
    assert extract(trunk(), samples()).group is None


@pytest.mark.parametrize("saved", [None, torch.tensor([0, 0, 2])])
def test_a_cache_without_the_groups_of_the_data_is_made_again(saved, tmp_path):
    path, rows = tmp_path / "f.npz", torch.arange(3)
    group = torch.tensor([0, 0, 1])
    save(path, Features(torch.zeros(3, 2), rows, rows, saved))
    found = cached(path, lambda: Features(torch.ones(3, 2), rows, rows, group), rows, group)
    assert torch.equal(found.embedding, torch.ones(3, 2))
    again = cached(path, lambda: pytest.fail("it was saved"), rows, group)
    assert again.group is not None and torch.equal(again.group, group)


@pytest.mark.parametrize("batch", [5, 40], ids=["batches for all", "none for the last rank"])
def test_ranks_embed_every_row_once_and_as_one_process_does(ranks, small, config_dir, batch):
    alone, rows = on_ranks.features(small, config_dir, batch)
    assert rows == len(alone["label"]) == 64 and alone["position"].tolist()[0] == 63
    for world in (2, 4):
        (joined, _), *others = found = ranks(world)("on_ranks.features", small, config_dir, batch)
        assert sum(rows for _, rows in found) == 64
        assert all(features is None for features, _ in others)
        for name in ("embedding", "label", "position"):
            assert torch.equal(joined[name], alone[name])
