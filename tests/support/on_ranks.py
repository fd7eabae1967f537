"""What ranks run in tests; every function works on one process too, where it is the reference."""

import os
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytorch_lightning as pl
import small_data
import torch
import unscored
from blobs import problem
from every_protocol import protocol
from golden import chirp
from torch import nn
from torch.nn import functional as F

from manyviews import build, config, distributed, train
from manyviews.batch import Batch, Sample
from manyviews.callbacks import online_knn
from manyviews.callbacks.metrics import Metrics
from manyviews.callbacks.noise import Noise
from manyviews.callbacks.online_knn import ONLINE, OnlineKNN, accuracy
from manyviews.callbacks.other_data import OtherData
from manyviews.callbacks.stop import Stop
from manyviews.errors import Interrupted
from manyviews.evaluation.features import extract_on_ranks
from manyviews.evaluation.subject import Subject
from manyviews.losses import (
    TiCoLoss,
    arbitrary_pairs,
    barlow_twins,
    info_nce,
    mixup_redundancy,
    reconstruction_error,
    retrieval_contrast,
    sinkhorn,
    supcon,
    swapped_prediction,
    unbiased_barlow_twins,
    vicreg,
    von_neumann_entropy,
)
from manyviews.nn.batch_norm import synchronise, synchronise_on_cpu


def share(x):
    """This rank's rows."""
    return distributed.local_rows(x).clone()


def collectives():
    """Value and gradient of each collective, for a loss that is a mean over ranks."""
    x = share(chirp((4, 3), 0.1, 0.7, 0.3)).requires_grad_()
    found = {}
    for name, y in {
        "total": distributed.total(x.square().sum(0)),
        "gather": distributed.gather(x.square()),
    }.items():
        gradient = torch.autograd.grad(y.sin().sum(), x)[0]
        found[name] = y.detach(), gradient / distributed.world_size()
    found["maximum"] = distributed.maximum(x.detach().max(0).values), torch.zeros(0)
    return found


WIDE = {"vne_wide": (8, 20), **{f"{n}_wide": (16, 40) for n in ("barlow", "mixed", "vicreg")}}


def loss_and_gradients(name):
    """The loss on this rank, and gradients of its mean over ranks by the rank's own rows."""
    z = [share(x).requires_grad_() for x in inputs(name)]
    loss = LOSSES[name](*z)
    loss.backward()
    return float(loss.detach()), [
        x.grad / distributed.world_size() for x in z if x.grad is not None
    ]


def inputs(name):
    rows, columns = WIDE.get(name, (16, 12))
    z1 = chirp((rows, columns), 0.011, 0.37, 0.25)
    z2 = 0.8 * z1 + 0.6 * chirp((rows, columns), 0.017, 0.91, 1.5)
    return [z1, z2]


def _swav(z1, z2):
    w = F.normalize(chirp((7, 12), 0.013, 0.71, 0.4), dim=1)
    scores = torch.stack([F.normalize(z, dim=1) @ w.mT for z in (z1, z2)])
    codes = torch.stack([sinkhorn(s, epsilon=0.05, iterations=3) for s in scores.detach()])
    return swapped_prediction(scores, codes, temperature=0.1)


def _barlow(z1, z2):
    return sum(barlow_twins(z1, z2, redundancy_weight=0.0051))


def _vne(z1, z2):
    return von_neumann_entropy(torch.stack([z1, z2])).sum()


def _mixed(z1, z2):
    mixed = 0.3 * z1 + (0.7 * z2).roll(1, 1)
    return mixup_redundancy(z1, z2, mixed, 0.35, (5 * torch.arange(16) + 3) % 16)


def _tico(z1, z2):
    loss = TiCoLoss(z1.shape[1], detach_batch=False).double()
    sum(loss(z2, z1))
    return sum(loss(z1, z2))


def _vicreg(z1, z2):
    return sum(vicreg(z1, z2))


def _info_nce(z1, z2):
    return info_nce(z1, z2, temperature=0.2)


def _supcon(z1, z2):
    return supcon(torch.stack([z1, z2]), share(torch.arange(16) % 3), temperature=0.2)


