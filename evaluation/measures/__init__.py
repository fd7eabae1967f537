"""Measures of answers, with their intervals, and measures of features that need no labels."""
