"""Time series: read recordings, cut and split windows, make batches of views."""