def _hydra(z1, z2):
    classes = torch.arange(16) % 3
    partner = (classes + torch.arange(16) // 5) % 3
    keys, gate = distributed.gather(z2), share(chirp((16, 12), 0.03, 0.5, 0.1)).sigmoid()
    own = share(classes), share(partner)
    return arbitrary_pairs(z1, keys, gate, *own, classes, temperature=0.1)


def _rebar(z1, z2):
    candidates = torch.stack([z2.roll(k, 1) for k in range(3)])
    positive = share(torch.arange(16) * 5 % 3)
    return sum(retrieval_contrast(z1, candidates, positive, temperature=0.2, between_weight=0.4))


def _reconstruction(z1, z2):
    hidden = share((torch.arange(16)[:, None] + torch.arange(6)) % 5 < 2)
    hidden[0, 0] = distributed.rank() == 0  # not as many on all ranks
    series = z1.view(-1, 2, 6), z2.view(-1, 2, 6)
    return reconstruction_error(*series, hidden, reduction="mean")


LOSSES = {
    "rebar": _rebar,
    "reconstruction": _reconstruction,
    "mixed": _mixed,
    "mixed_wide": _mixed,
    "tico": _tico,
    "vicreg": _vicreg,
    "vicreg_wide": _vicreg,
    "info_nce": _info_nce,
    "supcon": _supcon,
    "hydra": _hydra,
    "swav": _swav,
    "barlow": _barlow,
    "barlow_wide": _barlow,
    "vne": _vne,
    "vne_wide": _vne,
}


def official_barlow_shares():
    """Golden B2: the official code's loss and gradient norms of this rank."""
    z1, z2 = (x.requires_grad_() for x in map(share, inputs("barlow")))
    loss = sum(barlow_twins(z1, z2, redundancy_weight=0.0051, ddp="paper"))
    loss.backward()
    return [float(x.detach()) for x in (loss, z1.grad.norm(), z2.grad.norm())]


def official_mixed_shares():
    """Golden M3: losses and gradient norm of this rank, the norm of the mean gradient."""
    y1 = chirp((16, 10), 0.019, 0.43, 0.7)
    y2 = 0.9 * y1 + 0.5 * chirp((16, 10), 0.023, 0.77, 1.1)
    a = chirp((12, 10), 0.029, 0.61, 0.15).requires_grad_()
    y1, y2, order = share(y1), share(y2), (3 * torch.arange(8) + 1) % 8
    z1, z2, mixed = (torch.tanh(y @ a.mT) for y in (y1, y2, 0.35 * y1 + 0.65 * y2[order]))
    bt = sum(unbiased_barlow_twins(z1, z2, redundancy_weight=0.0051, ddp="paper"))
    options = {"imagenet_compat": True, "ddp": "paper"}
    mix = 0.5 * 0.0051 * mixup_redundancy(z1, z2, mixed, 0.35, order, **options)
    (bt + mix).backward()
    mean = distributed.total(a.grad) / distributed.world_size()
    return [float(x.detach()) for x in (bt, mix, a.grad.norm(), mean.norm())]


def official_swav_queue(steps=4):
    """Golden S4, and with one step S5: the method itself on raw projections of this rank."""
    queue = {"method.queue_length": 16, "method.queue_from_epoch": 0}
    overrides = [f"{k}={v}" for k, v in queue.items()]
    heads = ["method.hidden_dim=16", "method.projection_dim=16", "method.prototypes=12"]
    composed, _ = config.compose("pretrain", [*overrides, *heads], None)
    method = build.method(composed, build.data(composed)).double()
    method.backbone = method.projector = nn.Identity()
    w = F.normalize(chirp((12, 16), 0.013, 0.71, 0.4), dim=1)
    found = {"losses": [], "gradnorm_Z": [], "gradnorm_W": []}
    for t in range(steps):
        z = chirp((2, 8, 16), 0.0037 + 0.0005 * t, 0.53, 0.1 + t)
        views = [share(view).requires_grad_() for view in z]
        with torch.no_grad():
            method.prototypes.weight.copy_(w)
        method.prototypes.weight.grad = None
        loss = method.step(Batch(views, torch.zeros(0), torch.zeros(0))).loss
        loss.backward()
        gradient = distributed.total(method.prototypes.weight.grad) / distributed.world_size()
        found["losses"].append(float(loss.detach()))
        found["gradnorm_Z"].append(float(torch.cat([v.grad for v in views]).norm()))
        found["gradnorm_W"].append(float(gradient.norm()))
    return found | {"queue": method.queue}


def batch_norm(dtype, shape):
    """Output, gradients and buffers of a batch norm in training mode."""
    torch.manual_seed(0)
    kind = nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d
    norm = kind(shape[1], affine=True).to(dtype)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2)
        norm.bias.uniform_(-1, 1)
    net = nn.Sequential(norm)
    if distributed.world_size() > 1:
        net = synchronise_on_cpu(net)
    x = share(chirp(shape, 0.011, 0.37, 0.25).to(dtype) * 3 + 50).requires_grad_()
    y = net(x)
    y.sin().sum().backward()
    gradients = [distributed.total(p.grad) for p in net.parameters() if p.grad is not None]
    return [y.detach(), x.grad, *gradients, *net.state_dict().values()]


