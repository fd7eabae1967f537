from report_run import card
from rich.console import Console

from manyviews import report


def test_eighty_columns_hold_every_score_and_difference():
    console = Console(width=80)
    with console.capture() as captured:
        console.print(report.table(card()))
    lines = [" ".join(line.split()) for line in captured.get().splitlines()]
    assert len(lines) == 1 + 2 * 4
    assert lines[1] == "knn@1"
    assert lines[2] == "trained 83.7 % (82.0 to 85.3)"
    assert lines[3] == "random initialisation 73.6 % (71.9 to 75.2) +10.0 (+8.8 to +11.2)"
    assert lines[8] == "raw pixels 83.2 % (81.5 to 84.8) +0.5 (-0.7 to +1.7)"


def test_a_long_name_takes_no_digit_of_a_number():
    wide = card()
    for row in [*wide["scores"], *wide["differences"]]:
        row["metric"] = {"top1": "map"}.get(row["metric"], row["metric"])
    console = Console(width=80)
    with console.capture() as captured:
        console.print(report.table(wide))
    text = captured.get()
    assert "\N{HORIZONTAL ELLIPSIS}" not in text and "+10.0 (+8.8 to +11.2)" in text
