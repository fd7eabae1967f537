import pytest
import small_data
import torch
from probes import fitted, labelled, network, protocol, subject
from small_series import Convolution, data, windows
from torch.nn import functional as F

from manyviews import draws
from manyviews.backbones.resnet import resnet_tiny
from manyviews.errors import ConfigError
from manyviews.evaluation.probes.finetuned import FineTuned
from manyviews.evaluation.suite import score

# Rates of backbone and linear layer for 10 % of the labels, and factor in the second of two epochs.
PUBLISHED = {
    "finetune": (0.05 * 8 / 256, 0.05 * 8 / 256, 0.5),
    "low_shot_finetune_swav": (0.01, 0.2, 0.2),
    "low_shot_finetune_barlow": (0.002, 0.5, 0.5),
    "low_shot_finetune_vicreg": (0.01, 0.1, 0.5),
}


def loop(one, made, trunk_rate, head_rate, second):
    """A backbone and a linear layer after two epochs, by hand."""
    backbone = one.network.build().train()
    begun = FineTuned(
        backbone, made.data, made.items, 2, made.recipe, stages=None, batch_norm="train"
    )
    groups = [(backbone, trunk_rate), (begun.head, head_rate)]
    velocity = {p: torch.zeros_like(p) for module, _ in groups for p in module.parameters()}
    count, size = len(made.items["train"].label), made.recipe.batch_size
    for epoch, factor in enumerate((1.0, second)):
        order = draws.permutation(0, epoch, count)
        for rows in order[: count // size * size].split(size):
            batch = made.data.batch(rows, epoch)
            loss = F.cross_entropy(begun.head(backbone(batch.views[0])), batch.label)
            gradients = torch.autograd.grad(loss, [*velocity])
            rates = [rate for module, rate in groups for _ in module.parameters()]
            with torch.no_grad():
                for (p, v), g, rate in zip(velocity.items(), gradients, rates, strict=True):
                    v.mul_(0.9).add_(g)
                    p.sub_(rate * factor * v)
    return backbone, begun.head


@pytest.mark.parametrize("name", PUBLISHED)
def test_two_epochs_equal_a_loop_by_hand(name):
    one = subject(splits=small_data.stripes(170, 12))  # 10 % are 16 or so
    cells = protocol(name).fit(one)
    made = cells.get("p10") or cells["all"]
    backbone, head = loop(one, made, *PUBLISHED[name])
    for ours, theirs in ((made.backbone, backbone), (made.head, head)):
        wanted = theirs.state_dict()
        for key, value in ours.state_dict().items():
            torch.testing.assert_close(value, wanted[key], rtol=1e-6, atol=1e-6)


def test_one_and_ten_percent_have_rates_and_items_of_their_own():
    one = subject(splits=small_data.stripes(220, 12))
    found = score({"trained": one}, {"p@1": protocol("low_shot_finetune_swav")}).rows
    assert not found["failed"]
    details = {row["metric"]: row["details"] for row in found["scores"] if "details" in row}
    assert [details[key]["items"] for key in ("top1_p1", "top1_p10", "top1")] == [2, 22, 22]
    assert details["top1_p1"]["rates"] == {"head": 5.0, "trunk": 0.02}
    names = {row["metric"] for row in found["scores"]}
    assert {"top1_published_style", "top1_p1_published_style"} <= names


def test_a_draw_is_that_of_low_shot_and_a_list_takes_its_place(tmp_path):
    (tmp_path / "list.txt").write_text("3\n8\n11\n12\n")
    listed = protocol("low_shot_finetune_swav", subset={"p10": str(tmp_path / "list.txt")})
    made = listed.fit(subject())["p10"]
    assert made.items["train"].position.tolist() == [3, 8, 11, 12]
    drawn = protocol("low_shot_finetune_swav").fit(subject())["p10"].items["train"]
    assert drawn.label.bincount().tolist() == [2, 2]


def test_only_the_last_stages_are_trained():
    def changed(stages):
        torch.manual_seed(0)
        net = resnet_tiny(stem="small", in_channels=1)
        (made,) = protocol("finetune", stages=stages).fit(subject(backbone=net)).values()
        before = net.state_dict()
        return {
            key.partition(".")[0]
            for key, value in made.backbone.state_dict().items()
            if not torch.equal(value, before[key])
        }

    assert changed(1) == {"layer3"}
    assert {"conv1", "layer1", "layer3"} <= changed(None)


def test_batch_norms_keep_their_statistics_if_asked():
    for mode, same in (("eval", True), ("train", False)):
        one = subject()
        (made,) = protocol("finetune", batch_norm=mode).fit(one).values()
        now, before = made.backbone.layers[1], one.network.build().layers[1]
        assert torch.equal(now.running_mean, before.running_mean) is same
        assert not torch.equal(now.weight, before.weight)


def test_a_series_is_fine_tuned_on_its_windows():
    series = data(windows())
    of = network(series, Convolution(in_channels=2))
    splits = series.splits
    one = subject()._replace(train=labelled(splits.train), test=labelled(splits.test), network=of)
    rows = score({"trained": one}, {"p@1": protocol("finetune", epochs=3)}).rows
    assert not rows["failed"] and rows["scores"]


def test_two_ranks_equal_one_process(ranks, tmp_path):
    first, second = ranks(2)("probes.fitted", "finetune", str(tmp_path / "two"))
    one = fitted("finetune", str(tmp_path / "one"))
    for key, value in one["all"].items():
        torch.testing.assert_close(first["all"][key], value, rtol=0, atol=1e-6)
        assert torch.equal(first["all"][key], second["all"][key])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rates": {"p10": {"trunk": 1}}}, r"rates.p10=.*allowed: {trunk: RATE, head: RATE}"),
        ({"rates": {"p10": {"trunk": -1, "head": 1}}}, r"rates.p10.trunk=-1; allowed: 0 to 1000"),
        ({"rates": {"ten": {"trunk": 1, "head": 1}}}, r"rates.ten: no such cell; allowed: all, p1"),
        ({"headline": "p5"}, "no cell p5; allowed: p1, p10"),
        ({"subset": {"p5": "list.txt"}}, "no cell p5; allowed: p1, p10"),
    ],
)
def test_a_mistake_is_one_line(changes, said):
    with pytest.raises(ConfigError, match=said):
        protocol("low_shot_finetune_swav", **changes)


def test_too_few_items_and_too_many_stages_are_one_line():
    with pytest.raises(ConfigError, match="36 labelled training items are too few; allowed: p10"):
        protocol("low_shot_finetune_swav", headline="p1").fit(subject())
    with pytest.raises(ConfigError, match="stages=2; allowed: null; this backbone names no stages"):
        protocol("finetune", stages=2).fit(subject())
