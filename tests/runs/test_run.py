from pathlib import Path

import pytest

from manyviews import runs, train
from manyviews.errors import ConfigError


def test_a_run_of_another_version_is_refused(done_here):
    file = done_here.path / "config.yaml"
    file.write_text(file.read_text().replace("format_version: 2", "format_version: 99"))
    with pytest.raises(ConfigError, match="format_version 99, this manyviews reads 1 to 2"):
        runs.load(done_here.path)


def test_a_place_that_refuses_folders_is_one_line(small, config_dir):
    """/proc refuses even root, as a read-only folder refuses others."""
    with pytest.raises(ConfigError, match="cannot write to /proc/self/runs.*type runs=FOLDER"):
        train.pretrain([*small, "runs=/proc/self/runs"], config_dir)


def test_a_file_where_the_folder_should_be_is_one_line(small, config_dir):
    Path("runs").touch()
    with pytest.raises(ConfigError, match="cannot write to runs.*type runs=FOLDER"):
        train.pretrain(small, config_dir)
