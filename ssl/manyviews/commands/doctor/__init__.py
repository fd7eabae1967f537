"""`manyviews doctor`: find issues in a data set before training, and summarise it."""
