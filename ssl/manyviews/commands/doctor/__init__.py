"""`manyviews doctor`: what deserves a second look in a data set before training."""
