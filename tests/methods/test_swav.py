import numpy as np
import on_ranks
import pytest
import torch
from golden import golden
from torch.nn import functional as F

from manyviews import build, config
from manyviews.errors import ConfigError
from manyviews.method import Examples

GOLDEN = golden("swav_barlow")["swav"]

OVERRIDES = [
    "data=stripes",
    "backbone=resnet_tiny",
    "batch_size=16",
    "logger.wandb=null",
    "callbacks.progress=null",
    "callbacks.online_knn=null",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "epochs=2",
    "method.prototypes=8",
    "method.hidden_dim=16",
    "method.projection_dim=8",
]


def fitted(config_dir, *more, watch=()):
    composed, _ = config.compose("pretrain", [*OVERRIDES, *more], config_dir)
    data = build.data(composed)
    method = build.method(composed, data)
    begun = method.prototypes.weight.detach().clone()
    build.trainer(composed, list(watch)).fit(method, datamodule=data)
    return method, begun


def test_frozen_prototypes_do_not_move_and_free_ones_do(config_dir):
    method, begun = fitted(config_dir, "method.freeze_steps=8", "optimizer.weight_decay=0.1")
    torch.testing.assert_close(method.prototypes.weight.detach(), begun)
    method, begun = fitted(config_dir, "method.freeze_steps=7", "schedule.warmup_epochs=0")
    assert not torch.allclose(method.prototypes.weight.detach(), begun, atol=1e-7)


def test_every_step_begins_with_prototypes_on_the_unit_sphere(config_dir):
    import pytorch_lightning as pl

    norms = []

    class Watch(pl.Callback):
        def on_before_zero_grad(self, trainer, pl_module, optimizer):
            norms.append(pl_module.prototypes.weight.norm(dim=1).detach())

    fitted(config_dir, "optimizer.lr=0.1", watch=[Watch()])
    for norm in norms:
        torch.testing.assert_close(norm, torch.ones(8))


def test_small_crops_are_predicted_but_get_no_codes(config_dir):
    overrides = [*OVERRIDES, "views=multi_crop", "views.small.operations.crop.size=8"]
    composed, _ = config.compose("pretrain", overrides, config_dir)
    data = build.data(composed)
    method = build.method(composed, data)
    batch = data.make_batch(next(iter(data.train_dataloader())), 0)
    seen = {}
    torch.manual_seed(0)
    output = method.step(batch)
    seen["views"] = output.projection.shape[0]
    scores = output.projection @ F.normalize(method.prototypes.weight, dim=1).mT
    from manyviews.losses import sinkhorn

    expected = 0.0
    for own in range(2):
        code = sinkhorn(scores[own].detach(), epsilon=0.05, iterations=3)
        for other in range(6):
            if other != own:
                log_p = (scores[other] / 0.1).log_softmax(1)
                expected = expected - (code * log_p).sum(1).mean() / 10
    assert seen["views"] == 6
    torch.testing.assert_close(output.loss, expected)


def test_the_queue_equals_the_official_code():
    expected = GOLDEN["S4_queue"]["float64"]
    found = on_ranks.official_swav_queue()
    for key in ("losses", "gradnorm_Z", "gradnorm_W"):
        assert found[key] == pytest.approx(expected[key], rel=1e-7)
    assert found["queue"].sum() == pytest.approx(expected["queue_sum"], rel=1e-7)
    for row, key in ((0, "queue0_first_row_first3"), (-1, "queue0_last_row_first3")):
        assert found["queue"][0, row, :3].tolist() == pytest.approx(expected[key], rel=1e-7)


def test_the_queue_of_two_ranks_is_that_of_one(ranks):
    one, two = on_ranks.official_swav_queue(), ranks(2)("on_ranks.official_swav_queue")
    for rank in two:
        torch.testing.assert_close(rank["queue"], one["queue"], rtol=1e-12, atol=1e-14)
    means = [sum(losses) / 2 for losses in zip(*(rank["losses"] for rank in two), strict=True)]
    assert means == pytest.approx(one["losses"], rel=1e-10)


def test_two_ranks_equal_the_official_code_on_two_ranks(ranks):
    expected = GOLDEN["S5_two_ranks"]
    found = ranks(2)("on_ranks.official_swav_queue", 1)
    for i, rank in enumerate(found):
        assert rank["losses"][0] == pytest.approx(expected[f"loss_rank{i}"], rel=1e-7)
        assert rank["gradnorm_Z"][0] == pytest.approx(expected[f"gradnorm_Z_rank{i}"], rel=1e-7)
        assert rank["gradnorm_W"][0] == pytest.approx(expected["gradnorm_W_ddp_mean"], rel=1e-7)


def test_it_shows_the_prototypes_that_are_used_most_and_what_is_nearest_to_them(config_dir):
    composed, _ = config.compose("pretrain", OVERRIDES, config_dir)
    data = build.data(composed)
    method = build.method(composed, data).eval()
    torch.manual_seed(0)
    embedding = torch.randn(50, method.backbone.embedding_dim)
    label = torch.arange(50) % 2
    (panel,) = method.panels(
        Examples(
            batch=data.batch(torch.arange(4), epoch=0),
            embedding=embedding,
            label=label,
            class_names=("across", "down"),
            pictures=lambda rows: data.originals(data.splits.train, rows),
            drawn=data.pictures,
        )
    )
    with torch.no_grad():
        z = method.projector(embedding)
        cosine = F.cosine_similarity(z[:, None], method.prototypes.weight, dim=2)
    use = cosine.argmax(1).bincount(minlength=8)
    plot, pictures = panel.blocks
    by_use = use.sort(descending=True, stable=True)
    assert plot.lines[0].y == pytest.approx((2.0 * by_use.values).tolist())
    chosen = [int(title.split()[1].rstrip(",")) for title in pictures.row_titles]
    assert chosen == by_use.indices.tolist()
    assert pictures.row_titles[0].endswith(f", {2.0 * int(by_use.values[0]):.1f} %")
    rows = cosine.topk(6, dim=0).indices.mT[chosen]
    names = [["across", "down"][label[n]] for n in rows[1].tolist()]
    assert [p.caption for p in pictures.rows[1]] == names
    share = by_use.values[by_use.values > 0] / 50
    entropy = -float((share * share.log()).sum())
    assert f"The entropy of their use is {entropy:.2f}; it would be ln 8 = 2.08" in panel.text
    image = data.splits.train.image[rows[1, 2]].numpy()
    assert np.array_equal(pictures.rows[1][2].image, image)


def test_a_queue_that_batches_do_not_fill_evenly_says_what_to_type(config_dir):
    with pytest.raises(ConfigError, match="queue_length=40 is no multiple of the batch of 16.*=32"):
        fitted(config_dir, "method.queue_length=40", "method.queue_from_epoch=0")


def test_the_queue_is_filled_from_its_epoch_on_and_used_when_full(config_dir):
    more = ["method.queue_length=32", "method.queue_from_epoch=1"]
    method, _ = fitted(config_dir, *more)
    assert int(method.queued) == 4 * 16  # the second of two epochs of four batches
    torch.testing.assert_close(method.queue.norm(dim=2), torch.ones(2, 32))
