"""Look up the interpreter and the engine of each variant, and refuse what cannot run."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata

from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.engines import Engine
from gradmeter.bench.errors import UsageError
from gradmeter.bench.installing import install
from gradmeter.bench.results.environment import cores
from gradmeter.bench.results.run import Ground

OLDEST = (3, 11)
MEMRAY = "memray"
PATIENCE = 30.0  # seconds for an interpreter to list its versions

_LIST_VERSIONS = """
import json, platform, sys
from importlib import metadata
versions = {}
for name in sys.argv[1:]:
    try:
        versions[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps({"python": platform.python_version(), "versions": versions}))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python interpreter's version, and those of its distributions by name."""

    python: str
    versions: dict[str, str]


@cache
def inspect(path: str, names: tuple[str, ...]) -> Interpreter:
    """Return the version of an interpreter, and those of the distributions that it has.

    Args:
        path: the interpreter's; empty for this one.
        names: the distributions to look up.

    Raises:
        UsageError: the interpreter cannot be started, or is no Python interpreter.
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
            [path, "-I", "-c", _LIST_VERSIONS, *names],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        answer = json.loads(done.stdout)
        return Interpreter(str(answer["python"]), dict(answer["versions"]))
    except OSError as error:
        raise UsageError(f"python={path} cannot be started: {error.strerror}") from None
    except (subprocess.SubprocessError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"python={path} is not a working Python interpreter; give the path of one, "
            f"{OLDEST[0]}.{OLDEST[1]} or later"
        ) from None


def grounds(groups: Sequence[Group]) -> dict[str, Ground]:
    """Return the interpreter, engine version and threads of each variant, by its name.

    Raises:
        UsageError: an interpreter or an engine is missing, or there are too few cores.
    """
    variants = dict.fromkeys(v for group in groups for v in group.variants)
    return {str(variant): ground(variant) for variant in variants}


def ground(variant: Variant) -> Ground:
    """Return that of one variant.

    Raises:
        UsageError: as `grounds` raises it.
    """
    engine = variant.engine
    interpreter = inspect(variant.python, ("numpy", MEMRAY, *engine.distributions))
    if variant.python:
        _check_python(variant, interpreter)
    installed = interpreter.versions
    versions = [installed[d] for d in engine.distributions if d in installed]
    if engine.distributions and not versions:
        command = engine.command
        if variant.python:
            command = install(engine.distributions[0], python=variant.python)
        target = f" for python={variant.python}" if variant.python else ""
        raise UsageError(f"{variant}: {engine.name} is not installed{target}; {command}")
    if variant.threads > len(cores()) and cores() != [None]:
        raise UsageError(
            f"{variant}: {variant.threads} threads need as many cores; {len(cores())} are available"
        )
    return Ground(
        engine=versions[0] if versions else "",
        python=interpreter.python,
        numpy=installed.get("numpy", ""),
        threads=variant.threads,
    )


def _check_python(variant: Variant, interpreter: Interpreter) -> None:
    oldest = ".".join(map(str, OLDEST))
    if tuple(int(part) for part in interpreter.python.split(".")[:2]) < OLDEST:
        raise UsageError(
            f"{variant}: this is Python {interpreter.python}; a worker needs {oldest} or later"
        )
    if "numpy" not in interpreter.versions:
        raise UsageError(
            f"{variant}: this Python {interpreter.python} has no numpy; "
            f"{install('numpy', python=variant.python)}"
        )


def notes(groups: Sequence[Group]) -> list[str]:
    """Return a sentence about each figure that the run leaves out, and how to get it."""
    own: dict[str, Engine] = {}
    for variant in (v for group in groups for v in group.variants):
        engine = variant.engine
        if engine.memory == "own" and MEMRAY not in inspect(variant.python, (MEMRAY,)).versions:
            own[engine.name] = engine
    if not own:
        return []
    return [
        f"{', '.join(own)}: arrays outside NumPy's memory, so there are no exact bytes of them; "
        f"for the exact bytes of the whole heap: {install('gradmeter[native]')}"
    ]
