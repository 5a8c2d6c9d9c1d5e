"""The run file, the baseline, the environment of a run, and atomic file writing."""
