"""What every method does at the edge of what it may be given: it works, or says what is wrong."""

from pathlib import Path

import on_ranks
import pytest
import torch
from contract import METHODS, batches, composed, made, number, speck, taking

from manyviews import build
from manyviews.errors import ConfigError


@pytest.fixture(params=METHODS)
def name(request):
    return request.param


def gradients(method, batch):
    """Of the parameters that got one; loss and gradients are finite."""
    loss = method.training_step(batch, 0)["loss"]
    loss.backward()
    found = [p.grad for p in method.parameters() if p.grad is not None]
    assert loss.isfinite() and all(g.isfinite().all() for g in found)
    return found


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_identical_images_have_a_finite_loss_and_gradient(value, name, config_dir):
    method, data = made(name, config_dir)
    batch = batches(data, 1)[0]
    same = [torch.full_like(view, value) for view in batch.views]
    assert gradients(method, batch._replace(views=same))


@pytest.mark.parametrize("name", taking("projection_dim"))
def test_a_projection_of_one_number_is_refused(name, config_dir):
    with pytest.raises(ConfigError, match=r"allowed: .*method.projection_dim 2 or more"):
        made(name, config_dir, *speck(name), "method.projection_dim=1")


@pytest.mark.parametrize("name", [name for name in METHODS if number(name)])
def test_an_embedding_of_one_number_trains(name, config_dir):
    method, data = made(name, config_dir, *number(name))
    assert any(g.any() for g in gradients(method, batches(data, 1)[0]))


BAD_CLASSES = {
    -1: "needs a class for every image, but 64 of 64 have none; choose labelled data",
    0: "contrasts classes, and all 64 images have the same; choose other data",
}


def with_one_class(label, name, config_dir):
    given = composed(name, config_dir, *speck(name))
    data = build.data(given)
    data.splits.train.label[:] = label
    return given, data


@pytest.mark.parametrize("label", BAD_CLASSES)
@pytest.mark.parametrize("name", taking("classes"))
def test_data_without_classes_are_refused_where_they_are_needed(label, name, config_dir):
    given, data = with_one_class(label, name, config_dir)
    with pytest.raises(ConfigError, match=BAD_CLASSES[label]):
        build.method(given, data)


@pytest.mark.parametrize("name", sorted({*METHODS} - {*taking("classes")}))
def test_data_without_classes_train_where_nothing_asks_for_them(name, config_dir):
    given, data = with_one_class(-1, name, config_dir)
    assert gradients(build.method(given, data), batches(data, 1)[0])


WITH_PARTNERS = taking("classes", "positives")
POLICIES = [f"method.positives={kind}" for kind in ("arbitrary", "identical", "distinct")]
CLASSED = [(name, [kind]) for name in WITH_PARTNERS for kind in POLICIES]
CLASSED += [(name, []) for name in taking("classes") if name not in WITH_PARTNERS]


@pytest.mark.parametrize(("name", "more"), CLASSED)
def test_classes_of_a_file_with_one_image_each_train(name, more, config_dir):
    Path("classes.txt").write_text("\n".join(map(str, range(64))))
    method, data = made(name, config_dir, *speck(name), "data.labels=classes.txt", *more)
    data.splits.train.label[:] = -1  # of the data: unknown
    assert gradients(method, batches(data, 1)[0])


@pytest.mark.parametrize("name", WITH_PARTNERS)
def test_distinct_partners_need_a_third_class(name, config_dir):
    with pytest.raises(ConfigError, match=r"method.positives=distinct needs 3 classes or more"):
        made(name, config_dir, *speck(name), "method.positives=distinct")


@pytest.mark.slow
def test_one_row_per_rank_gives_the_gradients_of_both_rows_together(name, config_dir, ranks):
    given = composed(name, config_dir, "batch_size=2")
    expected = on_ranks.two_rows(given)
    found = ranks(2)("on_ranks.two_rows", given)[0]
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-8, atol=1e-10)


def test_one_row_at_a_time_is_refused_before_a_folder_is_made(config_dir):
    _, data = made("byol", config_dir, "batch_size=2", "trainer.accumulate_grad_batches=2")
    with pytest.raises(ConfigError, match=r"two rows or more at a time; type batch_size=4"):
        data.loader()
