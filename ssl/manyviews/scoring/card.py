"""One report: compute the scores that it lacks, and write its files."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from manyviews import checkpoints, panels, report, runs
from manyviews.build import Data
from manyviews.datamodules.expected import of_data
from manyviews.errors import RunFailed
from manyviews.evaluation.measures import spectrum
from manyviews.evaluation.subject import Subject
from manyviews.evaluation.suite import ROWS, Scored, score, sentences
from manyviews.evaluation.words import HEADLINES
from manyviews.panels import Panel
from manyviews.runs import Run, write_json
from manyviews.schema.keys import Node
from manyviews.scoring import arrays, fits
from manyviews.scoring.candidate import (
    Candidate,
    expected_by,
    in_words,
    of_run,
    store_expected,
    with_trainer,
)
from manyviews.scoring.plan import Plan, plan
from manyviews.scoring.subjects import on_device, subjects

FEATURES = "features"  # folder of the cached features
UNLABELLED = "no labels in these data: there is nothing to score, only the label-free figures"


def make(
    run: Run,
    data: Data,
    evaluation: Mapping[str, Any],
    ckpt: str = "last",
    measures: Collection[str] | None = None,
    trainer: Node | None = None,
) -> tuple[dict[str, Any], bool]:
    """Return the report of a run on its own data as JSON, and whether anything in it is new.

    Scores of the same checkpoint under the same protocol are kept and not computed again. Of two
    evaluations of one run at the same time, the second waits for the first.

    Args:
        run: a run with at least one checkpoint.
        data: its data.
        evaluation: protocols by name, as in the config.
        ckpt: which checkpoint: last, best, or a path.
        measures: measures of predicted labels; None: the usual ones.
        trainer: config of the trainer for protocols that train; None: that of the run.

    Raises:
        RunFailed: no protocol could be computed; the report says why.
    """
    if expected_by(run) is None:  # the folder is new, or an earlier manyviews wrote it
        store_expected(run, data)
    candidate, file = with_trainer(of_run(run, ckpt), trainer), run.report_of(ckpt)
    with runs.lock_report(run.path):
        return renew(candidate, data, evaluation, file, ckpt=ckpt, measures=measures)


def renew(
    candidate: Candidate,
    data: Data,
    evaluation: Mapping[str, Any],
    file: Path,
    *,
    ckpt: str | None = None,
    measures: Collection[str] | None = None,
) -> tuple[dict[str, Any], bool]:
    """Return a report as JSON, and whether anything in it is new; its folder is locked.

    Args:
        candidate: the backbone.
        data: the data, as the backbone reads them.
        evaluation: protocols by name, as in the config.
        file: the report.json.
        ckpt: the checkpoint, if the data are those of the candidate's own run.
        measures: measures of predicted labels; None: the usual ones.

    Raises:
        RunFailed: no protocol could be computed; the report says why.
    """
    run = candidate.run
    checkpoint = checkpoints.resolve(run.checkpoints, ckpt) if run and ckpt else None
    wanted = plan(file, candidate.mark, evaluation, measures, checkpoint)
    if wanted.complete:
        return wanted.card, False
    card = _renewed(candidate, data, wanted, file, ckpt, measures)
    if card["failed"] and not card["scores"]:
        failed = card["failed"][0]
        raise RunFailed(f"no protocol gave a score; {failed['protocol']}: {failed['reason']}")
    return card, bool(wanted.fresh)


def _renewed(
    candidate: Candidate,
    data: Data,
    wanted: Plan,
    file: Path,
    ckpt: str | None,
    measures: Collection[str] | None,
) -> dict[str, Any]:
    """Compute what is missing, write the files of the report, and return its JSON.

    The page is written last and removed first, so that it is there if and only if the report is
    whole.
    """
    fingerprint = data.splits.fingerprint()  # it reads all data, so it is taken once
    done, run = _of_these_data(wanted.card, fingerprint), candidate.run
    own = run is not None and ckpt is not None
    features = (run.path if run and own else file.parent) / FEATURES
    found = subjects(candidate, data, fingerprint, features, file.parent)
    fresh = [k for k in wanted.protocols if k in wanted.fresh or k not in done["protocols"]]
    scored = _scored(found, {key: wanted.protocols[key] for key in fresh}, data, measures)
    _add(done, scored, wanted, fresh)
    done |= _head(candidate, data, fingerprint)
    done["label_free"] = {
        who: _label_free(found[who]) for who in ("trained", "random") if who in found
    }
    shown: list[Panel] = []
    if run and own and candidate.saved:
        shown = arrays.of_method(run, data, candidate.saved, found["trained"].train)
    file.parent.mkdir(parents=True, exist_ok=True)
    report.remove_page(file.parent)
    kept = {*done["protocols"]} - {*fresh}
    predicted = file.with_name("predictions.npz")
    arrays.save_predictions(predicted, scored.predictions, found["trained"].test, kept)
    pictures = arrays.pictures(data, found, arrays.load_predictions(predicted), views=own)
    arrays.save(file.with_name("gallery.npz"), pictures)
    stored = panels.load(file.with_name(panels.FILE))
    shown += [panel for panel in stored if panel.name.partition("/")[0] in kept]
    panels.save(file.with_name(panels.FILE), [*shown, *scored.panels])
    write_json(file, done)
    report.write(run.path if run and own else file.parent, file.parent)
    fits.remove(file.parent, done["protocols"])
    return done


def _of_these_data(card: dict[str, Any], fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report so far, without its scores if they are of data that have changed since."""
    known = card.get("data", {}).get("fingerprint")
    if known is None or known == fingerprint:
        return card
    return {**card, "protocols": {}, **{part: [] for part in ROWS}}


