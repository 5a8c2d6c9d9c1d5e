"""Fill a history: measure the commits that decide where its figures change.

Here belongs how a commit is checked out and measured, and in which order commits are.
"""
