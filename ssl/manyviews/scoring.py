"""Score a run under protocols: features, scores with controls, pictures, and the report's page."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor, nn

from manyviews import build, checkpoints, config, report, runs
from manyviews.backbones.weights import load_trained
from manyviews.build import Data
from manyviews.checkpoints import Saved
from manyviews.datamodules.module import Split
from manyviews.errors import ConfigError, RunFailed
from manyviews.evaluation import gallery
from manyviews.evaluation.features import Features, cached, extract
from manyviews.evaluation.measures import spectrum
from manyviews.evaluation.subject import Subject
from manyviews.evaluation.suite import (
    ROWS,
    Protocol,
    fingerprint,
    report_name,
    score,
    sentences,
)
from manyviews.loggers import wandb_logger
from manyviews.method import Examples, Method
from manyviews.runs import Run, write_json
from manyviews.runs.upgrade import with_public_names
from manyviews.schema import locate

Pair = tuple[Features, Features]
# Of report.json. Version 2: protocols name their classes as configs of format 2 do, and the
# checkpoint's sha256 is the checksum at the end of that file.
FORMAT_VERSION = 2
UNLABELLED = "no labels in these data: there is nothing to score, only the label-free figures"


def evaluate(overrides: Sequence[str], config_dir: str | None = None) -> Path:
    """Write the report of a run; scores of the same checkpoint are not computed again.

    Args:
        overrides: `run=FOLDER`, and any other key of `conf/evaluate.yaml`.
        config_dir: a folder with config groups of your own.

    Returns:
        The report.json.

    Raises:
        ConfigError: not a run folder, or a mistake in what was asked for.
    """
    composed, _ = config.compose("evaluate", overrides, config_dir)
    run, ckpt = runs.load(composed["run"]), composed["ckpt"]
    if _plan(run, composed["evaluation"], ckpt).complete:  # needs neither data nor backbone
        return run.report_of(ckpt)
    _check_writable(run)
    data = build.data(run.config)
    card, renewed = make(run, data, composed["evaluation"], ckpt)
    if renewed:
        loggers = list(build.nodes(composed["logger"], "logger", run=run).values())
        wandb_logger.log_scores(loggers, card)
        wandb_logger.finish(loggers)
    return run.report_of(ckpt)


class Plan(NamedTuple):
    """The report that an evaluation finds in the run folder, and the protocols that it adds.

    Attributes:
        card: the report of this checkpoint so far.
        protocols: protocols by their names in the report.
        described: config and hash of each, as in the report.
        fresh: the names of those that the report lacks.
        complete: True if nothing is to be done: all scores, pictures and the page are there.
    """

    card: dict[str, Any]
    protocols: dict[str, Protocol]
    described: dict[str, dict[str, Any]]
    fresh: list[str]
    complete: bool


def _plan(run: Run, evaluation: dict[str, Any], ckpt: str) -> Plan:
    """Compare the protocols that are asked for with the report of this very checkpoint."""
    nodes = {name: node for name, node in evaluation.items() if node is not None}
    made = build.protocols({"evaluation": nodes})
    keys = {name: report_name(name, made[name].version, node) for name, node in nodes.items()}
    described = {
        keys[name]: {"hash": fingerprint(node), "config": node} for name, node in nodes.items()
    }
    card = _previous(run, ckpt)
    fresh = [key for key in described if described[key] != card["protocols"].get(key)]
    sha256 = checkpoints.digest(checkpoints.resolve(run.checkpoints, ckpt))
    complete = not fresh and report.is_whole(run.report_of(ckpt).parent, sha256)
    return Plan(card, {keys[name]: made[name] for name in made}, described, fresh, complete)


def make(
    run: Run, data: Data, evaluation: dict[str, Any], ckpt: str = "last"
) -> tuple[dict[str, Any], bool]:
    """Return the report as JSON, and whether anything in it is new.

    Scores of the same checkpoint under the same protocol are kept and not computed again. Of two
    evaluations of one run at the same time, the second waits for the first.

    Args:
        run: a run with at least one checkpoint.
        data: its data.
        evaluation: protocols by name, as in the config.
        ckpt: which checkpoint: last, best, or a path.

    Raises:
        RunFailed: no protocol could be computed; the report says why.
    """
    with runs.lock_report(run.path):
        plan = _plan(run, evaluation, ckpt)
        if plan.complete:
            return plan.card, False
        card = _renewed(run, data, plan, ckpt)
    if card["failed"] and not card["scores"]:
        failed = card["failed"][0]
        raise RunFailed(f"no protocol gave a score; {failed['protocol']}: {failed['reason']}")
    return card, bool(plan.fresh)


def _check_writable(run: Run) -> None:
    """Raise unless new scores can be written into the run folder.

    Raises:
        ConfigError: it is read-only.
    """
    if not os.access(run.path, os.W_OK):
        raise ConfigError(
            f"{run.path} cannot be written: what was scored before can be shown, but these scores "
            "are new; copy the run folder to evaluate it further"
        )


def _renewed(run: Run, data: Data, plan: Plan, ckpt: str) -> dict[str, Any]:
    """Compute what is missing, write the files of the report, and return its JSON.

    The page is written last and removed first, so that it is there if and only if the report is
    whole.
    """
    path, done = run.report_of(ckpt), plan.card
    saved = checkpoints.load(run.checkpoints, ckpt)
    done["checkpoint"] = _mark(saved)
    fingerprint_of_data = data.splits.fingerprint()
    subjects = _subjects(run, data, saved, json.dumps(fingerprint_of_data, sort_keys=True))
    scored = _scored(subjects, {key: plan.protocols[key] for key in plan.fresh}, data)
    for part in ROWS:
        kept = [row for row in done[part] if row["protocol"] not in plan.fresh]
        done[part] = [*kept, *scored[part]]
    failed = {row["protocol"]: row["reason"] for row in done["failed"]}
    # A protocol that failed is tried again by the next evaluation.
    done["protocols"] |= {key: plan.described[key] for key in plan.fresh if key not in failed}
    said = [f"{key}: no score ({reason})" for key, reason in failed.items()]
    done["sentences"] = [*sentences(done["differences"]), *said] or [UNLABELLED]
    done["unfinished"] = None if run.trained else _unfinished(saved, run.config["epochs"])
    done["label_free"] = {who: _label_free(subjects[who][1]) for who in ("trained", "random")}
    done["data"] = {
        "name": data.splits.name,
        "items": f"{data.item}s",
        "classes": list(data.splits.classes),
        "fingerprint": fingerprint_of_data,
    }
    arrays = _report_arrays(run, data, saved, subjects["trained"][0])
    path.parent.mkdir(exist_ok=True)
    report.remove_page(path.parent)
    _write_gallery(path.with_name("gallery.npz"), data, subjects, arrays)
    write_json(path, done)
    report.write(run.path, path.parent)
    return done


def _unfinished(saved: Saved, epochs: int) -> str:
    return f"unfinished, {saved.epochs} of {epochs} epochs"


def _mark(saved: Saved) -> dict[str, Any]:
    """Return what identifies a checkpoint in the report."""
    return {
        "file": saved.path.name,
        "step": saved.step,
        "epoch": saved.epochs,
        "sha256": checkpoints.digest(saved.path),
    }


def _previous(run: Run, ckpt: str) -> dict[str, Any]:
    """Return the report of this very checkpoint, or an empty one."""
    path = checkpoints.resolve(run.checkpoints, ckpt)
    empty = {
        "format_version": FORMAT_VERSION,
        "run": run.path.name,
        "protocols": {},
        **{part: [] for part in ROWS},
    }
    try:
        content = json.loads(run.report_of(ckpt).read_text(encoding="utf-8"))
        found = _with_own_names(_upgraded(content, path))
        same = found["checkpoint"]["sha256"] == checkpoints.digest(path)
        # A row without a protocol would raise here instead of later.
        _ = [row["protocol"] for part in ROWS for row in found.get(part, [])]
        _ = found["protocols"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return empty  # there is none, or none that can be read
    return empty | found if same else empty


def _with_own_names(found: dict[str, Any]) -> dict[str, Any]:
    """Return a report in which changed protocols have names of their own; earlier ones did not."""
    names = {}
    for key, described in found["protocols"].items():
        name, _, version = key.partition("+")[0].rpartition("@")
        names[key] = report_name(name, int(version), described["config"])
    rows = {
        part: [
            {**row, "protocol": names.get(row["protocol"], row["protocol"])} for row in found[part]
        ]
        for part in ROWS
        if part in found
    }
    protocols = {names[key]: described for key, described in found["protocols"].items()}
    return {**found, **rows, "protocols": protocols}


def _upgraded(found: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return a report of version 1 in today's form; `path` is the checkpoint."""
    if found["format_version"] != 1:
        return found
    mark, protocols = found["checkpoint"], {}
    if mark["sha256"] == checkpoints.checksum(path):  # version 1 hashed the whole file
        mark = {**mark, "sha256": checkpoints.digest(path)}
    for key, described in found["protocols"].items():
        node = with_public_names(described["config"])
        protocols[key] = {"hash": fingerprint(node), "config": node}
    return {
        **found,
        "format_version": FORMAT_VERSION,
        "checkpoint": mark,
        "protocols": protocols,
    }


