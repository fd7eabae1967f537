import torch
from torch import nn

from manyviews.nn import embed_by_shape, embed_each, project_by_shape


def trunk():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )


LARGE, OTHER, SMALL = torch.randn(6, 1, 9, 9), torch.randn(6, 1, 9, 9) * 3, torch.randn(6, 1, 5, 5)


def test_each_view_has_statistics_of_its_own():
    found = embed_each(trunk(), [LARGE, OTHER])
    torch.testing.assert_close(found, torch.stack([trunk()(LARGE), trunk()(OTHER)]))


def test_views_of_a_resolution_share_statistics_and_others_do_not():
    found = embed_by_shape(trunk(), [LARGE, OTHER, SMALL])
    pair = trunk()(torch.cat([LARGE, OTHER])).view(2, 6, 4)
    torch.testing.assert_close(found, torch.cat([pair, trunk()(SMALL)[None]]))


def test_the_head_sees_one_resolution_at_a_time():
    head, views = nn.BatchNorm1d(4), [LARGE, OTHER, SMALL]
    embedding = torch.randn(3, 6, 4)
    found = project_by_shape(head, embedding, views)
    pair = nn.BatchNorm1d(4)(embedding[:2].flatten(0, 1)).view(2, 6, 4)
    torch.testing.assert_close(found, torch.cat([pair, nn.BatchNorm1d(4)(embedding[2])[None]]))
