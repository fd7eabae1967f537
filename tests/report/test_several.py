import json

from rich.console import Console

from manyviews import report


def test_long_names_that_are_alike_are_told_by_letters(tmp_path):
    names = [f"swav-fashion_mnist_mini-resnet_slim-00a59503-s{i}" for i in range(3)]
    row = {"protocol": "retrieval@1", "metric": "map", "value": 0.1, "low": 0.05, "high": 0.15}
    pairs = [(names[0], names[1]), (names[0], names[2])]
    content = {
        "differences": [{**row, "first": a, "second": b, "differ": True} for a, b in pairs],
        "apart": [{"first": names[1], "second": names[2], "reason": "other data"}],
    }
    file = tmp_path / "comparison.json"
    file.write_text(json.dumps(content))
    console = Console(width=80)
    with console.capture() as captured:
        console.print(report.comparison_table(file))
    lines = [" ".join(line.split()) for line in captured.get().splitlines()]
    assert lines[:3] == [f"{letter}: {name}" for letter, name in zip("ABC", names, strict=True)]
    assert any("A minus C retrieval@1" in line and "+10.0 points (+5.0" in line for line in lines)
    assert lines[-1] == "B minus C not paired other data"