def _scored(
    subjects: dict[str, Pair], protocols: dict[str, Protocol], data: Data
) -> dict[str, list[dict[str, Any]]]:
    """Return scores, differences and scores by person; empty lists if a split has no labels."""
    if not all((features.label >= 0).any() for features in subjects["trained"]):
        return {part: [] for part in ROWS}
    classes, people = len(data.splits.classes), data.groups("test")
    owner, names = people if people is not None else (None, ())
    scored = {
        who: Subject(
            train, test if owner is None else test._replace(group=owner[test.position]), classes
        )
        for who, (train, test) in subjects.items()
    }
    return score(scored, protocols, groups=names)


def _subjects(run: Run, data: Data, saved: Saved, fingerprint_of_data: str) -> dict[str, Pair]:
    """Return train and test features of the trained backbone and of its controls."""

    def pair(name: str, backbone: Callable[[], nn.Module], identity: str) -> Pair:
        key = hashlib.sha256((identity + fingerprint_of_data).encode()).hexdigest()[:12]

        def of(split: Split) -> Features:
            path = run.path / "features" / f"{name}-{split}-{key}.npz"
            rows = data.probed(split)
            return cached(path, lambda: extract(backbone(), data.clean(split, rows)), rows)

        return of("train"), of("test")

    # Built once for both subjects, and only if their features are not cached.
    built = cache(lambda: build.backbone(run.config, data))
    trained = cache(lambda: load_trained(built(), saved))
    untrained = json.dumps([run.config["backbone"], run.config["seed"]])
    random_pair = pair("random", built, untrained)  # before the weights are loaded into it
    return {
        "trained": pair("trained", trained, str(checkpoints.digest(saved.path))),
        "random": random_pair,
        **{name: _control(data, of) for name, of in data.controls().items()},
    }


