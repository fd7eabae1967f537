"""Sweeps of runs: planned first, run as processes that survive each other, compared in a table."""
