import torch
from pictures import write_folder
from small_data import stripes

from manyviews.commands.doctor.throughput import speed_of_views, speeds
from manyviews.datamodules.images.custom import folder
from manyviews.datamodules.images.datamodule import ImageData
from manyviews.datamodules.views.images.crop import Crop
from manyviews.datamodules.views.images.pipeline import View, Views

CPU = torch.device("cpu")


def timed(splits):
    views = Views(large=View(2, {"crop": Crop(8, [0.3, 1.0], [0.75, 4 / 3])}))
    return ImageData(splits, views, batch_size=512, seed=0)


def test_images_in_memory_are_timed_without_workers():
    assert speeds(timed(stripes(8)), CPU, 0.01)[0] > 0


def test_files_are_timed_with_none_and_some_workers(tmp_path, monkeypatch):
    monkeypatch.setattr("manyviews.commands.doctor.throughput.cores", lambda: 1)
    made = folder(str(write_folder(tmp_path, shape=lambda i: (20 + i, 30))))
    assert speed_of_views(timed(made), CPU, 0.01) > 0
    rates = speeds(timed(made), CPU, 0.01)
    assert rates.keys() == {0, 1} and min(rates.values()) > 0
    assert made.train.workers is None
