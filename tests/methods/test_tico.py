import contract
import torch

from manyviews import build, config


def trained(config_dir, *more):
    """A method after one epoch with the real trainer, and the covariance's trace."""
    overrides = contract.overrides("tico", "epochs=1", "optimizer.lr=0.1", *more)
    composed, _ = config.compose("pretrain", overrides, config_dir)
    data = build.data(composed)
    method = build.method(composed, data)
    before = {name: p.clone() for name, p in method.target.named_parameters()}
    build.trainer(composed, []).fit(method, datamodule=data)
    return method, before


def test_the_memory_takes_one_batch_per_optimizer_step_whatever_the_pieces(config_dir):
    for pieces in (1, 2):
        method, _ = trained(config_dir, f"trainer.accumulate_grad_batches={pieces}")
        trace = method.tico.covariance.trace()
        torch.testing.assert_close(trace, torch.tensor(1 - 0.9**4))  # 64 images, batches of 16


def test_the_target_moves_a_little_and_the_network_more(config_dir):
    method, before = trained(config_dir)
    own = dict(torch.nn.Sequential(method.backbone, method.projector).named_parameters())
    for name, p in method.target.named_parameters():
        moved = (p - before[name]).norm()
        if p.ndim > 1:
            assert 0 < moved < (own[name.removeprefix("copy.")] - before[name]).norm()
