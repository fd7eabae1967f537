"""Tables of runs: what lies in run folders, grouped by setting."""
