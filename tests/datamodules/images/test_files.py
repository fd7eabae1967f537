import numpy as np
import pytest
import torch
from pictures import write_folder
from PIL import Image

from manyviews import draws
from manyviews.datamodules.images import files
from manyviews.datamodules.images.clean import Clean
from manyviews.datamodules.images.custom import folder
from manyviews.datamodules.images.datamodule import ImageData
from manyviews.datamodules.images.decode import BadImage, read, to_tensor
from manyviews.datamodules.images.files import cores
from manyviews.datamodules.views.images.crop import Crop
from manyviews.datamodules.views.images.flip import Flip
from manyviews.datamodules.views.images.pipeline import View, Views
from manyviews.errors import ConfigError

RATIO = [0.75, 4 / 3]


def two_sizes():
    def operations(size):
        return {"crop": Crop(size, [0.3, 1.0], RATIO, "bicubic"), "flip": Flip(0.5)}

    return Views(large=View(2, operations(None)), small=View(1, operations(12)))


@pytest.fixture
def root(tmp_path):
    return write_folder(tmp_path / "many", count=24, shape=lambda i: (30 + i, 28 + 2 * i))


def data(root, workers=0, batch_size=6):
    splits = folder(str(root), size=20, workers=workers)
    return ImageData(splits, two_sizes(), batch_size=batch_size, seed=3)


def batches(source, loader):
    return [source.make_batch(sample, epoch=0) for sample in loader]


def test_each_view_has_its_size(root):
    first = batches(data(root), data(root).loader())[0]
    assert [tuple(v.shape) for v in first.views] == [(6, 3, 20, 20)] * 2 + [(6, 3, 12, 12)]


@pytest.mark.slow
def test_workers_cut_what_this_process_cuts_in_the_same_order(root):
    alone, shared = (batches(source := data(root, w), source.loader()) for w in (0, 2))
    for a, b in zip(alone, shared, strict=True):
        assert torch.equal(a.position, b.position) and torch.equal(a.label, b.label)
        assert all(torch.equal(x, y) for x, y in zip(a.views, b.views, strict=True))


def test_ranks_together_see_the_views_of_one_process(root):
    source = data(root)
    alone = batches(source, source.loader())[0].views
    shares = [batches(source, source.loader(rank, world=2))[0].views for rank in range(2)]
    assert all(torch.equal(a, torch.cat(s)) for a, s in zip(alone, zip(*shares), strict=True))  # noqa: B905


def test_a_loader_restored_in_mid_epoch_continues_behind_the_last_batch(root):
    source = data(root)
    whole = [sample.position.tolist() for sample in source.loader()]
    loader, again = source.loader(), source.loader()
    next(iter(loader))
    again.load_state_dict(loader.state_dict())
    assert [sample.position.tolist() for sample in again] == whole[1:]


def test_cuts_are_torchvision_crops_of_the_picture(root):
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2.functional import resized_crop

    source = data(root)
    files, crop = source.splits.train, source.views.kinds["large"].operations["crop"]
    row = torch.tensor([4])
    picture = read(files.paths[4], 3)
    numbers = draws.uniform(3, 5, row, 1, "crop", crop.draws)
    box = [int(side) for side in crop.boxes([(picture.height, picture.width)], numbers)]
    cut = files.sample(row, source.prepare(), epoch=5).input[1][0]
    options = [*box, [20, 20], InterpolationMode.BICUBIC]
    assert torch.equal(cut, resized_crop(to_tensor(picture), *options))
    on_pil = to_tensor(resized_crop(picture, *options))
    assert (cut.float() - on_pil.float()).abs().mean() < 0.5  # of 255


def test_clean_squares_are_the_usual_centre_crop():
    from torchvision.transforms.functional import center_crop, resize

    low = np.random.default_rng(0).integers(0, 256, (16, 20, 3), np.uint8)
    picture = Image.fromarray(low).resize((500, 400))
    clean = Clean((224, 224))([picture], torch.tensor([0]), 0)[0]
    usual = to_tensor(center_crop(resize(picture, 256, Image.Resampling.BICUBIC), [224, 224]))
    assert (clean.float() - usual.float()).abs().mean() < 1


def test_views_without_a_leading_crop_are_refused(root):
    views = Views(large=View(2, {"flip": Flip(0.5)}))
    with pytest.raises(ConfigError, match="begin with a crop, not with flip"):
        ImageData(folder(str(root), size=20), views, batch_size=4, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_breaks_during_training_is_named_in_one_line(workers, root):
    source = data(root, workers)
    source.splits.train.paths[7].write_text("no image any more")
    with pytest.raises(BadImage, match=r"'.*\.png' was readable before: not an image") as error:
        batches(source, source.loader())
    assert "\n" not in str(error.value)


def test_ranks_share_the_cores(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(12)))
    assert cores() == 12
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert cores() == 3


def test_a_few_images_are_decoded_without_starting_workers(root, monkeypatch):
    def refuse():
        raise AssertionError("a worker was started")

    splits = folder(str(root), size=20)
    monkeypatch.setattr(files, "_server", refuse)
    rows = torch.arange(len(splits.train.label))
    expected = folder(str(root), size=20, workers=0).train.sample(rows)
    (found,) = splits.train.samples([rows])
    assert torch.equal(found.input, expected.input)
    monkeypatch.setattr(files, "FEW", 1)
    with pytest.raises(AssertionError, match="a worker was started"):
        next(splits.train.samples([rows]))
