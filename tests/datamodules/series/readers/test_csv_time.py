import pytest

from manyviews.datamodules.series.readers.csv_long import read_csv
from manyviews.errors import ConfigError


@pytest.fixture
def timed(tmp_path):
    """Writes recordings whose steps have these lengths, and reads them."""

    def of(*steps, rate=None):
        rows = [f"r{r},{i * step:.10g},{i}" for r, step in enumerate(steps) for i in range(20)]
        (tmp_path / "x.csv").write_text("\n".join(["recording,t,x", *rows]))
        return read_csv(tmp_path / "x.csv", ["x"], rate)

    return of


def test_the_rate_is_that_of_the_time(timed):
    found = timed(0.04, 0.04)
    assert found.rate == 25 and found.notes == ("x.csv: t grows by 0.04 s a step, so data.rate=25",)


def test_another_rate_than_that_of_the_time_is_refused_with_both(timed):
    with pytest.raises(ConfigError, match=r"0.04 a step, which is 25 Hz, but data.rate=50; leave"):
        timed(0.04, rate=50)


@pytest.mark.parametrize("rate", [24.9, 25, 25.2])
def test_clocks_need_not_be_exact(timed, rate):
    found = timed(0.04, 0.0401, rate=rate)
    assert found.rate == rate and found.notes == ()


def test_recordings_of_different_rates_are_refused(timed):
    with pytest.raises(ConfigError, match=r"t of recording 'r2' grows by 0.02 a step, elsewhere"):
        timed(0.04, 0.04, 0.02)


@pytest.mark.parametrize(
    ("step", "unit"), [(40, "milliseconds"), (40_000, "microseconds"), (4e7, "nanoseconds")]
)
def test_other_units_of_time_are_recognised_by_the_rate_and_told(timed, step, unit):
    found = timed(step, rate=25)
    assert found.rate == 25 and found.notes == (f"x.csv: t is in {unit}, as data.rate=25 says",)


def test_a_time_that_counts_steps_is_told(timed):
    found = timed(1, rate=25)
    assert found.rate == 25
    assert found.notes == ("x.csv: t counts steps, 25 of them a second (data.rate)",)
    assert timed(1).rate == 1
