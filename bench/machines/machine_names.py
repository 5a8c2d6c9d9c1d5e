"""Name the machines of a run, and tell the run file of those that measured something."""

from __future__ import annotations

import msgspec

from gradmeter.bench.machines.messages import Description
from gradmeter.bench.results.environment import Environment
from gradmeter.bench.results.run import Case
from gradmeter.bench.runs.record import Record

change = msgspec.structs.replace


class MachineNames:
    """The machines of a run by name, which is their host's.

    A run of one machine names it nowhere, as a local run.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._identities: dict[str, str] = {}  # by name
        self._environments: dict[str, Environment] = dict(record.run.machines)
        self._used: list[str] = []
        self._unnamed = ""  # whose cases have no name while there is no other machine
        self._resumed = bool(record.cases)

    def of(self, machine: Description, environment: Environment) -> str:
        """The name of a machine; what its self-tests say is added to the run."""
        name = self._name(machine, environment)
        if name not in self._identities:
            self._identities[name] = machine.identity
            self._environments[name] = environment
            known = self._record.run.self_tests
            tests = machine.self_tests
            if known:
                failed = [test for test in tests if not test.passed]
                tests = [change(test, name=f"{test.name} on {name}") for test in failed]
            self._record.add_self_tests(tests)
        return name

    def _name(self, machine: Description, environment: Environment) -> str:
        host = name = machine.host or "machine"
        number = 1
        while self._identities.get(name, machine.identity) != machine.identity or (
            name not in self._identities
            and name in self._environments
            and not _same(self._environments[name], environment)
        ):
            number += 1
            name = f"{host} ({number})"
        return name

    def use(self, name: str) -> None:
        """Note that a machine measures."""
        if name in self._used:
            return
        self._used.append(name)
        run = self._record.run
        environment = self._environments[name]
        if len(self._used) == 1 and not self._resumed:
            self._record.run = change(run, environment=environment)
            self._unnamed = name
        elif len(self._used) == 1 and not run.machines and _same(run.environment, environment):
            self._unnamed = name  # it goes on where the run was begun
        else:
            self._tell()

    def named(self, case: Case, name: str) -> Case:
        """A case with the name of its machine, where the run has several."""
        return change(case, machine=name if self._record.run.machines else "")

    def _tell(self) -> None:
        """Name every machine that measures, in the run and in the cases that it has by now."""
        record = self._record
        machines = record.run.machines | {name: self._environments[name] for name in self._used}
        record.run = change(record.run, machines=machines)
        record.put(*[change(c, machine=c.machine or self._unnamed) for c in record.cases])


def _same(one: Environment, two: Environment) -> bool:
    """Whether two environments are of one machine at two times."""
    return change(one, started="") == change(two, started="")
