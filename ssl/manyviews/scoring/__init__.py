"""Score backbones under protocols: features, scores with controls, pictures, and report pages."""

from manyviews.scoring.card import extract_together, fit_together, make
from manyviews.scoring.command import evaluate

__all__ = ["evaluate", "extract_together", "fit_together", "make"]
