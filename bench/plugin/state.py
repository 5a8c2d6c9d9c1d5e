"""The state of a pytest session, which the hooks share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gradmeter.bench.errors import UsageError
from gradmeter.bench.plugin import settings
from gradmeter.bench.plugin.cases import Question

if TYPE_CHECKING:
    from gradmeter.bench.plugin.gathered import Gathered
    from gradmeter.bench.plugin.gating import SessionGates
    from gradmeter.bench.plugin.measured import MeasuredCases
    from gradmeter.bench.plugin.sharding import Sharding
    from gradmeter.bench.results.run import Run
    from gradmeter.bench.results.shard import Shard


class Session:
    """The settings of a pytest session, its questions, and its results."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.settings = settings.read(config)
        self.questions: list[Question] = []
        self.gates: SessionGates | None = None
        self.gathered: Gathered | None = None
        self.sharding: Sharding | None = None
        self.run: Run | None = None
        self.screen: list[str] = []
        self._measured: MeasuredCases | None = None
        if self.settings.engines:
            from gradmeter.bench import engines

            for file in self.settings.engines:
                engines.add_file(file)
        if (self.settings.fail_on or self.settings.against) and not self.settings.revisions:
            try:
                from gradmeter.bench.plugin import gating
            except ImportError as error:
                raise UsageError(f"gates cannot be judged here: {error}") from None

            self.gates = gating.read(self.settings)

    @property
    def wants_laws(self) -> bool:
        """Whether laws of calls are found, or calls are compared with a file of laws."""
        from gradmeter.bench.results.laws import is_law_file

        against = self.settings.against
        return self.settings.law or (against is not None and is_law_file(against))

    @property
    def measured(self) -> MeasuredCases:
        """The measured cases of the questions."""
        if self._measured is None:
            from gradmeter.bench.plugin.measured import MeasuredCases

            self._measured = MeasuredCases(self.config, self.settings, self.questions, self.shard())
        return self._measured

    def shard(self) -> Shard | None:
        """Return the shard whose tests are run; None before they are collected, and for all."""
        return self.sharding.shard if self.sharding is not None else None

    def cases_run(self) -> Run | None:
        """Return the run of the questions so far; None where none was measured."""
        if self._measured is None and not self.without_cases:
            return None
        return self.measured.run_so_far()

    @property
    def without_cases(self) -> bool:
        """Whether the plan's questions are measured, and all are in other shards."""
        elsewhere = self.sharding is not None and self.sharding.workloads and not self.questions
        return elsewhere and enabled(self.config)


KEY = pytest.StashKey[Session]()


def enabled(config: pytest.Config) -> bool:
    """Whether cases are measured, and not only run once."""
    return bool(config.getoption("benchmark_only") or config.getoption("benchmark_enable"))
