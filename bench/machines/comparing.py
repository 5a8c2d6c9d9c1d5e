"""Compare a worker's machine with the client's: what has to be the same for one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from gradmeter.bench.machines.messages import Description
from gradmeter.bench.results.environment import Environment
from gradmeter.bench.results.merging import OF_A_MACHINE
from gradmeter.bench.results.run import Ground

# A machine gets the files and not the repositories of the client; its gradmeter is compared by
# the content of its files.
OF_THE_CLIENT = ("commit", "dirty", "repository_commit", "repository_dirty")
_NAMES = {"python": "Python", "implementation": "Python implementation", "blas_threads": "threads"}


def differences(
    machine: Description, ours: Environment, sources: str, grounds: Mapping[str, Ground]
) -> list[str]:
    """What a machine has in another version than the client, each in a few words."""
    found = [f"{what} {theirs} (here {here})" for what, theirs, here in _both(machine, ours)]
    if not found and machine.sources != sources:
        found.append(
            f"gradmeter {ours.gradmeter} with other files than here; install the same commit"
        )
    for variant, ground in grounds.items():
        theirs = machine.grounds.get(variant)
        if theirs is not None and theirs != ground:
            found += [
                f"{variant} with {name.replace('engine', 'its engine')} {getattr(theirs, name)} "
                f"(here {getattr(ground, name)})"
                for name in ground.__struct_fields__
                if getattr(theirs, name) != getattr(ground, name)
                and not (name in ("python", "numpy") and found)
            ]
    return found


def _both(machine: Description, ours: Environment) -> Iterator[tuple[str, object, object]]:
    for name in ours.__struct_fields__:
        theirs, here = getattr(machine.environment, name), getattr(ours, name)
        if name in (*OF_A_MACHINE, *OF_THE_CLIENT) or theirs == here:
            continue
        if name == "versions":
            for package in here | theirs:
                pair = theirs.get(package, "not installed"), here.get(package, "not installed")
                if pair[0] != pair[1]:
                    yield package, *pair
        else:
            yield _NAMES.get(name, name.replace("_", " ")), theirs, here


def as_of_run(machine: Description, ours: Environment) -> Environment:
    """The environment of a machine as the run file has it."""
    shared = {name: getattr(ours, name) for name in OF_THE_CLIENT}
    return msgspec.structs.replace(machine.environment, **shared)
