import pytest

from manyviews.evaluation.grid import edge, ranked

KEY = "evaluation.linear_lbfgs.penalties"


@pytest.mark.parametrize(
    ("won", "extreme", "typed"),
    [
        (0.01, "smallest", "0.0001,0.001,0.01,0.1,1"),
        (1.0, "largest", "0.01,0.1,1,10,100"),
    ],
)
def test_a_winner_at_the_end_is_told_with_what_to_type(won, extreme, typed):
    accuracy = {1.0: 0.5, 0.1: 0.5, 0.01: 0.5, won: 0.9}
    said = edge(KEY, [1.0, 0.1, 0.01], accuracy, won)
    assert said.startswith(f"the {extreme} of 3 values of {KEY} won ({won:g})")
    assert said.endswith(f"type '{KEY}=[{typed}]'")


def test_a_winner_inside_or_alone_is_not_told():
    assert edge(KEY, [1.0, 0.1, 0.01], {1.0: 0.5, 0.1: 0.9, 0.01: 0.5}, 0.1) == ""
    assert edge(KEY, [0.1], {0.1: 0.9}, 0.1) == ""


def test_nothing_is_told_where_the_accuracy_is_flat():
    assert edge(KEY, [1.0, 0.1, 0.01], {1.0: 0.9, 0.1: 0.9, 0.01: 0.5}, 1.0) == ""


def test_there_is_nothing_below_zero_and_above_it_steps_are_tenfold():
    decays = "evaluation.linear.weight_decays"
    assert edge(decays, [0.0, 1e-3], {0.0: 0.9, 1e-3: 0.5}, 0.0) == ""
    assert edge(decays, [0.0, 1e-3], {0.0: 0.5, 1e-3: 0.9}, 1e-3).endswith("[0,0.001,0.01,0.1]'")


def test_settings_are_ranked_by_accuracy_and_equal_ones_keep_their_order():
    settings = [{"penalty": p} for p in (1.0, 0.1, 0.01)]
    assert ranked(settings, [0.5, 0.9, 0.5]) == [
        {"penalty": 0.1, "accuracy": 0.9},
        {"penalty": 1.0, "accuracy": 0.5},
        {"penalty": 0.01, "accuracy": 0.5},
    ]