def pretrain(folder, overrides, config_dir, stop_at=None):
    """Positions and views of every batch of a whole `manyviews pretrain`, stopped behind a step."""
    os.chdir(folder)
    begun, seen = {}, []
    saved = Stop.on_train_start, Stop.requested, Noise.on_train_batch_start
    scored, train.scoring.make = train.scoring.make, unscored.make

    def remember(self, trainer, pl_module):
        begun["trainer"] = trainer

    def at_step(self):
        return begun["trainer"].global_step == stop_at

    def record(self, trainer, pl_module, batch, batch_idx):
        saved[2](self, trainer, pl_module, batch, batch_idx)
        seen.append((batch.position, batch.views))

    Stop.on_train_start, Stop.requested, Noise.on_train_batch_start = remember, at_step, record
    try:
        with suppress(Interrupted):
            train.pretrain(overrides, config_dir)
    finally:
        Stop.on_train_start, Stop.requested, Noise.on_train_batch_start = saved
        train.scoring.make = scored
    return seen


class Record(pl.Callback):
    """Gradients of the third step (SwAV's queue is full), draws and loss of every step."""

    def __init__(self):
        self.gradients, self.views, self.positions, self.losses = {}, [], [], []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        if trainer.global_step == 2:
            named = pl_module.named_parameters()
            self.gradients = {n: p.grad.clone() for n, p in named if p.grad is not None}

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.positions.append(batch.position)
        self.views.append(batch.views)
        self.losses.append(outputs["loss"].detach())


def flipped(sample):
    """The rows in the reverse order."""
    whole = isinstance(sample.input, torch.Tensor)
    rows = sample.input.flip(0) if whole else [view.flip(0) for view in sample.input]
    classes = None if sample.view_label is None else sample.view_label.flip(1)
    return Sample(rows, sample.label.flip(0), sample.position.flip(0), classes)


def two_rows(given):
    """Loss and gradients of a method on a global batch of two rows, both over all ranks."""
    data = build.data(given)
    method = build.method(given, data).double()
    if distributed.world_size() > 1:
        synchronise(method, torch.device("cpu"))
    sample = next(iter(data.loader(distributed.rank(), distributed.world_size())))
    loss = method.training_step(data.make_batch(sample, 0), 0)["loss"]
    loss.backward()
    named = {n: p.grad for n, p in method.named_parameters() if p.grad is not None}
    found = {"loss": loss.detach(), **named}
    return {n: distributed.total(x) / distributed.world_size() for n, x in found.items()}


def steps(overrides, config_dir, permuted=False):
    """`trained` by overrides."""
    return trained(config.compose("pretrain", overrides, config_dir)[0], permuted)


