"""Image data sets: finding, decoding and splitting files; the data module."""
