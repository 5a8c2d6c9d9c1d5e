"""The speed goals of the engine and of its compiler."""
