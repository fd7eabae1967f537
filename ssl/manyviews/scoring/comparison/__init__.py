"""Compare several reports: figures, panels and words; `manyviews compare` and `evaluate` use it."""
