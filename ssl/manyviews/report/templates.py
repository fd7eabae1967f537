"""Fill the templates of the pages; every name in them is escaped."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def filled(template: str, **values: Any) -> str:
    """Return a template of this folder as HTML; a name that has no value is an error."""
    environment = Environment(
        loader=PackageLoader("manyviews.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)
