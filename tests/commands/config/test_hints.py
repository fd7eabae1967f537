"""Type hints in the words of somebody who writes YAML."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import pydantic
import pytest
import torch

from manyviews.commands.config.hints import as_typed, words
from manyviews.schema import SCHEMAS


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (int, "int"),
        (bool, "true or false"),
        (None | int, "int or null"),
        (Literal["exact", "paper"], "exact or paper"),
        (Literal["auto", "never"] | int | None, "auto, never, int or null"),
        (list[str], "list of text"),
        (list[str | int], "list of (text or int)"),
        (Sequence[float], "list of float"),
        (tuple[float, float], "[float, float]"),
        (tuple[int, ...], "list of int"),
        (dict[str, Any], "nodes by name"),
        (float | torch.Tensor, "float"),
        (Annotated[float, pydantic.Field(gt=0)], "float > 0"),
        (Annotated[int, pydantic.Field(ge=0, lt=9)], "int >= 0 and < 9"),
        (torch.nn.Module | None, "null"),
    ],
)
def test_a_hint_says_what_may_be_written(hint, said):
    assert words(hint) == said


@pytest.mark.parametrize(
    ("value", "typed"),
    [(None, "null"), (True, "true"), ([1, "8"], "[1, '8']"), (1e-6, "1.0e-06"), ("a b", "a b")],
)
def test_a_value_is_shown_as_it_is_typed(value, typed):
    assert as_typed(value) == typed


def test_every_key_at_the_top_has_words():
    for name, field in SCHEMAS["pretrain"].model_fields.items():
        assert words(field.annotation), name
