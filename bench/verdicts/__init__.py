"""Verdicts on a run: time, exact bytes, gates, regressions against a baseline, scaling."""
