"""Random orientation of sensors with three axes."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.series.random_apply import RandomApply
from manyviews.errors import ConfigError
from manyviews.ranges import Share


class Rotation(RandomApply):
    """A random rotation of the axes x, y, z of a sensor, uniform over all rotations.

    After Um et al. (2017, arXiv 1706.00527), whose axis is uniform in a cube and whose angle is
    uniform as well, so that their small turns are more frequent. If one of three values is NaN, all
    three become NaN. The normalised series turns, as theirs does: around the mean of the training
    data, not around the sensor's zero.

    Args:
        probability: chance that a sample is changed, 0 to 1.
        groups: channels of each device, in threes of x, y, z; all threes of a device (its
            accelerometer and its gyroscope) turn together. Null: all channels are one device.
    """

    def __init__(self, probability: Share, groups: list[list[int]] | None = None) -> None:
        super().__init__(probability)
        channels = [channel for group in groups or [] for channel in group]
        odd = groups is not None and any(len(group) % 3 or not group for group in groups)
        if odd or groups == [] or len({*channels}) < len(channels) or min(channels, default=0) < 0:
            raise ConfigError(
                f"rotation groups={groups}; allowed: lists of 3, 6, 9 ... channel numbers from 0, "
                "none twice, for example [[0, 1, 2], [3, 4, 5]]"
            )
        self.groups = groups

    def draws(self, channels: int, length: int) -> int:
        """Return the count of draws: apply, and three numbers for every device.

        Raises:
            ConfigError: the series does not have these channels.
        """
        return 1 + 3 * len(self.devices(channels))

    def devices(self, channels: int) -> list[list[int]]:
        """Return the channels of every device.

        Raises:
            ConfigError: the series does not have these channels.
        """
        if self.groups is None and channels % 3:
            raise ConfigError(
                f"rotation turns channels in threes, the series have {channels}; type their "
                "numbers as groups, for example [[0, 1, 2]], or probability=0"
            )
        groups = self.groups or [[*range(channels)]]
        if (last := max(map(max, groups))) >= channels:
            raise ConfigError(
                f"rotation groups name channel {last}; the series have {channels}, "
                f"numbers 0 to {channels - 1}"
            )
        return groups

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B n"]
    ) -> Float[Tensor, "B C T"]:
        """Return turned windows if their first draw is below the probability."""
        channel = [*series.unbind(1)]
        devices = self.devices(len(channel))
        apply = self.happens(draws[:, 0])[:, None, None]
        for device, numbers in zip(devices, draws[:, 1:].split(3, 1), strict=True):
            matrix = rotations(numbers.double()).to(series.dtype)
            for x, y, z in zip(device[::3], device[1::3], device[2::3], strict=True):
                triad = torch.stack([channel[x], channel[y], channel[z]], 1)
                turned = torch.where(apply, _turn(matrix, triad), triad)
                channel[x], channel[y], channel[z] = turned.unbind(1)
        return torch.stack(channel, 1)


def _turn(matrix: Float[Tensor, "B 3 3"], triad: Float[Tensor, "B 3 T"]) -> Float[Tensor, "B 3 T"]:
    """Return matrix @ triad, as sums: the last bits of a matrix product depend on the batch."""
    x, y, z = (axis[:, None] for axis in triad.unbind(1))
    a, b, c = (column[..., None] for column in matrix.unbind(2))
    return a * x + b * y + c * z


def rotations(draws: Float[Tensor, "B 3"]) -> Float[Tensor, "B 3 3"]:
    """Return rotation matrices, uniform over all rotations (Shoemake, 1992).

    A unit quaternion is uniform on its sphere if two angles and the square of one radius are.
    """
    radius, first, second = draws.unbind(1)
    inner, outer = radius.sqrt(), (1 - radius).sqrt()
    alpha, beta = 2 * math.pi * first, 2 * math.pi * second
    x, y, z, w = outer * alpha.sin(), outer * alpha.cos(), inner * beta.sin(), inner * beta.cos()
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, 1) for row in rows], 1)
