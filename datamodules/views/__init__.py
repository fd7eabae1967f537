"""Random views of images and of time series."""
