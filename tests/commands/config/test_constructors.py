"""Type, default and meaning of keys from signatures and docstrings."""

from manyviews.commands.config.constructors import NO_DEFAULT, described, documented, parameters


class Base:
    """A base.

    Args:
        shared: what both take.
    """


class Example(Base):
    """An example.

    Args:
        width: number of columns; a text that
            goes on.
        rate (float, optional): speed.

    Raises:
        ValueError: this is no argument.

    Attributes:
        kept: an attribute.
    """

    def __init__(self, shared: int, width: int = 3, rate: float | None = None) -> None: ...


def test_a_docstring_gives_a_text_for_each_argument():
    assert documented(Example) == {
        "shared": "what both take",
        "width": "number of columns; a text that goes on",
        "rate": "speed",
        "kept": "an attribute",
    }


def test_a_signature_gives_hint_and_default():
    found = parameters(Example)
    assert found["width"] == (int, 3)
    assert found["shared"] == (int, NO_DEFAULT)


def test_keys_that_the_constructor_does_not_get_are_described_too():
    tcn = {"_target_": "manyviews.backbones.TCN", "depth": 2, "freeze": None}
    depth, freeze = described({"backbone": tcn})
    assert (depth.key, depth.node, depth.type) == (
        "backbone.depth",
        "backbone",
        "int >= 0 and <= 32",
    )
    assert (freeze.type, freeze.default) == ("all, int, list of text or null", None)


def test_a_node_without_keys_is_one_key():
    node = {"_target_": "manyviews.callbacks.Progress"}
    (only,) = described({"callbacks": {"progress": node}})
    assert (only.key, only.value) == ("callbacks.progress", node)
