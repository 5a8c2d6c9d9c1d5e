"""The harness: what an engine costs, in bytes and in seconds."""
