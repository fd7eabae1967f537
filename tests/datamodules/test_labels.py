import os

import numpy as np
import pytest
import torch

from manyviews import build, config
from manyviews.datamodules.labels import classes_of
from manyviews.errors import ConfigError


@pytest.mark.parametrize("name", ["classes.npy", "classes.txt"])
def test_a_class_for_each_image_is_read_in_their_order(name, tmp_path):
    values = np.array([3, 0, 1, 1])
    if name.endswith("npy"):
        np.save(tmp_path / name, values)
    else:
        (tmp_path / name).write_text("3\n0\n1\n1\n")
    assert classes_of(str(tmp_path / name), 4).tolist() == [3, 0, 1, 1]


BAD = {
    "does not hold one integer per line": "cat\ndog\n",
    r"holds int64 \(3,\); expected an integer for each of the 4": "1\n2\n3\n",
    "holds -1; classes begin at 0": "0\n-1\n2\n3\n",
    "does not hold one integer per line .Python int too large": "0\n9223372036854775808\n2\n3\n",
    "holds 9223372036854775807; classes begin at 0": "0\n9223372036854775807\n2\n3\n",
}


@pytest.mark.parametrize("line", BAD)
def test_a_wrong_file_says_what_is_wrong(line, tmp_path):
    (tmp_path / "classes.txt").write_text(BAD[line])
    with pytest.raises(ConfigError, match=line):
        classes_of(str(tmp_path / "classes.txt"), 4)


def test_the_method_sees_the_given_classes_and_evaluation_does_not(tmp_path, config_dir):
    values = torch.arange(64) % 5
    np.save(tmp_path / "clusters.npy", values.numpy())
    overrides = ["data=stripes", "data.labels=clusters.npy", "method=hydra", "batch_size=16"]
    composed, _ = config.compose("pretrain", [*overrides, "backbone=resnet_tiny"], config_dir)
    data = build.data(composed)
    batch = data.make_batch(next(iter(data.loader())), 0)
    assert torch.equal(batch.label, values[batch.position])
    assert build.method(composed, data).gate.classes.num_embeddings == 5
    assert set(data.splits.train.label.tolist()) == {0, 1}


def test_a_pipe_of_labels_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="data.labels=.*pipe is a named pipe"):
        classes_of(str(tmp_path / "pipe"), 4)


def test_a_class_above_the_largest_number_of_64_bits_does_not_become_unknown(tmp_path):
    np.save(tmp_path / "classes.npy", np.array([0, 2**64 - 1], np.uint64))
    with pytest.raises(ConfigError, match="holds 18446744073709551615; classes begin at 0"):
        classes_of(str(tmp_path / "classes.npy"), 2)
