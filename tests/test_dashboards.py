import pytest

from manyviews import config, dashboards, runs
from manyviews.errors import ConfigError


@pytest.fixture
def run(small, config_dir, monkeypatch):
    for key in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("NETRC", "no-such-netrc")
    composed, choices = config.compose("pretrain", small, config_dir)
    return runs.begin(runs.place(composed, choices), composed, choices, small)


def test_online_without_a_login_is_one_line_and_no_prompt(run):
    with pytest.raises(ConfigError, match="mode=online needs a login: type `wandb login`"):
        dashboards.wandb_logger("online", "manyviews", None, [], run=run)


def test_two_sessions_of_a_run_share_the_dashboard_s_id(run):
    ids = []
    for _ in range(2):
        logger = dashboards.wandb_logger("offline", "manyviews", None, ["a"], run=run)
        ids.append(logger.experiment.id)
        dashboards.finish([logger])
    assert ids == [run.wandb_id] * 2
    assert len(list((run.path / "wandb").glob("offline-run-*"))) == 2