def _control(data: Data, of: Callable[[Split], Tensor]) -> Pair:
    """Return the features of a control for the rows that the evaluation reads."""

    def features(split: Split) -> Features:
        rows = data.probed(split)
        return Features(of(split), getattr(data.splits, split).label[rows], rows)

    return features("train"), features("test")


def _label_free(features: Features) -> dict[str, float]:
    return {
        "rankme": spectrum.rankme(features.embedding),
        "effective_rank": spectrum.effective_rank(features.embedding),
    }


def _report_arrays(run: Run, data: Data, saved: Saved, train: Features) -> dict[str, np.ndarray]:
    """Return the arrays that the method itself adds to the report."""
    if locate(run.config["method"]["_target_"], "method").report_arrays is Method.report_arrays:
        return {}
    method = build.method(run.config, data)
    method.load_state_dict(saved.content["state_dict"])
    count = max(int(data.label.max()) + 1, 0)
    own = run.config["data"].get("labels") is None  # classes that a file gives have no names
    names = data.splits.classes[:count] if own else range(count)
    examples = Examples(
        batch=data.batch(gallery.some(data), epoch=0),
        embedding=train.embedding,
        label=train.label,
        class_names=tuple(map(str, names)),
        pictures=lambda rows: data.originals(data.splits.train, train.position[rows]),
    )
    return method.eval().report_arrays(examples)


def _write_gallery(path: Path, data: Data, subjects: dict[str, Pair], more: dict[str, Any]) -> None:
    splits, (train, test) = data.splits, subjects["trained"]
    spectra = {
        f"eigenvalues_{who}": spectrum.eigenvalues(subjects[who][1].embedding).numpy()
        for who in ("trained", "random")
    }
    pictures = gallery.neighbours(
        train, test, partial(data.originals, splits.train), partial(data.originals, splits.test)
    )
    arrays: dict[str, Any] = {
        **gallery.views_of(data, gallery.some(data), epoch=0),
        **pictures,
        **spectra,
        **more,
    }
    beside = path.with_suffix(".tmp.npz")
    np.savez_compressed(beside, **arrays)
    beside.replace(path)
