"""The pytest plugin: its hooks, its options, and the cases and calls of a session."""
