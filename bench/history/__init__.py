"""Exact figures by commit: the store that keeps them, and the steps between two commits.

Here belongs what is known of figures over commits; it reads runs and git, and measures nothing.
"""
