"""The schedule of a run: which worker runs when, and which meters it applies."""
