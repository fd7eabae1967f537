"""Score backbones under protocols: features, scores with controls, pictures, and report pages."""

from manyviews.scoring.card import make
from manyviews.scoring.command import evaluate
from manyviews.scoring.together import extract_together, fit_together

__all__ = ["evaluate", "extract_together", "fit_together", "make"]
