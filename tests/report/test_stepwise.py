import json
from pathlib import Path
from xml.etree import ElementTree

from manyviews.report import figures
from manyviews.report.stepwise import SHOWN, read, stepwise

SVG = "{http://www.w3.org/2000/svg}"


def write(eigenvalues, tail=""):
    lines = [
        json.dumps({"step": 10 * (i + 1), "of": "projection", "n": 64, "eigenvalues": values})
        for i, values in enumerate(eigenvalues)
    ]
    Path("eigenvalues.jsonl").write_text("".join(f"{line}\n" for line in lines) + tail)


def curves(svg):
    """The drawn curves: paths of several points without filling."""
    root = ElementTree.fromstring(svg)
    lines = [g for g in root.iter(f"{SVG}g") if g.get("id", "").startswith("line2d")]
    paths = [path for g in lines for path in g.iter(f"{SVG}path")]
    return [p for p in paths if "#1a56c4" in p.get("style", "")]


def test_every_eigenvalue_is_a_curve_over_the_steps():
    write([[1e-3 * 2**i, 1e-4 * 3**i, 1e-5] for i in range(8)])
    drawn = curves(figures.plot(stepwise(Path())))
    assert len(drawn) == 3
    assert all(path.get("d").count("L") == 7 for path in drawn)


def test_no_more_than_the_largest_are_drawn():
    write([[1.0 / (n + 1 + i) for n in range(64)] for i in range(4)])
    assert len(curves(figures.plot(stepwise(Path())))) == SHOWN


def test_the_same_records_give_the_same_bytes():
    write([[1.0, 0.5], [2.0, 0.0]])
    assert figures.plot(stepwise(Path())) == figures.plot(stepwise(Path()))


def test_a_run_without_records_or_with_one_has_no_figure():
    assert stepwise(Path()) is None
    write([[1.0, 0.5]])
    assert stepwise(Path()) is None


def test_damaged_lines_are_left_out():
    write([[1.0], [2.0]], tail='{"step": 30}\n[1]\n{"step": 40, "eigenv')
    assert [record["step"] for record in read(Path("eigenvalues.jsonl"))] == [10, 20]