def _add(done: dict[str, Any], scored: Scored, wanted: Plan, fresh: list[str]) -> None:
    """Put new rows and protocols into a report, and what they say in words."""
    for part in ROWS:
        kept = [row for row in done[part] if row["protocol"] not in fresh]
        done[part] = [*kept, *scored.rows[part]]
    failed = {row["protocol"]: row["reason"] for row in done["failed"]}
    # A protocol that failed is tried again by the next evaluation.
    done["protocols"] = {
        **done["protocols"],
        **{key: wanted.described[key] for key in fresh if key not in failed},
    }
    edges = [f"{row['protocol']}: {row['edge']}" for row in done["scores"] if row.get("edge")]
    said = [f"{key}: no score ({reason})" for key, reason in failed.items()]
    labelled = any(row["metric"] in HEADLINES for row in done["scores"])
    nothing = [] if labelled else [UNLABELLED]
    done["sentences"] = [*sentences(done["differences"]), *edges, *said] or nothing


def _head(candidate: Candidate, data: Data, fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a report says about the backbone and the data."""
    expected = data.preprocessing or of_data(data)
    return {
        "run": candidate.name,
        "checkpoint": candidate.mark,
        "backbone": in_words(candidate),
        "named": {} if candidate.run else {"trained": _weights(candidate)},
        "unfinished": candidate.unfinished,
        "preprocessing": expected.as_dict() | {"in_words": expected.in_words()},
        "data": {
            "name": data.splits.name,
            "items": f"{data.item}s",
            "classes": list(data.splits.classes),
            "fingerprint": fingerprint,
        },
    }


def _weights(candidate: Candidate) -> str:
    """Return what the weights of a backbone without a run are called in its report."""
    return "random weights" if candidate.is_random else str(candidate.mark["file"])


def _scored(
    found: dict[str, Subject],
    protocols: dict[str, Any],
    data: Data,
    measures: Collection[str] | None,
) -> Scored:
    """Return the scores; of data without labels only those of protocols that need none."""
    trained, people = found["trained"], data.groups("test")
    if not all((f.label >= 0).any() for f in (trained.train, trained.test)):
        protocols = {k: p for k, p in protocols.items() if getattr(p, "label_free", False)}
    names = () if people is None else people[1]
    return score(on_device(found), protocols, measures=measures, groups=names)


def _label_free(subject: Subject) -> dict[str, float]:
    return {
        "rankme": spectrum.rankme(subject.test.embedding),
        "effective_rank": spectrum.effective_rank(subject.test.embedding),
    }
