import pytest
from report_run import write_run


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")
