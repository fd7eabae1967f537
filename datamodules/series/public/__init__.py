"""Public and made-up series data sets by name."""
