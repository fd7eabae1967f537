import pytest
import torch
from golden import golden

from manyviews.losses import mean_cosine, von_neumann_entropy

GOLDEN = golden("tico_vne_hydra")["ivne_plus"]["results"]


def views(count):
    k = torch.arange(30, dtype=torch.float64).view(6, 5)
    i, j = torch.arange(6.0).double()[:, None], torch.arange(5.0).double()
    fixed = 0.25 * (i**2).cos() * (1.7 * j**2).sin()
    return torch.stack(
        [
            (0.91 * k + 0.3 + 0.35 * v).sin() + 0.5 * (2.3 * k + 1.1 - 0.2 * v).cos() + fixed
            for v in range(count)
        ]
    )


@pytest.mark.parametrize("count", [2, 6])
def test_with_the_entropy_it_is_the_official_loss(count):
    expected = GOLDEN[f"views{count}_a1_4.16_a2_1"]
    z = views(count).requires_grad_()
    cosine, entropy = mean_cosine(z), von_neumann_entropy(z).mean()
    loss = -(4.16 * cosine + entropy)
    loss.backward()
    found = [float(x.detach()) for x in (loss, cosine, entropy, z.grad.norm())]
    keys = ["loss", "avg_cossim", "avg_entropy", "grad_norm"]
    assert found == pytest.approx([expected[k] for k in keys], rel=1e-6)
