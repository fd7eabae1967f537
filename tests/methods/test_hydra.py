import pytest
import torch
from golden import golden

from manyviews import build, config
from manyviews.errors import ConfigError
from manyviews.nn import Gate, draw_partners

GOLDEN = golden("tico_vne_hydra")["hydra"]["results"]


def test_the_gate_equals_the_authors_module():
    expected = GOLDEN["gate_module_train"]
    gate = Gate(4, [6, 7, 5]).double()

    def waves(count, f):
        return f(torch.arange(count, dtype=torch.float64))

    linear = [m for m in gate.mask if isinstance(m, torch.nn.Linear)]
    with torch.no_grad():
        gate.classes.weight.copy_(waves(24, lambda k: (0.9 * k + 0.1).sin()).view(4, 6))
        linear[0].weight.copy_(0.5 * waves(42, lambda k: (0.7 * k + 0.4).cos()).view(7, 6))
        linear[0].bias.copy_(0.1 * waves(7, lambda k: (1.3 * k + 0.2).sin()))
        linear[1].weight.copy_(0.5 * waves(35, lambda k: (0.6 * k - 0.3).sin()).view(5, 7))
        linear[1].bias.copy_(0.1 * waves(5, lambda k: (1.1 * k + 0.6).sin()))
    first, second = torch.tensor(GOLDEN["y1"]), torch.tensor(GOLDEN["y2"])
    mask = gate(first, second).detach()
    assert mask[0].tolist() == pytest.approx(expected["G00_row"], rel=1e-7)
    assert float(mask.sum()) == pytest.approx(expected["sum"], rel=1e-7)
    assert torch.equal(mask, gate(second, first).detach())


LABEL = torch.arange(60) % 6


def test_arbitrary_partners_are_the_labels_in_another_order_at_each_step():
    found = [draw_partners(LABEL, "arbitrary", 6, seed=0, step=step) for step in (0, 1, 1)]
    assert torch.equal(found[0].bincount(), LABEL.bincount())
    assert not torch.equal(found[0], found[1]) and torch.equal(found[1], found[2])


def test_distinct_partners_are_every_class_but_the_own():
    found = torch.stack([draw_partners(LABEL, "distinct", 6, seed=0, step=s) for s in range(40)])
    assert not (found == LABEL).any()
    assert (found[:, LABEL == 2].flatten().bincount(minlength=6) > 0).tolist() == [
        True, True, False, True, True, True
    ]  # fmt: skip


def test_identical_partners_are_the_own_class():
    assert torch.equal(draw_partners(LABEL, "identical", 6, seed=0, step=3), LABEL)


@pytest.mark.parametrize("method", ["hydra", "hydra_moco", "supcon"])
def test_images_without_a_class_are_refused_with_what_to_choose(method, config_dir):
    composed, _ = config.compose("pretrain", ["data=stripes", f"method={method}"], config_dir)
    data = build.data(composed)
    data.splits.train.label[:3] = -1
    with pytest.raises(ConfigError, match=r"needs a class for every image, but 3 of 64 have none"):
        build.method(composed, data)
