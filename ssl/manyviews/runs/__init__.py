"""Run folders: their names, what lies in them, and how far they have come."""

from manyviews.runs.files import EIGENVALUES, keep_metrics_until, replace_text, write_json
from manyviews.runs.identity import folder, identity, name
from manyviews.runs.run import Run, begin, load, lock, lock_report, place

__all__ = [
    "EIGENVALUES",
    "Run",
    "begin",
    "folder",
    "identity",
    "keep_metrics_until",
    "load",
    "lock",
    "lock_report",
    "name",
    "place",
    "replace_text",
    "write_json",
]