def trained(given, permuted=False):
    """Gradients, losses, draws and state of some steps of real training on these ranks.

    `permuted`: every batch comes in the reverse order, which changes nothing but rounding.
    """
    world = distributed.world_size()
    composed = {**given, "trainer": {**given["trainer"], "devices": world}}
    data = build.data(composed)
    if permuted:
        make_batch = data.make_batch
        data.make_batch = lambda s, epoch: make_batch(flipped(s), epoch)
    method = build.method(composed, data)
    record = Record()
    trainer = build.trainer(composed, [record])
    if world > 1:
        synchronise(method, torch.device("cpu"))
    trainer.fit(method, datamodule=data)
    return {
        "gradients": record.gradients,
        "losses": torch.stack(record.losses),
        "positions": record.positions,
        "views": record.views,
        "state": {k: v.clone() for k, v in method.state_dict().items()},
    }


def measured(given, callback, folder):
    """Train for the files that a callback writes into a folder, metrics.jsonl among them."""
    composed = {**given, "trainer": {**given["trainer"], "devices": distributed.world_size()}}
    data = build.data(composed)
    method = build.method(composed, data)
    trainer = build.trainer(composed, [Metrics(Path(folder) / "metrics.jsonl", 1), callback])
    if distributed.world_size() > 1:
        synchronise(method, torch.device("cpu"))
    trainer.fit(method, datamodule=data)


def slowly(*arguments):
    """An accuracy that takes seconds."""
    time.sleep(7)
    return accuracy(*arguments)


def scored_slowly(overrides, config_dir, folder):
    """The scores that rank 0 wrote while a collective may last three seconds on these ranks."""
    composed, _ = config.compose("pretrain", overrides, config_dir)
    composed["trainer"]["devices"] = distributed.world_size()
    metrics = Metrics(Path(folder) / "metrics.jsonl", 1)
    online_knn.accuracy = slowly
    trainer = build.trainer(composed, [metrics, OnlineKNN(every_n_epochs=1)])
    data = build.data(composed)
    method = build.method(composed, data)
    group = torch.distributed.distributed_c10d
    # Public under another name since torch 2.14, which warns of the old one.
    limit = getattr(torch.distributed, "set_timeout", None) or group._set_pg_timeout
    limit(timedelta(seconds=3))
    try:
        trainer.fit(method, datamodule=data)
        distributed.total(torch.zeros(1))  # the ranks meet again
    finally:
        limit(group.default_pg_timeout)
        online_knn.accuracy = accuracy
    return metrics.latest.get(ONLINE)


class Counting(nn.Module):
    """A backbone that counts the rows that it embeds."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Sequential(nn.Flatten(), nn.LazyLinear(7))
        self.rows = 0

    def forward(self, x):
        self.rows += len(x)
        return self.layer(x)


def features(overrides, config_dir, batch):
    """Features of every training row on these ranks, and the rows that this rank embedded."""
    data = build.data(config.compose("pretrain", overrides, config_dir)[0])
    type(data).clean_batch, before = batch, type(data).clean_batch
    try:
        backbone = Counting()
        backbone(next(iter(data.clean("train"))).input[:1])
        backbone.rows = 0
        rows = torch.arange(len(data.splits.train.label)).flip(0)
        found = extract_on_ranks(backbone, data, "train", rows)
    finally:
        type(data).clean_batch = before
    return found and found._asdict(), backbone.rows


def other_data(overrides, config_dir, folder):
    """Accuracy on other data of a backbone that is not trained, as rank 0 writes it."""
    composed, _ = config.compose("pretrain", [*overrides, "optimizer.lr=0"], config_dir)
    composed["trainer"]["devices"] = distributed.world_size()
    data = build.data(composed)
    metrics = Metrics(Path(folder) / "metrics.jsonl", 1)
    callback = OtherData(data, {"checks": small_data.checks()}, every_n_epochs=1)
    trainer = build.trainer(composed, [metrics, callback])
    trainer.fit(build.method(composed, data), datamodule=data)
    return metrics.latest.get("online/checks/knn@1/top1")


def low_shot():
    """Predictions of protocol low_shot on this rank."""
    made = protocol("low_shot")(Subject(problem(240), problem(40), 3))
    return [answer.top1 for answer in made[""].answers]
