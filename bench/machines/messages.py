"""What a client and the workers of a cluster say to each other."""

from __future__ import annotations

from msgspec import field

from gradmeter.bench.results.environment import Environment
from gradmeter.bench.results.readings import SelfTest, Value
from gradmeter.bench.results.run import Case, Comparison, Ground, Options


class Checkout(Value, frozen=True, kw_only=True):
    """A revision of engines' packages, see cases/revisions.py; paths are without the root."""

    label: str
    path: str
    packages: dict[str, str]
    origins: list[str]


class Shipment(Value, frozen=True, kw_only=True):
    """The files that a run's groups are made of: adapters, workloads, and what they import.

    ``files`` are the contents by path, without the root; ``folder`` is the working folder.
    ``checkouts`` are those of revisions that are compared, and ``packages`` of each engine by its
    name those that have revisions.
    """

    adapters: list[str]
    files: dict[str, bytes]
    folder: str
    checkouts: list[Checkout] = field(default_factory=list)
    packages: dict[str, list[str]] = field(default_factory=dict)


class Planned(Value, frozen=True, kw_only=True):
    """A group by the names that make it again: FILE.py:NAME has the path without the root.

    ``variants`` are without their labels.
    """

    workload: str
    size: int
    variants: list[str]
    labels: list[str]


class Request(Value, frozen=True, kw_only=True):
    """What a worker is to do: describe its machine for these groups, or measure each of them.

    ``place`` is the worker's number on its machine, by which workers of one machine begin with
    different cores. ``checked`` are the machine's self-tests; none to describe the machine.
    """

    shipment: Shipment
    groups: list[Planned]
    comparisons: list[Comparison]
    options: Options
    place: int = 0
    checked: list[SelfTest] | None = None


class Description(Value, frozen=True, kw_only=True):
    """A machine: what it is told apart by, what it has, and whether its meters can be trusted.

    ``sources`` is a digest of gradmeter's own files.
    """

    identity: str
    host: str
    sources: str
    environment: Environment
    grounds: dict[str, Ground]
    self_tests: list[SelfTest]


class Step(Value, frozen=True, kw_only=True):
    """What a worker has to say: what is new since it last did.

    ``spent`` are the seconds that a group took, with its last cases.

    The last one of a request has ``ended``, ``description`` or why there is no result:
    ``refused`` by this machine, or ``lost`` with the process that measured.
    """

    cases: list[Case] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    spent: float | None = None
    ended: bool = False
    description: Description | None = None
    refused: str = ""
    lost: str = ""

    @property
    def is_last(self) -> bool:
        """Whether nothing follows."""
        return bool(self.ended or self.description or self.refused or self.lost)
