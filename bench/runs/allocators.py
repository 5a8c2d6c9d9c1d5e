"""The policy of the C library's allocator: what every worker that is timed is started with.

glibc raises its thresholds whenever a large block is freed, so what a process did before (an
import, a check, a compilation) decides whether the pages of each new array are taken from the
system or are there already: a factor of two and more on arrays of 10,000 to 1,000,000
elements. Engines compared in such processes are compared by their imports. A threshold that is
set from outside is never moved, in any engine and without code in the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# What a case is timed under; "system" leaves the process as it is inherited.
POLICIES: Final = ("kept", "returned", "system")
DEFAULT: Final = "kept"
_VARIABLES = (
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "MALLOC_MMAP_MAX_",
    "MALLOC_ARENA_MAX",
    "MALLOC_ARENA_TEST",
    "GLIBC_TUNABLES",
)


def variables(policy: str) -> dict[str, str]:
    """Return the environment variables of a policy: the numbers are the engine's."""
    # Imported late: a session of a user's tests needs no engine.
    from gradmeter.engine import freed_memory

    thresholds = {"kept": freed_memory.KEPT, "returned": freed_memory.RETURNED, "system": {}}
    return {f"MALLOC_{name}_": str(value) for name, value in thresholds[policy].items()}


def environment(policy: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which a new process has the policy.

    Args:
        policy: one of `POLICIES`; "system" leaves the inherited variables as they are.
    """
    chosen = variables(policy)
    if not chosen:
        return dict(inherited)
    return {name: value for name, value in inherited.items() if name not in _VARIABLES} | chosen


def unavailable() -> str:
    """Say why no policy can be chosen here, in a sentence; empty where one can."""
    from gradmeter.engine import freed_memory

    return freed_memory.unavailable()
