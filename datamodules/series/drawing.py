"""Pictures of windows for the report: one line per channel, each in its own colour."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

HEIGHT, WIDTH = 80, 160  # pixels
LIMIT = 3.5  # standard deviations from the middle line to the edge; larger values are clipped
FINER = 2  # drawn at twice the size and averaged down, which smooths the lines
# Okabe and Ito's palette, which colour-blind readers can tell apart; it repeats after 7 channels.
COLOURS = np.array(
    [
        (0, 114, 178),
        (213, 94, 0),
        (0, 158, 115),
        (204, 121, 167),
        (86, 180, 233),
        (230, 159, 0),
        (60, 60, 60),
    ],
    dtype=np.float32,
)
PAPER, MIDDLE = 255.0, 222.0  # grey levels of the background and of the line at 0


def draw_series(series: Float[Tensor, "B C T"]) -> UInt8[np.ndarray, "B 3 H W"]:
    """Draw normalised windows, all on the same scale; NaN leaves a gap in the line."""
    values = series.detach().double().cpu().numpy()
    page = np.full((len(values), FINER * HEIGHT, FINER * WIDTH, 3), PAPER, dtype=np.float32)
    page[:, page.shape[1] // 2 - 1 : page.shape[1] // 2 + 1] = MIDDLE
    row = np.arange(page.shape[1])[:, None]
    for channel in range(values.shape[1]):
        low, high = _envelope(_row_of(values[:, channel], page.shape[1]), page.shape[2])
        ink = (row >= low[:, None]) & (row <= high[:, None])
        page[ink] = COLOURS[channel % len(COLOURS)]
    small = page.reshape(len(page), HEIGHT, FINER, WIDTH, FINER, 3).mean((2, 4))
    return small.round().astype(np.uint8).transpose(0, 3, 1, 2)


def _row_of(values: Float[np.ndarray, "B T"], height: int) -> Float[np.ndarray, "B T"]:
    """Return the pixel row of each value, counted from the top."""
    return (LIMIT - values.clip(-LIMIT, LIMIT)) / (2 * LIMIT) * (height - 1)


def _envelope(
    y: Float[np.ndarray, "B T"], width: int
) -> tuple[Float[np.ndarray, "B W"], Float[np.ndarray, "B W"]]:
    """Return the first and the last row that the line through y touches in each pixel column."""
    steps = y.shape[1]
    per_column = 1 + -(-steps // width)  # points: so many that no step lies between two of them
    at = np.linspace(0, steps - 1, width * per_column)
    left = np.minimum(at.astype(int), max(steps - 2, 0))
    right = np.minimum(left + 1, steps - 1)
    line = y[:, left] + (at - left) * (y[:, right] - y[:, left])
    line = line.reshape(len(y), width, per_column)
    low, high = np.fmin.reduce(line, 2), np.fmax.reduce(line, 2)
    # Extend each column to the start of the next one: steep lines would have gaps otherwise.
    low[:, :-1] = np.fmin(low[:, :-1], line[:, 1:, 0])
    high[:, :-1] = np.fmax(high[:, :-1], line[:, 1:, 0])
    return low - 1, high + 1
