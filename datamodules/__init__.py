"""Data sets, their splits, and the data modules that make batches of views from them."""
