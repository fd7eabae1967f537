import pytest
import torch
from torchvision.transforms.v2 import RandomPerspective

from manyviews import draws
from manyviews.datamodules.views.images.torchvision import Torchvision
from manyviews.errors import ConfigError

ROWS = torch.arange(40)


def numbers(operation, rows=ROWS):
    return draws.uniform(0, 0, rows, 0, "any", operation.draws)


def test_a_transform_of_torchvision_is_a_function_of_the_sample():
    operation = Torchvision(0.5, "RandomPerspective", {"p": 1.0})
    image, u = torch.rand(len(ROWS), 3, 12, 12), numbers(Torchvision(0.5, "Identity", {}))
    state = torch.random.get_rng_state()
    together, alone = operation(image, u), operation(image[7:8], u[7:8])
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.equal(together[7:8], alone)
    changed = (together != image).flatten(1).any(1)
    assert torch.equal(changed, u[:, 0] < 0.5)
    high, low = (int(n * 2**24) for n in u[changed][0, 1:])
    torch.manual_seed(high << 24 | low)
    expected = RandomPerspective(p=1.0)(image[changed][0]).clamp(0, 1)
    assert torch.equal(together[changed][0], expected)


def test_a_transform_that_changes_the_size_is_told():
    operation = Torchvision(1.0, "CenterCrop", {"size": 4})
    with pytest.raises(ConfigError, match=r"CenterCrop makes \(1, 4, 4\) of \(1, 8, 8\)"):
        operation(torch.rand(2, 1, 8, 8), torch.rand(2, 3))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Torchvision(0.5, "RandAugmnt", {}), "did you mean 'RandAugment'"),
        (lambda: Torchvision(0.5, "RandAugment", {"ops": 3}), r"RandAugment\(ops=3\): .*'ops'"),
    ],
)
def test_impossible_values_are_one_line(make, said):
    with pytest.raises(ConfigError, match=said):
        make()
