"""The doors for a user's own program or notebook: blocks, calls and IPython's magics."""
