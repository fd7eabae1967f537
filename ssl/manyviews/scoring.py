"""The report card of a run: features, scores with controls, pictures, page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from manyviews import build, checkpoints, report
from manyviews.build import Data
from manyviews.checkpoints import FORMAT_VERSION
from manyviews.datamodules.module import Split
from manyviews.evaluation import gallery, spectrum
from manyviews.evaluation.features import Features, cached, extract
from manyviews.evaluation.suite import Protocol, fingerprint, score, sentences
from manyviews.method import Method
from manyviews.runs import Run, write_json
from manyviews.schema import locate

Pair = tuple[Features, Features]
SCORED = ("scores", "differences", "subjects")  # what protocols add to the report
UNLABELLED = "no labels in these data: there is nothing to score, only the label-free figures"


def make(
    run: Run, data: Data, evaluation: dict[str, Any], ckpt: str = "last"
) -> tuple[dict[str, Any], bool]:
    """The report as JSON, and whether anything in it is new.

    Protocols that were scored on this checkpoint before are kept and not computed again.

    Args:
        run: with at least one checkpoint.
        data: of the run.
        evaluation: protocols by name, as in the config.
        ckpt: which checkpoint: last, best, or a path.
    """
    nodes = {name: node for name, node in evaluation.items() if node is not None}
    protocols = build.protocols({"evaluation": nodes})
    keys = {name: f"{name}@{protocol.version}" for name, protocol in protocols.items()}
    described = {
        keys[name]: {"hash": fingerprint(node), "config": node} for name, node in nodes.items()
    }
    path = run.report_of(ckpt)
    done = _previous(run, ckpt)
    fresh = {
        n: p for n, p in protocols.items() if described[keys[n]] != done["protocols"].get(keys[n])
    }
    if not fresh:
        report.write(run.path, path.parent)
        return done, False
    fingerprint_of_data = data.splits.fingerprint()
    subjects = _subjects(run, data, ckpt, json.dumps(fingerprint_of_data, sort_keys=True))
    scored = _scored(subjects, fresh, data)
    renewed = {keys[name] for name in fresh}
    for part in SCORED:
        kept = [row for row in done[part] if row["protocol"] not in renewed]
        done[part] = [*kept, *scored[part]]
    done["protocols"] |= described
    done["sentences"] = sentences(done["differences"]) or [UNLABELLED]
    done["label_free"] = {who: _label_free(subjects[who][1]) for who in ("trained", "random")}
    done["data"] = {
        "name": data.splits.name,
        "items": f"{data.item}s",
        "classes": list(data.splits.classes),
        "fingerprint": fingerprint_of_data,
    }
    write_json(path, done)
    own = _of_method(run, data, ckpt, subjects["trained"][0])
    _write_gallery(path.with_name("gallery.npz"), data, subjects, own)
    report.write(run.path, path.parent)
    return done, True


def _scored(
    subjects: dict[str, Pair], protocols: dict[str, Protocol], data: Data
) -> dict[str, list[dict[str, Any]]]:
    """Scores, differences and scores by person; none where a split has no labels."""
    if not all((features.label >= 0).any() for features in subjects["trained"]):
        return {part: [] for part in SCORED}
    classes, people = len(data.splits.classes), data.subjects("test")
    return score(subjects, protocols, classes, further=data.further, people=people)


def _previous(run: Run, ckpt: str) -> dict[str, Any]:
    """The report of this very checkpoint, or an empty one."""
    path = checkpoints.resolve(run.checkpoints, ckpt)
    checkpoint = checkpoints.read(path)
    mark = {
        "file": path.name,
        "step": checkpoint["global_step"],
        "epoch": checkpoint["epochs"],
        "sha256": checkpoints.checksum(path),
    }
    empty = {
        "format_version": FORMAT_VERSION,
        "run": run.path.name,
        "checkpoint": mark,
        "protocols": {},
        **{part: [] for part in SCORED},
    }
    try:
        found = json.loads(run.report_of(ckpt).read_text())
    except (OSError, ValueError):
        return empty
    return empty | found if found.get("checkpoint") == mark else empty


def _subjects(run: Run, data: Data, ckpt: str, fingerprint_of_data: str) -> dict[str, Pair]:
    """Train and test features of the trained backbone and of its controls."""

    def pair(name: str, backbone: nn.Module, identity: str) -> Pair:
        key = hashlib.sha256((identity + fingerprint_of_data).encode()).hexdigest()[:12]

        def of(split: Split) -> Features:
            path = run.path / "features" / f"{name}-{split}-{key}.npz"
            rows = data.probed(split)
            return cached(path, lambda: extract(backbone, data.clean(split, rows)))

        return of("train"), of("test")

    return {
        "trained": pair(
            "trained",
            build.pretrained(run, data, ckpt),
            checkpoints.checksum(checkpoints.resolve(run.checkpoints, ckpt)),
        ),
        "random": pair(
            "random",
            build.backbone(run.config, data),
            json.dumps([run.config["backbone"], run.config["seed"]]),
        ),
        **{name: _control(data, of) for name, of in data.controls().items()},
    }


def _control(data: Data, of: Callable[[Split], Tensor]) -> Pair:
    """What a control knows of the rows that evaluation reads."""

    def features(split: Split) -> Features:
        rows = data.probed(split)
        return Features(of(split), getattr(data.splits, split).label[rows], rows)

    return features("train"), features("test")


def _label_free(features: Features) -> dict[str, float]:
    return {
        "rankme": spectrum.rankme(features.embedding),
        "effective_rank": spectrum.effective_rank(features.embedding),
    }


def _of_method(run: Run, data: Data, ckpt: str, train: Features) -> dict[str, Any]:
    """What the method has to show of itself."""
    if locate(run.config["method"]["_target_"], "method").pictures is Method.pictures:
        return {}
    method = build.method(run.config, data)
    state = checkpoints.read(checkpoints.resolve(run.checkpoints, ckpt))["state_dict"]
    method.load_state_dict(state)
    pictures = method.eval().pictures(data.batch(gallery.some(data), epoch=0), train.embedding)
    arrays: dict[str, Any] = {name: array.numpy() for name, array in pictures.items()}
    if "prototype_rows" in arrays:
        rows = pictures["prototype_rows"]
        near = data.originals(data.splits.train, train.position[rows].flatten())
        arrays["prototype_images"] = near.reshape(*rows.shape, *near.shape[1:])
        arrays["prototype_label"] = train.label[rows].numpy()
    if "gates" in arrays:
        own = run.config["data"].get("labels") is None  # classes of a file have no names
        count = int(data.label.max()) + 1
        names = data.splits.classes[:count] if own else range(count)
        arrays["gate_classes"] = np.array([str(name) for name in names])
    return arrays


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
    np.savez_compressed(path, **arrays)
