"""The harness: what numerical Python costs, in bytes and in seconds."""
