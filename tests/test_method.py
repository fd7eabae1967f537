"""Contract tests: every method in conf/method/ gets them for free."""

from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from contract import METHODS, batches, made
from torch.utils.data import DataLoader

from manyviews.backbones.resnet import resnet_tiny
from manyviews.batch import Batch, Output
from manyviews.errors import ConfigError
from manyviews.method import Method
from manyviews.methods import BarlowTwins


@pytest.fixture(params=METHODS)
def name(request):
    return request.param


def train(method, some):
    """Plain SGD steps without Lightning."""
    optimizer = torch.optim.SGD(method.parameters(), lr=0.01)
    for batch in some:
        optimizer.zero_grad()
        method.training_step(batch, 0)["loss"].backward()
        optimizer.step()
    return method.state_dict()


def test_step_returns_an_output_of_the_agreed_shapes(name, config_dir):
    method, data = made(name, config_dir)
    output = method.step(batches(data, 1)[0])
    assert isinstance(output, Output)
    assert output.loss.shape == () and output.loss.dtype == torch.float32
    views, rows, width = output.embedding.shape
    assert (rows, width) == (8, method.backbone.embedding_dim)
    assert output.projection.shape[:2] == (views, rows)
    assert all(value.shape == () for value in output.logs.values())


def with_views(batch, count):
    """The batch with this many views, the first ones again and again."""
    views = [batch.views[v % len(batch.views)] for v in range(count)]
    return batch._replace(views=views, view_label=None)


TWO = ["views=two_crops"]
VIEWS = {"rebar": ["views=rebar"], "rebar_retriever": ["views=window"]}


def test_every_number_of_views_that_it_reads_passes(name, config_dir):
    method, data = made(name, config_dir, *VIEWS.get(name, TWO))
    fewest, most = method.views_read
    for count in {fewest, most or fewest + 3}:
        method.training_step(with_views(batches(data, 1)[0], count), 0)["loss"].backward()


def test_another_number_of_views_is_one_line(name, config_dir):
    method, data = made(name, config_dir, *VIEWS.get(name, TWO))
    fewest, most = method.views_read
    instead = VIEWS.get(name, TWO)[0]
    said = rf"^{type(method).__name__} reads {fewest}.* views of a sample, got %d; .*{instead}$"
    for count in {fewest - 1, most + 1 if most else 0}:
        with pytest.raises(ConfigError, match=said % count):
            method.training_step(with_views(batches(data, 1)[0], count), 0)
    if most:
        with pytest.raises(ConfigError, match=said % (most + 1)):
            kind = "large" if name not in VIEWS else "window"
            made(name, config_dir, *VIEWS.get(name, TWO), f"views.{kind}.count={most + 1}")


def test_every_parameter_gets_a_gradient(name, config_dir):
    method, data = made(name, config_dir)
    method.step(batches(data, 1)[0]).loss.backward()
    trained = [(n, p) for n, p in method.named_parameters() if p.requires_grad]
    assert [n for n, p in trained if p.grad is None] == []
    assert all(p.grad is None for p in method.parameters() if not p.requires_grad)


def test_callbacks_get_nothing_that_holds_the_graph(name, config_dir):
    method, data = made(name, config_dir)
    result = method.training_step(batches(data, 1)[0], 0)
    assert result["loss"].requires_grad
    held = [*result["output"][:3], *result["logs"].values()]
    assert not any(value.requires_grad for value in held)


def test_weight_zero_is_bit_identical(name, config_dir):
    some = None
    states = []
    for more in (["++regularizers.vne=null"], ["regularizer=vne", "regularizers.vne.weight=0.0"]):
        method, data = made(name, config_dir, *more)
        some = some or batches(data, 3)
        states.append(train(method, some))
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])


def test_a_positive_vne_weight_lowers_the_loss_by_the_entropy(name, config_dir):
    method, data = made(name, config_dir, "regularizer=vne", "regularizers.vne.weight=0.5")
    total, logs = method.total_loss(method.step(batches(data, 1)[0]))
    logs = {key: value.detach() for key, value in logs.items()}
    assert logs["train/loss/vne"] < 0
    expected = logs["train/loss/method"] + 0.5 * logs["train/loss/vne"]
    torch.testing.assert_close(total.detach(), expected)
    assert logs["train/weight/vne"] == 0.5


def test_the_same_seed_gives_the_same_weights(name, config_dir):
    states = []
    for _ in range(2):
        method, data = made(name, config_dir)
        states.append(train(method, batches(data, 3)))
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])


def test_state_fits_strictly_into_a_fresh_method(name, config_dir):
    method, data = made(name, config_dir)
    state = train(method, batches(data, 2))
    fresh, _ = made(name, config_dir)
    fresh.apply(lambda module: getattr(module, "reset_parameters", lambda: None)())
    fresh.load_state_dict(state)
    batch = batches(data, 1)[0]
    with torch.no_grad():
        torch.testing.assert_close(fresh.step(batch).loss, method.step(batch).loss)


def test_one_dimensional_tensors_are_not_decayed(name, config_dir):
    method, _ = made(name, config_dir)
    matrices, vectors = method.parameter_groups()
    assert all(p.ndim > 1 for p in matrices["params"])
    assert all(p.ndim <= 1 for p in vectors["params"]) and vectors["weight_decay"] == 0
    trained = [p for p in method.parameters() if p.requires_grad]
    assert len(matrices["params"]) + len(vectors["params"]) == len(trained)


def test_a_method_without_step_says_what_to_write():
    with pytest.raises(NotImplementedError, match=r"Method writes step\(batch\)"):
        Method.step(object.__new__(Method), Batch([], torch.zeros(0), torch.zeros(0)))


def test_an_ordinary_loader_of_views_and_labels_trains_in_a_plain_trainer():
    loader = DataLoader(
        [((torch.randn(1, 16, 16), torch.randn(1, 16, 16)), i % 2) for i in range(8)], batch_size=4
    )
    method = BarlowTwins(resnet_tiny(stem="small", in_channels=1), hidden_dim=8, projection_dim=8)
    method.train_with(optimizer=partial(torch.optim.SGD, lr=0.1), schedule=lambda step, **_: 1.0)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = pl.Trainer(
        max_steps=2, accelerator="cpu", enable_model_summary=False, num_sanity_val_steps=0, **quiet
    )
    trainer.fit(method, loader)
    assert trainer.global_step == 2


def test_views_of_bytes_are_not_cast_in_silence():
    method = BarlowTwins(resnet_tiny(stem="small", in_channels=1), hidden_dim=8, projection_dim=8)
    view, label = torch.zeros(4, 1, 16, 16, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"view 0 is torch.uint8 .* expected a float tensor"):
        method.training_step(([view, view], label), 0)
