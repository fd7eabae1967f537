"""Image data sets: index, scan and decode files, split them, make batches of views."""
