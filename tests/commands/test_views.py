from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from manyviews import build, config
from manyviews.commands.views import GAP, sheet, write
from manyviews.errors import ConfigError


def test_the_sheet_shows_the_very_views_of_training(small, config_dir):
    path = write([*small, "sample=17", "epoch=1", "file=x.png"], config_dir)
    page = np.asarray(Image.open(path))
    data = build.data(config.compose("pretrain", small, config_dir)[0])
    seen = {}
    loader = data.loader()
    loader.set_epoch(1)
    for sample in loader:
        for position, *views in zip(
            sample.position, *data.make_batch(sample, 1).views, strict=True
        ):
            seen[int(position)] = views
    times, gap = 6, GAP  # 16 pixels enlarged to 96
    for v, view in enumerate(seen[17], 1):
        left = gap + v * (16 * times + gap)
        shown = page[gap : gap + 16 * times : times, left : left + 16 * times : times]
        expected = (view[0] * 0.25 + 0.5) * 255
        np.testing.assert_allclose(shown, expected.clamp(0, 255), atol=0.51)


def test_pictures_of_several_sizes_stand_at_their_place():
    large, small = torch.zeros(2, 3, 40, 40).byte().numpy(), torch.zeros(2, 3, 8, 8).byte().numpy()
    page = sheet([large, small])
    assert page.shape == (3, 2 * 124 + 4, 2 * 124 + 4)
    assert (page[:, 4:124, 4:124] == 0).all()
    assert (page[:, 4:28, 128:152] == 0).all() and (page[:, 28:124, 128:] == 255).all()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("sample=64", "sample=64; allowed: 0 to 63"),
        ("sample=-1", "sample=-1"),
        ("file=no/x.png", "file=no/x.png cannot be written"),
    ],
)
def test_what_cannot_be_shown_is_told(small, config_dir, override, said):
    with pytest.raises(ConfigError, match=said):
        write([*small, override], config_dir)
    assert not list(Path().glob("*.png"))
