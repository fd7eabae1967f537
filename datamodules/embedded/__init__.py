"""Data sets that are part of the package, so that they need no download."""
