"""Explain, compare and draw timelines, and trace any program."""
