import pytest

from manyviews.datamodules.series.durations import steps


@pytest.mark.parametrize(
    ("given", "count"),
    [(128, 128), ("2.56s", 128), ("5.12 s", 256), ("500ms", 25), ("1min", 3000), (".1s", 5)],
)
def test_steps_follow_from_the_rate(given, count):
    assert steps(given, 50.0, "data.window") == count
