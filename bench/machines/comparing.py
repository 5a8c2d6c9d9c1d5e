"""Compare a worker's machine with the client's: what has to be the same for one run."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gradmeter.bench.machines.messages import Description
from gradmeter.bench.results import environment
from gradmeter.bench.results.environment import OF_A_MACHINE, Environment
from gradmeter.bench.results.run import Ground

# A machine gets the files and not the repositories of the client; its gradmeter is compared by
# the content of its files.
OF_THE_CLIENT = ("commit", "dirty", "repository_commit", "repository_dirty")


def differences(
    machine: Description, ours: Environment, sources: str, grounds: Mapping[str, Ground]
) -> list[str]:
    """What a machine has in another version than the client, each in a few words."""
    may_differ = (*OF_A_MACHINE, *OF_THE_CLIENT)
    found = [
        f"{what} {theirs} (here {here})"
        for what, here, theirs in environment.differences(ours, machine.environment, may_differ)
    ]
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


def as_of_run(machine: Description, ours: Environment) -> Environment:
    """The environment of a machine as the run file has it."""
    shared = {name: getattr(ours, name) for name in OF_THE_CLIENT}
    return msgspec.structs.replace(machine.environment, **shared)
