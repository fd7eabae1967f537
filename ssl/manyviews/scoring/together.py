"""What all ranks of a trained run do for its report, before they part and rank 0 writes it."""

from __future__ import annotations

from contextlib import suppress

from manyviews import checkpoints
from manyviews.build import Data
from manyviews.errors import ConfigError, NotFinite
from manyviews.evaluation.suite import Trains
from manyviews.runs import Run
from manyviews.runs.files import read_object
from manyviews.scoring.candidate import of_run
from manyviews.scoring.card import FEATURES
from manyviews.scoring.plan import plan
from manyviews.scoring.subjects import fill_cache, without_embeddings


def extract_together(run: Run, data: Data) -> None:
    """Extract the features that the report of a trained run needs; all ranks have to call it.

    Args:
        run: the run, whose folder all ranks can read.
        data: its data.
    """
    fingerprint = read_object(run.path / "data.json")
    if fingerprint is not None:  # otherwise rank 0 extracts them alone, when it writes the report
        fill_cache(of_run(run, "last"), data, fingerprint, run.path / FEATURES)


def fit_together(run: Run, data: Data) -> None:
    """Train what protocols train for the report of a trained run; all ranks have to call it.

    `make` then finds it trained. A protocol that cannot be trained fails there again, and says why.

    Args:
        run: the run, whose folder all ranks can read.
        data: its data.
    """
    fingerprint, candidate = read_object(run.path / "data.json"), of_run(run, "last")
    if fingerprint is None:
        return
    config = run.config
    last = checkpoints.resolve(run.checkpoints, "last")
    wanted = plan(run.report, candidate.mark, config["evaluation"], config.get("measures"), last)
    for key in wanted.fresh:
        protocol = wanted.protocols[key]
        if not isinstance(protocol, Trains):
            continue
        for subject in without_embeddings(candidate, data, fingerprint, run.report.parent):
            with suppress(ConfigError, NotFinite):  # the same on all ranks
                protocol.fit(subject._replace(protocol=key))
