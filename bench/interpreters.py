"""What variants run on: interpreters and engines, what each has and what it lacks."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata

from bench import engines
from bench.engines import Engine
from bench.environment import cores
from bench.errors import UsageError
from bench.plan import Group
from bench.results import Ground
from bench.variants import Variant

OLDEST = (3, 11)
MEMRAY = "memray"
PATIENCE = 30.0  # seconds for an interpreter to say what it has

_ASK = """
import json, platform, sys
from importlib import metadata
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps({"python": platform.python_version(), "versions": found}))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python and what is installed for it, by the name of the distribution."""

    python: str
    versions: dict[str, str]


@cache
def look(path: str, names: tuple[str, ...]) -> Interpreter:
    """Ask an interpreter for its version and those of these distributions.

    Args:
        path: the interpreter's; empty for this one.

    Raises:
        UsageError: it cannot be started, or answers something else.
    """
    if not path:
        versions = {}
        for name in names:
            try:
                versions[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
        return Interpreter(platform.python_version(), versions)
    try:
        done = subprocess.run(
            [path, "-I", "-c", _ASK, *names],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        found = json.loads(done.stdout)
        return Interpreter(str(found["python"]), dict(found["versions"]))
    except OSError as error:
        raise UsageError(f"python={path} cannot be started: {error.strerror}") from None
    except (subprocess.SubprocessError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"python={path} does not say what it has; it is the path of a Python interpreter, "
            f"{OLDEST[0]}.{OLDEST[1]} or later"
        ) from None


def grounds(groups: Sequence[Group]) -> dict[str, Ground]:
    """What each variant runs on.

    Raises:
        UsageError: an interpreter or an engine is not there, or there are too few cores.
    """
    variants = dict.fromkeys(v for group in groups for v in group.variants)
    return {str(variant): _ground(variant) for variant in variants}


def _ground(variant: Variant) -> Ground:
    engine = engines.get(variant.engine)
    found = look(variant.python, ("numpy", MEMRAY, *engine.distributions))
    if variant.python:
        _check_python(variant, found)
    there = [found.versions[d] for d in engine.distributions if d in found.versions]
    if engine.distributions and not there:
        command = engine.command
        if variant.python:
            command = f"{variant.python} -m pip install {engine.distributions[0]}"
        whose = f" for python={variant.python}" if variant.python else ""
        raise UsageError(f"{variant}: {engine.name} is not installed{whose}; {command}")
    if variant.threads > len(cores()) and cores() != [None]:
        raise UsageError(
            f"{variant}: {variant.threads} threads take as many cores, and there are {len(cores())}"
        )
    return Ground(
        engine=there[0] if there else "",
        python=found.python,
        numpy=found.versions.get("numpy", ""),
        threads=variant.threads,
    )


def _check_python(variant: Variant, found: Interpreter) -> None:
    oldest = ".".join(map(str, OLDEST))
    if tuple(int(part) for part in found.python.split(".")[:2]) < OLDEST:
        raise UsageError(
            f"{variant}: this is Python {found.python}; a worker takes {oldest} or later"
        )
    if "numpy" not in found.versions:
        raise UsageError(
            f"{variant}: Python {found.python} has no numpy there; "
            f"{variant.python} -m pip install numpy"
        )


def notes(groups: Sequence[Group]) -> list[str]:
    """What the run leaves out for want of something, in sentences."""
    own: dict[str, Engine] = {}
    for variant in (v for group in groups for v in group.variants):
        engine = engines.get(variant.engine)
        if engine.memory == "own" and MEMRAY not in look(variant.python, (MEMRAY,)).versions:
            own[engine.name] = engine
    if not own:
        return []
    return [
        f"{', '.join(own)}: arrays in memory of their own, so there are no exact bytes of them; "
        "for those of the whole heap: pip install 'gradmeter[native]'"
    ]
