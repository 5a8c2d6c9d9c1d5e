"""The cases of a run: variants, groups, revisions and interpreters."""
