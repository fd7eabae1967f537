"""A search: Optuna proposes the trials of a sweep one after the other, and ends those without hope.

The study is built again from the plan and the run folders whenever something is asked of it. So
nothing but these has to survive, and a search that was interrupted proposes what one that was left
alone proposes: the sampler's seed depends on the seed of the sweep and the number of the trial.
"""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from manyviews import config
from manyviews.config import Axis
from manyviews.errors import ConfigError, unknown
from manyviews.evaluation.words import score_name
from manyviews.runs.files import METRICS, read_object, read_records
from manyviews.schema import Config, locate
from manyviews.sweeps import attempts, plan
from manyviews.sweeps.attempts import Attempt
from manyviews.sweeps.plan import Sweep, Trial

PROPOSALS = 50  # how often another one is asked for if a proposal is a run that is there


class Search:
    """Proposes the trials of a sweep.

    Args:
        overrides: of the runs, with intervals and lists.
        settings: the keys of `conf/sweep/optuna.yaml`.
        config_dir: a folder with config groups of your own.

    Raises:
        ConfigError: a mistake in any corner of the space; a metric that no run logs, or that is
            measured on test items; nothing is searched; Optuna is not installed.
    """

    def __init__(
        self, overrides: Sequence[str], settings: Config, config_dir: str | None = None
    ) -> None:
        self.optuna = _optuna()
        overrides = [*settings["overrides"], *overrides]
        self.settings, self.config_dir = settings, config_dir
        self.fixed, self.axes = config.space(overrides, config_dir)
        if not self.axes:
            raise ConfigError(
                "nothing to search: type an interval or a list, such as "
                "'optimizer.lr=tag(log,interval(1e-4,1e-1))'"
            )
        path, self.spec = plan.begin(overrides, settings, config_dir)
        self._check_corners()
        self.sweep = plan.load(path) if (path / plan.PLAN).is_file() else Sweep(path, [])
        self.exhausted = False
        self.judged: dict[int, int] = {}  # epoch at which the pruner last looked at a trial

    def _check_corners(self) -> None:
        """Compose a run with each choice and each end of an interval, and check the metrics."""
        cells = config.corners(self.fixed, self.axes)
        composed = [one for one, _ in config.compose_cells(cells, self.config_dir)]
        check_metric(self.settings["metric"], composed[0], "sweep.metric")
        if self.settings["pruner"] != "none":
            check_metric(self.settings["prune_by"], composed[0], "sweep.prune_by", online=True)

    @property
    def left(self) -> int:
        """How many trials are still to be proposed."""
        return 0 if self.exhausted else max(0, self.settings["trials"] - len(self._proposed()))

    def _proposed(self) -> list[Trial]:
        """Return the trials that were proposed, without those that others need."""
        needed = {trial.needs for trial in self.sweep.trials}
        return [trial for trial in self.sweep.trials if trial.number not in needed]

    def propose(self) -> list[Trial]:
        """Return the next trial, written into the plan, and before it the one that it needs.

        It is empty if no other run can be found, as in a space whose runs are all there.
        """
        number, known = len(self._proposed()), [trial.overrides for trial in self._proposed()]
        for attempt in range(PROPOSALS):
            cell = [*self.fixed, *self._ask(number, attempt)]
            new = [] if cell in known else [*self._planned(cell)]  # composing takes its time
            if new:
                self.sweep.trials.extend(new)
                plan.save(self.sweep, self.spec)
                return new
        self.exhausted = True
        print(f"no other run was found in {PROPOSALS} proposals; the search ends with {number}")
        return []

    def _planned(self, cell: list[str]) -> Iterator[Trial]:
        return plan.trials_of(plan.stages_of([cell], self.config_dir), self.sweep.trials)

    def _ask(self, number: int, attempt: int) -> list[str]:
        """Return an override for each axis.

        Args:
            number: number of the proposal, from 0.
            attempt: how many proposals for it were runs that are there already.
        """
        sampler = self._sampler(number, attempt)
        if self.settings["sampler"] == "qmc":  # it is at its place in the sequence by asking
            study = self.optuna.create_study(sampler=sampler)
            for _ in range(number + attempt):
                study.ask(self._distributions())
        else:
            study = self._study()[0]
            study.sampler = sampler
        asked = study.ask(self._distributions())
        return [f"{axis.key}={_typed(axis, asked.params[axis.key])}" for axis in self.axes]

    def _sampler(self, number: int, attempt: int) -> Any:
        samplers = self.optuna.samplers
        if self.settings["sampler"] == "qmc":
            return samplers.QMCSampler(scramble=True, seed=self.settings["seed"])
        text = json.dumps([self.settings["seed"], number, attempt])
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
        if self.settings["sampler"] == "random":
            return samplers.RandomSampler(seed=seed)
        if self.settings["sampler"] == "gp":
            return samplers.GPSampler(seed=seed, deterministic_objective=True)
        return samplers.TPESampler(seed=seed, constant_liar=True, multivariate=True)

    def _distributions(self) -> dict[str, Any]:
        kinds = self.optuna.distributions
        found = {}
        for axis in self.axes:
            if axis.choices:
                found[axis.key] = kinds.CategoricalDistribution(axis.choices)
            elif axis.whole:
                low, high = int(axis.low), int(axis.high)
                found[axis.key] = kinds.IntDistribution(low, high, log=axis.log)
            else:
                found[axis.key] = kinds.FloatDistribution(axis.low, axis.high, log=axis.log)
        return found

    def _study(self, judged: Trial | None = None) -> tuple[Any, bool]:
        """Return a study in memory to which all trials have happened, and a pruner's judgement.

        Args:
            judged: the running trial that is judged at its last epoch; None: none.
        """
        random = self.optuna.samplers.RandomSampler(seed=0)  # proposes nothing here
        study = self.optuna.create_study(
            study_name="sweep", direction="maximize", sampler=random, pruner=self._pruner()
        )
        hopeless, ended = False, attempts.last_of(self.sweep.path)
        for trial in self._proposed():
            typed: dict[str, str] = {}
            for text in trial.overrides:
                key, _, typed[key] = text.partition("=")
            study.enqueue_trial({a.key: _value(a, typed[a.key]) for a in self.axes})
            known = study.ask(self._distributions())
            for epoch, value in self.online(trial):
                known.report(value, epoch)
                # Hyperband compares trials by what it noted when it was asked.
                prune = self.settings["pruner"] != "none" and known.should_prune()
                if trial is judged:
                    hopeless = bool(prune)
            state, value = self._end(trial, ended.get(trial.number))
            if state is not None:
                study.tell(known, value, state=state)
        return study, hopeless

    def _end(self, trial: Trial, last: Attempt | None) -> tuple[Any, float | None]:
        """Return the state in which a trial ended, and its value if it is finished."""
        states = self.optuna.trial.TrialState
        if attempts.is_finished(trial):
            value = self.value(trial)
            return (states.FAIL, None) if value is None else (states.COMPLETE, value)
        if last is not None and last.state == "pruned":
            return states.PRUNED, None
        if last is not None and last.state in attempts.LOST:
            return states.FAIL, None
        return None, None

    def _pruner(self) -> Any:
        pruners, first = self.optuna.pruners, self.settings["prune_from"]
        if self.settings["pruner"] == "median":
            return pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=first)
        if self.settings["pruner"] == "hyperband":
            return pruners.HyperbandPruner(min_resource=first)
        return pruners.NopPruner()

    def value(self, trial: Trial) -> float | None:
        """Return how good a finished trial is, the larger the better; None if nobody knows."""
        from manyviews.evaluation.measures.label_free import merit

        metric, run = self.settings["metric"], Path(trial.folder)
        if metric.startswith("online/"):
            values = [value for _, value in _records(run / METRICS, metric)]
            return merit(metric, values[-1]) if values else None
        for score in (read_object(run / "report" / "report.json") or {}).get("scores", ()):
            if score_name(score) == metric and score["subject"] == "trained":
                value = score["value"]
                return merit(metric, value) if value is not None and math.isfinite(value) else None
        return None

    def online(self, trial: Trial) -> Iterator[tuple[int, float]]:
        """Yield the epochs at which the pruner's metric was logged, and how good it was."""
        if self.settings["pruner"] == "none":
            return
        from manyviews.evaluation.measures.label_free import merit

        metric = self.settings["prune_by"]
        for epoch, value in _records(Path(trial.folder) / METRICS, metric):
            yield epoch, merit(metric, value)

    def should_end(self, trial: Trial) -> bool:
        """Return True if the pruner would end this running trial at its last epoch."""
        steps = dict(self.online(trial))
        if not steps or self.judged.get(trial.number) == max(steps):
            return False
        self.judged[trial.number] = max(steps)
        return self._study(judged=trial)[1]

    def best(self) -> tuple[Trial, float] | None:
        """Return the best finished trial and the value of its metric."""
        values = {trial.number: self.value(trial) for trial in self._proposed()}
        known = {number: value for number, value in values.items() if value is not None}
        if not known:
            return None
        number = max(known, key=lambda n: known[n])
        return self.sweep.trials[number], known[number]


