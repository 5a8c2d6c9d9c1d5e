"""Renderings of a run: they read it and compute nothing."""
