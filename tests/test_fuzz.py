"""Odd values in a config: refused in one line with exit code 2, or the run takes its first step."""

import copy
import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from manyviews import config, schema
from manyviews.cli import _line, main
from manyviews.commands.config import check
from manyviews.errors import ConfigError
from manyviews.retriever_stage import Stage

SEED = 20261128
MUTATIONS, PARTS = 150, 10  # configs that are changed, in so many tests
COMMANDS = 50  # of the command line
LONGEST = 60  # seconds for one of them
ODD = (
    *(None, True, False, 0, -1, 1, 2**31, 10**30, 0.5, -1e-9, 1e-300, 1e308, -1e308),
    *(float("nan"), float("inf"), float("-inf")),
    *("", " ", "text", "Ünï\ncode\t", "null", "1", "nan", "_target_", "a" * 5000, "../..", "0:1"),
    *([], [1], [None], [1, 2, 3], [0.5, 0.1], ["a"], [[]], {}, {"a": 1}, {"_target_": "os.system"}),
)
BASES = (
    ["method=swav", "views=multi_crop", "method.prototypes=8", "method.queue_length=32"],
    ["method=barlow_twins", "views=barlow_twins", "optimizer=lars", "regularizer=vne"],
    ["method=hydra", "optimizer=sgd", "evaluation=[knn,linear,clustering]"],
    ["method=tico", "optimizer=larc", "views=simclr", "evaluation=[linear_lbfgs]"],
)
SMALL = (
    *("data=stripes", "backbone=resnet_tiny", "batch_size=16", "epochs=2"),
    *("trainer.accelerator=cpu", "trainer.precision=32-true", "logger.wandb=null"),
)


@pytest.fixture(scope="module")
def composed():
    """The configs that are changed, with their choices."""
    folder = str(Path(__file__).parent / "support" / "conf")
    return [config.compose("pretrain", [*SMALL, *base], folder) for base in BASES]


@pytest.fixture
def time_limit():
    """Fail instead of hanging: a value of 10 ** 30 must not become a loop of that length."""

    def late(*_):
        raise AssertionError(f"it did not end within {LONGEST} s")

    before = signal.signal(signal.SIGALRM, late)
    yield lambda: signal.alarm(LONGEST)
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def places(node, above=()):
    """All places of a config, each as its keys."""
    for key, child in node.items():
        yield (*above, key)
        if isinstance(child, dict):
            yield from places(child, (*above, key))


def mutated(base, draw):
    """A copy of a config with one to three odd changes, and what they are."""
    changed, said = copy.deepcopy(base), []
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        *above, last = draw.choice([*places(changed)])
        node = changed
        for key in above:
            node = node[key]
        kind, odd = draw.random(), copy.deepcopy(draw.choice(ODD))
        if kind < 0.06:
            del node[last]
            odd = "removed"
        elif kind < 0.16:
            node[last := draw.choice(("new", "_args_", "_convert_", "1", "epoch"))] = odd
        else:
            node[last] = odd
        said.append(f"{'.'.join([*above, last])}={odd!r:.60}")
    return changed, ", ".join(said)


def outcome(changed, choices):
    """The message of a config that is refused; None for one that takes its first step."""
    try:
        schema.check("pretrain", changed)
        lines = [*check.tried(Stage(changed, choices, []), Path("runs/fuzz"), {})]
    except ConfigError as error:
        return _line(error)
    assert any(line.startswith("step") for line in lines)
    return None


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.filterwarnings("ignore")  # odd numbers make torch warn; what counts is the outcome
def test_an_odd_config_is_refused_in_one_line_or_takes_a_step(part, composed, time_limit):
    draw = random.Random(SEED + part)
    ended = Counter()
    for _ in range(MUTATIONS // PARTS):
        base, choices = draw.choice(composed)
        changed, what = mutated(base, draw)
        time_limit()
        try:
            said = outcome(changed, choices)
        except Exception as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
        assert said is None or ("\n" not in said and len(said) > 10), (what, said)
        ended["step" if said is None else "refused"] += 1
    assert ended["refused"] and not Path("runs").exists(), ended
    print(part, dict(ended))


def words(draw):
    """An odd override as a user could type it."""
    keys = [
        *("epochs", "batch_size", "method.temperature", "optimizer.lr", "views", "data", "seed"),
        *("method", "method.prototypes", "+new", "~seed", "data.nowhere", "logger", "backbone"),
        *("schedule.warmup_epochs", "evaluation", "trainer.devices", "views.large.count", "", "é"),
    ]
    values = [
        *("", "-1", "1e309", "nan", "null", "[]", "{}", "{a:1}", "[1", "it's", '"', "a b", "0x1f"),
        *("${x}", "${oc.env:HOME}", "$(ls)", "1,2", "choice(1,2)", "~", "é", "???", "a=b", "\\"),
    ]
    return f"{draw.choice(keys)}{draw.choice(('=', '=', '=', ' = ', ''))}{draw.choice(values)}"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_an_odd_command_is_refused_in_one_line_or_composed(capsys, config_dir):
    draw = random.Random(SEED)
    ended = Counter()
    for _ in range(COMMANDS):
        typed = [words(draw) for _ in range(draw.choice((1, 1, 2)))]
        code = main(["config", "show", *typed, "--config-dir", config_dir])
        error = capsys.readouterr().err
        assert code in (0, 2), (typed, error)
        assert code == 0 or (error.count("\n") == 1 and "Traceback" not in error), (typed, error)
        ended[code] += 1
    assert ended[2] > COMMANDS // 3, ended
