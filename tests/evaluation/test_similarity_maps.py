import numpy as np
import pytest
import torch
from networks import network
from torch import nn
from torch.nn import functional as F

from manyviews import backbones
from manyviews.backbones.tcn import TCN
from manyviews.evaluation.similarity_maps import (
    NoMaps,
    of_neighbours,
    parts,
    parts_of_maximum,
    parts_of_mean,
    similarity_map,
)

IMAGES = torch.randn(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
SERIES = torch.randn(6, 2, 50, generator=torch.Generator().manual_seed(0))


def maps_and_cosine(part):
    """Both maps of items 0 to 2 with items 3 to 5, and the cosine of each pair."""
    a, b = part.flatten(2)[:3], part.flatten(2)[3:]
    return similarity_map(a, b), similarity_map(b, a), F.cosine_similarity(a.sum(2), b.sum(2))


@pytest.mark.parametrize("pooled", [parts_of_mean, parts_of_maximum])
@pytest.mark.parametrize(("dtype", "exact"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_both_maps_sum_to_the_cosine(pooled, dtype, exact):
    torch.manual_seed(0)
    last = torch.randn(6, 20, 5, 7, dtype=dtype).relu()  # a maximum of 0 is at many positions
    first, second, cosine = maps_and_cosine(pooled(last))
    torch.testing.assert_close(first.sum(1), cosine, rtol=0, atol=exact)
    torch.testing.assert_close(second.sum(1), cosine, rtol=0, atol=exact)


def test_a_map_is_the_formula_at_each_position():
    torch.manual_seed(0)
    a, b = torch.randn(1, 8, 2, 3).double(), torch.randn(1, 8, 4, 4).double()
    found = similarity_map(parts_of_mean(a).flatten(2), parts_of_mean(b).flatten(2))[0]
    mean_a, mean_b = a.mean((0, 2, 3)), b.mean((0, 2, 3))
    for p, (i, j) in enumerate(np.ndindex(2, 3)):
        expected = a[0, :, i, j] @ mean_b / (6 * mean_a.norm() * mean_b.norm())
        assert found[p].item() == pytest.approx(expected.item(), abs=1e-14)


@pytest.mark.parametrize(
    "name", ["resnet_tiny", "torchvision/resnet18", "timm/resnet10t", "timm/regnetx_002"]
)
def test_a_backbone_that_pools_its_last_map_has_maps_that_sum_to_the_cosine(name):
    backbone = backbones.build(name, in_channels=3, image_size=32).eval()
    part = parts(backbone, IMAGES)
    with torch.no_grad():
        embedding = backbone(IMAGES)
    torch.testing.assert_close(part.sum((2, 3)), embedding, rtol=1e-4, atol=1e-5)
    first, _, cosine = maps_and_cosine(part)
    torch.testing.assert_close(first.sum(1), cosine, rtol=0, atol=1e-6)


def test_of_a_map_and_the_same_map_pooled_the_finer_one_is_taken():
    backbone = backbones.build("torchvision/resnet18", in_channels=3, image_size=64).eval()
    images = torch.randn(2, 3, 64, 64)
    assert backbone.feature_maps(images)[-1].shape[2:] == (1, 1)
    assert parts(backbone, images).shape[2:] == (2, 2)


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_a_series_has_a_map_over_time(pool):
    backbone = TCN(2, hidden_dim=4, depth=2, embedding_dim=8, pool=pool).eval()
    part = parts(backbone, SERIES)
    assert part.shape == (6, 8, 50)
    with torch.no_grad():
        torch.testing.assert_close(part.sum(2), backbone(SERIES), rtol=1e-4, atol=1e-5)


def test_a_backbone_of_another_kind_says_why_it_has_no_map():
    attention = TCN(2, hidden_dim=4, depth=2, embedding_dim=8, pool="attention").eval()
    with pytest.raises(NoMaps, match="neither the mean nor the maximum"):
        parts(attention, SERIES)
    token = backbones.build("timm/test_vit", in_channels=3, image_size=32).eval()
    with pytest.raises(NoMaps, match="class token"):
        parts(token, IMAGES)
    wider = backbones.build("timm/mobilenetv3_small_050", in_channels=3, image_size=32).eval()
    with pytest.raises(NoMaps, match="has 288 channels and the embedding 1024 numbers"):
        parts(wider, IMAGES)
    with pytest.raises(NoMaps, match="no feature maps"):
        parts(nn.Flatten(), IMAGES)


def test_each_pair_of_a_query_and_a_neighbour_has_two_maps(config_dir):
    one = network(config_dir)
    query, near = torch.tensor([3, 0]), torch.tensor([[5, 1, 5], [2, 9, 0]])
    found = of_neighbours(one, query, near)
    assert found["query_map"].shape[:2] == found["neighbour_map"].shape[:2] == (2, 3)
    backbone = one.build()
    with torch.no_grad():
        (image,) = one.data.clean("test", query)
        (other,) = one.data.clean("train", near.flatten())
        a, b = backbone(image.input), backbone(other.input)
    first, second = (parts(backbone, s.input).flatten(2) for s in (image, other))
    np.testing.assert_allclose(
        found["query_map"][0, 1].ravel(), similarity_map(first[0], second[1]), atol=1e-5
    )
    cosine = F.cosine_similarity(a[:, None], b.unflatten(0, (2, 3)), dim=2).numpy()
    for name in ("query_map", "neighbour_map"):
        np.testing.assert_allclose(found[name].sum((2, 3)), cosine, atol=1e-5)


def test_without_maps_the_arrays_hold_the_reason():
    found = of_neighbours(None, torch.tensor([0]), torch.tensor([[0]]))
    assert found["map_reason"].shape == () and "backbone" in str(found["map_reason"])
