import pytest
from golden import golden

from manyviews.errors import ConfigError
from manyviews.optim import WarmupCosine

LENGTH = {"total_steps": 1000, "steps_per_epoch": 10}


def test_learning_rate_equals_swavs_official_schedule():
    schedule = WarmupCosine(10, start=0.3 / 4.8, final=0.001, reach="last_warmup_step")
    for step, rate in golden("swav_barlow")["swav"]["lr_schedule"]["lr_at_iter"].items():
        assert 4.8 * schedule(int(step), **LENGTH) == pytest.approx(rate, rel=1e-7)


def test_both_learning_rates_equal_barlow_twins_official_schedule():
    schedule = WarmupCosine(10, start=0.0, final=0.001)
    expected = golden("swav_barlow")["barlow"]["lr_schedule"]["[lr_w,lr_b]_at_step"]
    for step, rates in expected.items():
        factor = schedule(int(step), **LENGTH)
        assert [1.6 * factor, 0.0384 * factor] == pytest.approx(rates, rel=1e-7)


def test_no_warmup_begins_at_the_peak():
    assert WarmupCosine(0)(0, **LENGTH) == 1.0


def test_a_warmup_longer_than_the_run_never_passes_one():
    schedule = WarmupCosine(50)
    factors = [schedule(s, total_steps=20, steps_per_epoch=10) for s in range(20)]
    assert factors == sorted(factors) and factors[-1] < 1


def test_a_negative_warmup_is_refused():
    with pytest.raises(ConfigError, match="warmup_cosine warmup_epochs=-1; allowed: 0 or more"):
        WarmupCosine(-1)
