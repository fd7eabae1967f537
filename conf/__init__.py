"""Hydra configuration groups of manyviews; read as pkg://manyviews.conf."""
