"""Runs that are compared by their training alone, without scores and report."""


def make(run, data, evaluation, ckpt="last", measures=None):
    """In place of `scoring.make`."""
    return {"scores": [], "checkpoint": {"step": 0}}, False
