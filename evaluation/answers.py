"""The types of a protocol's answer; the type decides what is measured.

A protocol returns one answer, a list of answers that carry their own names (`PerItem`, `Scalar`),
or answers by cell, such as `{"k1": Labels(...), "k20": Labels(...)}`. Each of them may be `Draws`
of several answers. The cell "" is the headline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from jaxtyping import Float, Int64
from torch import Tensor

Better = Literal["higher", "lower"]


class Labels(NamedTuple):
    """A predicted class for each of Q test items; measured by accuracy and its relatives.

    Attributes:
        top1: int64 (Q,), the predicted classes.
        scores: floats (Q, M) that rank the M classes of each item; None if the protocol has none.
    """

    top1: Int64[Tensor, " Q"]
    scores: Float[Tensor, "Q M"] | None = None


class Clusters(NamedTuple):
    """A cluster for each of Q test items; compared with the classes.

    Attributes:
        cluster: int64 (Q,), numbers from 0.
    """

    cluster: Int64[Tensor, " Q"]


class PerItem(NamedTuple):
    """A measure that is the mean of one value per test item, such as the average precision.

    Attributes:
        name: name of the measure.
        value: floats (Q,); NaN for items that the measure leaves out.
        better: whether a higher or a lower value is better.
        details: how it was computed; stored in report.json.
    """

    name: str
    value: Float[Tensor, " Q"]
    better: Better = "higher"
    details: Mapping[str, Any] = {}


class Scalar(NamedTuple):
    """A measure that is one number, without an interval.

    Attributes:
        name: name of the measure.
        value: the number; None if the measure is not defined for these features. `details` then
            has the entry `undefined`, a sentence that says why.
        better: whether a higher or a lower value is better; None if neither is.
        details: how it was computed (number of samples, window, centring); stored in report.json.
    """

    name: str
    value: float | None
    better: Better | None = None
    details: Mapping[str, Any] = {}


class Draws(NamedTuple):
    """Answers of one type from several random draws; the score is the mean over the draws.

    Attributes:
        answers: one answer per draw.
        details: what was drawn; stored in report.json.
    """

    answers: Sequence[Labels] | Sequence[Clusters]
    details: Mapping[str, Any] = {}


class Chosen(NamedTuple):
    """The answer of a protocol that tried a grid of settings on validation items.

    Attributes:
        answer: predictions for the test items, with the best setting.
        validation: predictions for the validation items, with the best setting, by a model that was
            fitted without them.
        held: int64 (V,), classes of the validation items.
        setting: the best setting by name, for example `{"penalty": 0.001}`.
        edge: a sentence if the best setting lies at the end of the grid, else "".
        tried: every setting with its `accuracy` on the validation items, the best first.
    """

    answer: Labels
    validation: Labels
    held: Int64[Tensor, " V"]
    setting: Mapping[str, float]
    edge: str = ""
    tried: Sequence[Mapping[str, float]] = ()


class Fitted(NamedTuple):
    """The answer of a protocol that trains a model for some epochs and chooses nothing.

    Attributes:
        answer: predictions for the test items.
        validation: predictions of the same model for the validation items; None if there are none.
        held: int64 (V,), classes of the validation items; None if there are none.
        details: how it was trained; stored in report.json.
    """

    answer: Labels
    validation: Labels | None
    held: Int64[Tensor, " V"] | None
    details: Mapping[str, Any] = {}


Answer: TypeAlias = Labels | Clusters | PerItem | Scalar | Draws | Chosen | Fitted
Answers: TypeAlias = (
    Answer | list[PerItem | Scalar] | Mapping[str, Labels | Clusters | Draws | Fitted]
)
