import torch
from torch.nn import functional as F

from manyviews import build, config

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
    build.trainer(composed, list(watch), []).fit(method, datamodule=data)
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
