"""The report of a run folder: table, Markdown and one offline HTML file, made from files alone."""

from manyviews.report.page import is_whole, read_panels, remove_page, write, write_panels
from manyviews.report.several import comparison_table, transfer_table
from manyviews.report.table import table

__all__ = [
    "comparison_table",
    "is_whole",
    "read_panels",
    "remove_page",
    "table",
    "transfer_table",
    "write",
    "write_panels",
]
