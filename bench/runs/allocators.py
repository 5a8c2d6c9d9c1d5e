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

GIB: Final = 2**30

# What a case is timed under; see glibc's mallopt(3) for the variables.
POLICIES: Mapping[str, Mapping[str, int]] = {
    "kept": {"MALLOC_MMAP_THRESHOLD_": GIB, "MALLOC_TRIM_THRESHOLD_": 16 * GIB},
    "returned": {"MALLOC_MMAP_THRESHOLD_": 2**17, "MALLOC_TRIM_THRESHOLD_": 2**17},
    "system": {},
}
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


def environment(policy: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which a new process has the policy.

    Args:
        policy: a key of `POLICIES`; "system" leaves the inherited variables as they are.
    """
    settings = POLICIES[policy]
    if not settings:
        return dict(inherited)
    rest = {name: value for name, value in inherited.items() if name not in _VARIABLES}
    return rest | {name: str(value) for name, value in settings.items()}