def check_metric(metric: str, composed: Config, key: str, *, online: bool = False) -> None:
    """Raise unless runs of this config have a metric that may be chosen by.

    Args:
        metric: its name.
        composed: the config of a run.
        key: the key that names it.
        online: True if it has to be known while a run trains.

    Raises:
        ConfigError: no run logs it, or it is measured on test items.
    """
    from manyviews import build
    from manyviews.evaluation.suite import report_name

    made = {name: node for name, node in composed["evaluation"].items() if node is not None}
    protocols = build.protocols(composed)
    names = {name: report_name(name, protocols[name].version, node) for name, node in made.items()}
    free = [n for name, n in names.items() if getattr(protocols[name], "label_free", False)]
    if metric.startswith("eval/") and not metric.startswith(tuple(f"eval/{n}/" for n in free)):
        raise ConfigError(
            f"{key}={metric} is measured on test items, and nothing is chosen by them; type "
            f"{key}={metric.replace('eval/', 'val/', 1)}"
        )
    callbacks = {name: node for name, node in composed["callbacks"].items() if node}
    known = [m for name, node in callbacks.items() for m in _logged(f"callbacks.{name}", node)]
    if not online:
        from manyviews.evaluation.words import LABEL_FREE

        known += [f"val/{name}/top1" for name in names.values() if name not in free]
        ranks = [name for name in free if name.startswith("label_free@")]
        known += [f"eval/{name}/{measure}" for name in ranks for measure in LABEL_FREE]
    if metric not in known:
        raise unknown(key, metric, sorted(known))


def _logged(path: str, node: Config) -> Sequence[str]:
    """Return the names of the online metrics that a callback of these settings logs."""
    metrics_of = getattr(locate(node["_target_"], path), "metrics_of", None)
    return metrics_of(node) if metrics_of else ()


def _records(file: Path, metric: str) -> Iterator[tuple[int, float]]:
    """Yield the epoch, counted from 1, and the value of each record of a metric."""
    for record in read_records(file, holding=metric):
        if metric in record:
            yield int(record["epoch"]) + 1, float(record[metric])


def _typed(axis: Axis, value: Any) -> str:
    """Return a proposed value as it is typed; four digits of a number are enough."""
    if isinstance(value, str):
        return value
    short = float(f"{value:.4g}")
    return repr(short if not axis.whole and axis.low <= short <= axis.high else value)


def _value(axis: Axis, text: str) -> Any:
    """Return the value of an axis that was typed."""
    return text if axis.choices else int(text) if axis.whole else float(text)


def _optuna() -> Any:
    """Return Optuna, told to say nothing.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise ConfigError("a search needs Optuna; type pip install 'manyviews[sweep]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna
