import pytest
import torch
from rich.console import Console

from manyviews.commands import costs
from manyviews.errors import ConfigError


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(costs, "SECONDS", 0.0)
    monkeypatch.setattr(costs, "BATCH", 2)


def shown(*arguments):
    table, skipped = costs.table(*arguments)
    console = Console(width=120)
    with console.capture() as captured:
        console.print(table)
    return captured.get(), skipped


def test_it_counts_the_operations_of_a_resnet(monkeypatch):
    """1.82 GMAC without the classifier's half million, as published for ResNet-18."""
    monkeypatch.setattr(costs, "_rate", lambda work: 1.0)  # of which nothing is said here
    found = costs.measure("resnet18", 224, 3)
    assert found.gflops == pytest.approx(2 * 1.8136, rel=1e-3)
    assert (found.parameters, found.embedding_dim) == (11_176_512, 512)


def test_it_counts_attention():
    """Two products of (tokens x tokens x D) in each of the six blocks are more than half here."""
    found = costs.measure("timm/test_vit", 160, 3)
    tokens, width, blocks, hidden = 101, 64, 6, 192
    linear = tokens * (width * 3 * width + width * width + 2 * width * hidden)
    attention = 2 * tokens * tokens * width
    patches = 100 * 3 * 16 * 16 * width
    assert found.gflops * 1e9 == pytest.approx(2 * (blocks * (linear + attention) + patches))


def test_both_speeds_are_measured_and_training_is_the_slower(monkeypatch):
    monkeypatch.setattr(costs, "SECONDS", 0.3)
    found = costs.measure("resnet_tiny", 32, 1)
    assert found.forward > found.training > 0


def test_the_table_names_the_machine_and_a_row_per_backbone():
    said, skipped = shown("resnet_t*", 32, 1)
    assert "1 x 32 x 32, batches of 2 on " in said and f"{torch.get_num_threads()} threads" in said
    assert "resnet_tiny" in said and "resnet18" not in said and skipped == []


def test_a_backbone_that_cannot_take_the_size_is_left_out_with_what_it_takes():
    _, (line,) = shown("timm/test_vit", 28, 1)
    assert line.startswith("timm/test_vit is left out: images of 28 x 28") and "has 16" in line


@pytest.mark.parametrize(
    ("pattern", "size", "said"),
    [
        (
            "timm/*",
            32,
            r"'timm/\*' names \d{4} backbones, at most 40 .* narrow it, for example 'timm/",
        ),
        ("resnot", 32, "no backbone is called 'resnot'; see `manyviews list backbones`"),
        ("resnet18", 0, "--size 0 --channels 3; both must be 1 or more"),
    ],
)
def test_what_is_too_much_or_nothing_is_one_line(pattern, size, said):
    with pytest.raises(ConfigError, match=said):
        costs.table(pattern, size, 3)
