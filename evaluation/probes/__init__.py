"""Classifiers that are trained on a backbone: what protocols that train share."""
