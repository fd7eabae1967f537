"""Values without sense are refused by the constructor that knows, also when called from Python."""

import inspect
import math
import re
import typing

import pytest

from manyviews import backbones, build, config, evaluation, losses, methods, optim, views
from manyviews.errors import ConfigError
from manyviews.ranges import Count, NotNegative, Positive, Share, Size, mistake
from manyviews.regularizers import VNE

NONSENSE = (-1, -0.5, 0.5, 0, 2, math.nan, math.inf, -math.inf, 1e30, 10**40, True)
CLASSES = [
    *(getattr(methods, name) for name in methods.__all__),
    *(getattr(views, name) for name in views.__all__ if name not in ("series", "Operation")),
    *(getattr(views.series, name) for name in views.series.__all__),
    *(backbones.TCN, backbones.CrossAttention, losses.TiCoLoss),
    *(optim.LARS, optim.LARC, optim.WarmupCosine, VNE),
    *(getattr(evaluation, name) for name in evaluation.__all__),
]
# Numbers that build.py passes, ranges of two numbers and rates by name, which have their own check.
FREE = {"seed", "classes", "scale", "ratio", "share", "factor", "groups", "rates"}


def hints(kind):
    return typing.get_type_hints(kind.__init__, include_extras=True)


def bounded(kind):
    return {name: hint for name, hint in hints(kind).items() if "Annotated[" in repr(hint)}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_number_of_a_constructor_has_a_range(kind):
    parts = {name: repr(hint) for name, hint in hints(kind).items() if name != "return"}
    numbers = {name for name, said in parts.items() if re.search(r"\b(int|float)\b", said)}
    assert numbers - {*bounded(kind)} <= FREE


def inside(hint):
    """Return a value that the type allows."""
    plain = {str: "RandomInvert", dict: {}, list: [0.1, 0.2]}
    if (kind := typing.get_origin(hint) or hint) in plain and "Annotated[" not in repr(hint):
        return plain[kind]
    return next(v for v in (1, 0.5, 8, [1], [0.5]) if mistake(v, hint) is None)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_nonsense_is_refused_in_one_line_that_names_the_argument(kind):
    parameters = inspect.signature(kind).parameters
    needed = {
        n: inside(hints(kind).get(n))
        for n, p in parameters.items()
        if p.default is p.empty and p.kind is not p.VAR_KEYWORD
    }
    for name, hint in bounded(kind).items():
        lists = "list[" in str(hint)
        wrong = [v for v in NONSENSE if mistake(v, hint)]
        wrong += [[v] for v in NONSENSE if lists and mistake([v], hint)]
        assert len(wrong) >= 5
        for value in wrong:
            with pytest.raises(ConfigError, match=rf"^\w+ {name}=.*; allowed: ") as refused:
                kind(**{**needed, name: value})
            assert "\n" not in str(refused.value)


def test_a_range_is_told_in_words():
    assert mistake(0.0, Positive) == "above 0, at most 1,000,000"
    assert mistake(-1, NotNegative) == "0 or more, at most 1,000,000"
    assert mistake(2, Share) == "0 to 1"
    assert mistake(0, Size | None) == "1 or more, at most 16,777,216, or null"
    assert mistake(1.0, Count) == "a whole number, 0 or more, at most 2,147,483,648"
    assert mistake([1, 0], list[Size]) == "a list, each 1 or more, at most 16,777,216"
    assert mistake(None, Size | None) is None and mistake([1, 2], list[Size]) is None
    assert mistake("anything", str) is None and mistake(3, int) is None


@pytest.mark.parametrize(
    "override",
    [
        "method.iterations=-1",
        "method.epsilon=1e308",
        "method.temperature=nan",
        "method.prototypes=0",
        "schedule.warmup_epochs=nan",
        "schedule.warmup_epochs=-1",
        "views.large.operations.jitter.contrast=1e21",
        "views.large.operations.flip.probability=1.5",
        "evaluation.knn.temperature=0.0",
        "optimizer.lr=1e30",
        "optimizer.lr=nan",
        "optimizer.lr=-0.1",
        "optimizer.weight_decay=1e21",
    ],
)
@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "lars"])
def test_a_value_without_sense_in_a_config_is_one_line(override, optimizer, small, config_dir):
    if optimizer != "adamw" and not override.startswith("optimizer"):
        pytest.skip("the optimizer does not matter")
    key = override.partition("=")[0]
    with pytest.raises(ConfigError, match=key.split(".")[-1]) as refused:
        made, _ = config.compose(
            "pretrain",
            [*small, "method=swav", f"optimizer={optimizer}", override],
            config_dir,
        )
        build.method(made, build.data(made))
    assert "\n" not in str(refused.value)
