"""Invariance curves: what features keep when images are moved, turned, enlarged or blurred."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from manyviews import draws
from manyviews.datamodules.module import ViewData
from manyviews.errors import ConfigError
from manyviews.evaluation.answers import Answers, Scalar
from manyviews.evaluation.distortions import DISTORTIONS
from manyviews.evaluation.features import Features
from manyviews.evaluation.nearest import search
from manyviews.evaluation.protocols.knn import vote
from manyviews.evaluation.subject import Network, Subject
from manyviews.evaluation.words import SUBJECTS
from manyviews.panels import Line, Panel, Plot
from manyviews.ranges import Count, Number, Share, Size, within_ranges

K, TEMPERATURE = 20, 0.07  # of the vote, as in protocol knn
TEXT = (
    "Mean over {n} test images, for stronger and stronger distortions: the cosine between the "
    "features of an image and of the distorted image, and the share of images whose nearest "
    "neighbours vote for the same class. Compare backbones by the votes: features with a large "
    "common mean, as those of random weights, have cosines near 1 whatever they show. Invariance "
    "is good only to changes that keep the class."
)


class Kept(NamedTuple):
    """The likeness that a distortion of one strength leaves.

    Attributes:
        cosine: mean cosine between the features of an image and of the distorted image.
        agreement: share of the images whose vote stays the same; None without labels.
    """

    cosine: float
    agreement: float | None


class Invariance:
    """Cosine and agreement of the kNN vote between images and distorted images.

    For each distortion, `cosine_<name>` and `agreement_<name>` are means over its strengths other
    than 0; every strength is in the details and in the curves of the report. The vote is that of
    the 20 nearest labelled training items with T = 0.07; without labels there are cosines only.
    Features that are not those of a backbone are left out.

    Args:
        version: version of the protocol; part of its name.
        items: most test images that are read; if there are more, so many are drawn.
        seed: seed of that draw.
        shift: shares of the width by which images are moved to the right; [] leaves a distortion
            out, here and below.
        rotation: angles in degrees.
        scale: images are enlarged by 1 + this share.
        blur: standard deviations of a Gaussian, as shares of the width.
        noise: standard deviations of normal noise, in units of the range of a pixel.

    Raises:
        ConfigError: a number is outside its range, or a distortion has the strength 0 alone.
    """

    label_free = True

    @within_ranges
    def __init__(
        self,
        version: Size,
        shift: list[Share],
        rotation: list[Number],
        scale: list[Share],
        blur: list[Share],
        noise: list[Share],
        items: Size = 500,
        seed: Count = 0,
    ) -> None:
        given = {"shift": shift, "rotation": rotation, "scale": scale, "blur": blur, "noise": noise}
        self.strengths = {name: [*some] for name, some in given.items() if some}
        for name, some in self.strengths.items():
            if not any(some):
                raise ConfigError(f"invariance {name}={some}; allowed: [], or one other than 0")
        self.version, self.items, self.seed = version, items, seed

    def __call__(self, subject: Subject) -> list[Scalar]:
        """Return the mean cosine and agreement for each distortion; [] without a backbone.

        Raises:
            ConfigError: the data are time series.
        """
        if subject.network is None:
            return []
        if subject.network.data.reads != "images":
            raise ConfigError("invariance distorts images, and these data are time series")
        order = draws.permutation(self.seed, 0, len(subject.test.position), "invariance items")
        rows = subject.test.position.cpu()[order[: self.items]].sort().values
        kept = _curves(subject, subject.network, rows, self.strengths)
        return [scalar for name in kept for scalar in self._scalars(name, kept[name], len(rows))]

    def _scalars(self, name: str, kept: list[Kept], items: int) -> Iterator[Scalar]:
        """Yield the measures of a distortion with their curves."""
        strengths = self.strengths[name]
        for measure in Kept._fields:
            values = [getattr(one, measure) for one in kept]
            if None in values:
                continue
            distorted = [v for v, s in zip(values, strengths, strict=True) if s]
            details = {"n": items, "strengths": strengths, "values": values}
            yield Scalar(
                f"{measure}_{name}",
                sum(distorted) / len(distorted),
                details={**details, "unit": DISTORTIONS[name].unit},
            )

    def panels(self, answers: Mapping[str, Answers]) -> list[Panel]:
        """Return two plots per distortion, cosine and agreement, with a line per subject."""
        curves = {
            (scalar.name, who): scalar.details
            for who, found in answers.items()
            if isinstance(found, list)
            for scalar in found
        }
        blocks = [
            _plot(name, measure, {w: d for (n, w), d in curves.items() if n == f"{measure}_{name}"})
            for name in self.strengths
            for measure in Kept._fields
            if any(n == f"{measure}_{name}" for n, _ in curves)
        ]
        text = TEXT.format(n=next(iter(curves.values()))["n"]) if curves else ""
        return [Panel("invariance", "Invariance", text, blocks)] if blocks else []


def _plot(name: str, measure: str, curves: Mapping[str, Mapping[str, Any]]) -> Plot:
    """Return a line per subject over the strengths of a distortion."""
    lines = [Line(SUBJECTS.get(w, w), d["strengths"], d["values"]) for w, d in curves.items()]
    what = "cosine" if measure == "cosine" else "same vote of the neighbours"
    return Plot(f"{name}: {what}", lines, f"{name}, {DISTORTIONS[name].unit}", what)


def _curves(
    subject: Subject,
    network: Network,
    rows: Int64[Tensor, " n"],
    strengths: Mapping[str, list[float]],
) -> dict[str, list[Kept]]:
    """Return for each distortion what each of its strengths keeps."""
    backbone, bank = network.build(), subject.train.labelled()
    clean = _embedded(backbone, network.data, rows)
    voted = _votes(bank, clean, subject.classes)

    def kept(name: str, strength: float) -> Kept:
        """Return what one strength keeps."""
        moved = _embedded(backbone, network.data, rows, name, strength)
        cosine = F.cosine_similarity(clean.double(), moved.double()).mean().item()
        votes = _votes(bank, moved, subject.classes)
        same = None if votes is None else (votes == voted).double().mean().item()
        return Kept(cosine, same)

    return {name: [kept(name, s) for s in some] for name, some in strengths.items()}


def _votes(bank: Features, embedding: Float[Tensor, "n D"], classes: int) -> Tensor | None:
    """Return the class for which the nearest training items vote; None if none is labelled."""
    if not len(bank.label):
        return None
    k = min(K, len(bank.label))
    similarity, row = search(bank.embedding, embedding, k)
    return vote(similarity, bank.label[row], classes, k=k, temperature=TEMPERATURE)


@torch.no_grad()
def _embedded(
    backbone: nn.Module,
    data: ViewData[Any, Any],
    rows: Int64[Tensor, " n"],
    name: str = "shift",
    strength: float = 0.0,
) -> Float[Tensor, "n D"]:
    """Return the features of test images, distorted before they are normalised, on the CPU."""
    weight, found = next(backbone.parameters(), torch.zeros(())), []
    for sample in data.clean("test", rows):
        mean, std = (sample.input.new_tensor(v).view(1, -1, 1, 1) for v in (data.mean, data.std))
        pixels = sample.input * std + mean  # from 0 to 1
        moved = DISTORTIONS[name].apply(pixels, sample.position, strength)
        found.append(backbone(((moved - mean) / std).to(weight)).float().cpu())
    return torch.cat(found)
