"""The panels of a report, in the order in which they are read."""

from __future__ import annotations

from manyviews.panels import Panel
from manyviews.report.panels.classes import classes
from manyviews.report.panels.embeddings import embeddings
from manyviews.report.panels.neighbours import neighbours
from manyviews.report.panels.training import training
from manyviews.report.panels.views import views
from manyviews.report.run_files import RunFiles


def panels_of(files: RunFiles) -> list[Panel]:
    """Return what a report shows beside its tables of scores.

    Those of the method and of protocols are stored with the report; the others are made here of the
    arrays and records that every run has. A panel that a run has nothing for is left out.
    """
    early = [make(files) for make in (classes, neighbours, embeddings, training, views)]
    return [*(panel for panel in early if panel is not None), *files.panels]
