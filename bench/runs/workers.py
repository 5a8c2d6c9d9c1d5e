"""Start the workers of cases, and end each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.errors import WorkerError
from gradmeter.bench.results.run import Options
from gradmeter.bench.runs.forks import may_share
from gradmeter.bench.runs.sets import Serve, Server, Start, Worker
from gradmeter.bench.runs.spec import Spec, environment, spec_of


@dataclass
class Workers:
    """Starts the workers of a run.

    Attributes:
        start: starts one worker.
        serve: starts a process that workers are forked from; None for fresh processes only.
        cores: the cores that workers are pinned to, one after the other.
        ways: for a variant's label, the spec fields that only its workers have.
        scratch: a folder for each variant of the group that is being measured.
    """

    start: Start
    options: Options
    cores: Sequence[int | None]
    ways: Mapping[str, Mapping[str, Any]]
    serve: Serve | None = None
    scratch: Mapping[Variant, str] = field(default_factory=dict)
    _servers: dict[tuple[object, ...], Server] = field(default_factory=dict)

    def spec(self, group: Group, variant: Variant, core: int | None = None) -> Spec:
        """The spec of a case's worker, on ``core`` or else on the first core."""
        return spec_of(
            group.workload,
            group.size,
            variant,
            collector=self.options.collector,
            allocator=self.options.allocator,
            seed=self.options.seed,
            core=core if core is not None else self.cores[0],
            scratch=self.scratch.get(variant, ""),
            **self.ways.get(variant.label, {}),
        )

    @contextmanager
    def worker(self, spec: Spec, *, forked: bool = False) -> Iterator[Worker]:
        """Start a worker and wait until its case is built; end it when the block ends.

        Args:
            forked: it may be a fork of a process that serves all such workers of the run.

        Raises:
            WorkerError: the worker cannot be started, or cannot build its case.
        """
        worker = self._fork(spec) if forked else self.start(spec, self.options.limit)
        try:
            worker.ready()
            yield worker
        finally:
            worker.close()

    def _fork(self, spec: Spec) -> Worker:
        """Fork a worker, if it may be a fork; else start it in a fresh process."""
        if self.serve is None or not may_share([spec]):
            return self.start(spec, self.options.limit)
        key = (spec.interpreter, *sorted(environment(spec).items()))
        try:
            if key not in self._servers:
                self._servers[key] = self.serve(spec, self.options.limit)
            return self._servers[key].start(spec, self.options.limit)
        except WorkerError:  # such as of a process that was killed
            if key in self._servers:
                self._servers.pop(key).close()
            return self.start(spec, self.options.limit)

    def close(self) -> None:
        """End the processes that workers are forked from."""
        while self._servers:
            self._servers.popitem()[1].close()
