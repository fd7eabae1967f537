"""`manyviews config explain | diff | check`: look at a config before a run uses it."""
