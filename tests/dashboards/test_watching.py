import json
import time

import pytest
from synthetic_runs import write

from manyviews import dashboards
from manyviews.dashboards import watching
from manyviews.errors import ConfigError
from manyviews.runs import status
from manyviews.sweeps import plan


def told(page):
    return json.loads(page.read_text().split('id="data">')[1].split("</script>")[0])


def test_the_page_is_written_again_until_no_run_is_at_work(tmp_path, monkeypatch):
    run = write(tmp_path / "runs", 0, records=1, state="training", heartbeat=time.time())
    page, waited = tmp_path / "page.html", []

    def wait(seconds):
        waited.append((seconds, told(page)["every"]))
        if len(waited) == 2:
            status.write(run, state="finished")

    monkeypatch.setattr(time, "sleep", wait)
    states = [made.states for made in dashboards.watch([tmp_path / "runs"], page, 3.0)]
    assert states == [{"training": 1}, {"training": 1}, {"finished": 1}]
    assert waited == [(3.0, 3.0), (3.0, 3.0)] and told(page)["every"] is None


def test_a_page_of_runs_that_are_over_is_written_once(tmp_path):
    write(tmp_path / "runs", 0, records=1)
    made = [*dashboards.watch([tmp_path / "runs"], tmp_path / "page.html", 3.0)]
    assert [one.states for one in made] == [{"finished": 1}]


def test_intervals_below_a_second_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"--every 0: type 1 or more seconds"):
        next(dashboards.watch([tmp_path], tmp_path / "page.html", 0))


@pytest.mark.parametrize(
    ("silent", "states", "goes_on"),
    [
        (5, ["finished", "planned"], True),
        (7200, ["finished", "planned"], False),
        (7200, ["finished", "queued"], True),
        (5, ["finished", "failed"], False),
    ],
)
def test_a_sweep_is_waited_for_between_two_runs(tmp_path, monkeypatch, silent, states, goes_on):
    run = write(tmp_path, 0, records=1, heartbeat=time.time() - silent)
    (tmp_path / plan.PLAN).touch()
    trial = plan.Trial(0, [], str(run), {}, {}, None)
    sweep = plan.Sweep(tmp_path, *[()] * (len(plan.Sweep._fields) - 1))._replace(trials=[trial])
    monkeypatch.setattr(plan, "load", lambda folder: sweep)
    monkeypatch.setattr(watching.standing, "states_of", lambda sweep: dict(enumerate(states)))
    assert watching._goes_on(tmp_path) is goes_on
