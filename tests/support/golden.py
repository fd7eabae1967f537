"""The reference values of tests/golden and the inputs they were computed from."""

import json
from pathlib import Path

import torch

FOLDER = Path(__file__).parent.parent / "golden"


def golden(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def chirp(shape, a, b, c):
    """x[i] = sin(a i^2 + b i + c) with i the flat row-major index, float64."""
    count = 1
    for n in shape:
        count *= n
    i = torch.arange(count, dtype=torch.float64)
    return torch.sin(a * i * i + b * i + c).view(shape)
