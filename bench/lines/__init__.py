"""What the lines of a program mean: which of them matter, and how two readings differ."""
