import inspect
import typing
from typing import NamedTuple

import pytest

from manyviews.datamodules.options import with_options


class Text(NamedTuple):
    dataset: str
    words: list[str]


class Style(NamedTuple):
    sep: str | None = None
    times: int = 1
    upper: bool = False


def joined(name: str, text: Text, options: Style) -> str:
    line = (options.sep or " ").join(text.words * options.times)
    return f"{name}: {line.upper() if options.upper else line}"


@with_options(Style(sep="-"), joined, fixed=["upper"])
def greeting(who: str, name: str = "", *, sep: str) -> Text:
    """Greet."""
    return Text(name, ["hi", who, sep])


@with_options(Style(), joined)
def plain(who: str) -> Text:
    return Text("", [who])


def test_options_are_keywords_with_the_defaults_of_the_data_set():
    assert plain("ann") == "plain: ann"
    assert plain("ann", times=2, sep="+", upper=True) == "plain: ANN+ANN"


def test_an_option_that_the_function_names_reaches_both():
    assert greeting("ann") == "greeting: hi-ann--"
    assert greeting("ann", sep="+") == "greeting: hi+ann++"


def test_the_content_may_name_the_data_set():
    assert greeting("ann", name="own").startswith("own: ")


def test_the_signature_shows_all_options_but_the_fixed_ones():
    assert list(inspect.signature(greeting).parameters) == ["who", "name", "sep", "times"]
    hints = typing.get_type_hints(greeting)
    assert hints == {"who": str, "name": str, "sep": str, "times": int, "return": str}
    with pytest.raises(TypeError, match="upper"):
        greeting("ann", upper=True)


def test_a_nullable_option_may_be_none_whatever_its_default_is():
    given = with_options(Style(sep="-"), joined, nullable=["sep"])(lambda: Text("own", ["a", "b"]))
    assert typing.get_type_hints(given)["sep"] == str | None
    assert given() == "own: a-b" and given(sep=None) == "own: a b"


def test_an_option_may_be_none_only_if_that_is_its_default():
    assert typing.get_type_hints(plain)["sep"] == str | None
    assert typing.get_type_hints(greeting)["sep"] is str
