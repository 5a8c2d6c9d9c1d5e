"""The meters: one concept per file."""
