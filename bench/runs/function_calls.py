"""Measure the calls of a user's function for its laws, in a worker of its own.

A worker that ends, hangs or raises costs one point of the search: the next one has a new worker.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from gradmeter.bench.errors import WorkerError
from gradmeter.bench.laws.law import Measured, Point, UnmeasurableError
from gradmeter.bench.results.growth import FIRST, per_call
from gradmeter.bench.runs import descendants
from gradmeter.bench.runs.dialogue import Dialogue
from gradmeter.bench.runs.launcher import START, START_FOLDER, started
from gradmeter.bench.runs.spec import COLD
from gradmeter.bench.runs.ties import MARK

PATIENCE = 60.0  # seconds for a worker to import the function, or for a point to be measured
_OF_PASSES = {"peak": "peak", "held": "held", "cycle": "cycle", "allocations": "number"}


@dataclass
class FunctionCalls:
    """Measures a function at points; a context manager that ends its worker.

    Attributes:
        target: FILE.py:FUNCTION or package.module:function.
        names: of the parameters.
        setup: likewise, of what makes the arguments; empty where the parameters are these.
        limit: the most seconds that a point may take.
        unstable: by figure that differs from call to call somewhere, where that is.
    """

    target: str
    names: Sequence[str]
    setup: str = ""
    limit: float = PATIENCE
    unstable: dict[str, str] = field(default_factory=dict)
    _worker: Dialogue | None = None

    def __enter__(self) -> Self:
        """Start the worker, so that a function that does not load is refused now.

        Raises:
            UsageError: there is no such function, or it takes other parameters.
            WorkerError: its module ended the worker.
        """
        self._started()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()

    def measure(self, point: Point, places: bool) -> Measured:
        """Measure the function at a point.

        Raises:
            UnmeasurableError: it raises there, or its worker ended or took too long.
            UsageError: nothing can be measured here.
        """
        parameters = dict(zip(self.names, point, strict=True))
        try:
            worker = self._worker or self._started()
            answer = worker.ask("measure", parameters=parameters, places=places)
        except WorkerError as error:
            if error.kind != "raised" and self._worker is not None:
                self._worker.close()
                self._worker = None
            raise UnmeasurableError(f"{self._call(parameters)}: {error}") from None
        figures = self._figures(parameters, answer["passes"], answer["kept"])
        by_line = {"peak": answer["places"]} if answer["places"] else {}
        return Measured(figures=figures, places=by_line, seconds=answer["seconds"])

    def _started(self) -> Dialogue:
        # -P keeps what lies beside start_worker.py from being imported.
        command = [sys.executable, "-P", str(START), str(START_FOLDER), "runs.function_worker"]
        mark = descendants.new_mark()
        seed = os.environ.get("PYTHONHASHSEED", "random")  # workers order sets alike
        own = {MARK: mark, "PYTHONHASHSEED": "0" if seed == "random" else seed}
        child, errors = started(command, {**os.environ, **COLD, **own})
        self._worker = worker = Dialogue(child, errors, max(self.limit, PATIENCE), mark)
        worker.send(
            {
                "target": self.target,
                "setup": self.setup,
                "names": list(self.names),
                "safe_path": sys.flags.safe_path,
            }
        )
        try:
            worker.ready()
        except BaseException:
            worker.close()
            self._worker = None
            raise
        worker.limit = self.limit
        return worker

    def _figures(
        self, parameters: Mapping[str, int], passes: Sequence[Mapping[str, Any]], kept: list[int]
    ) -> dict[str, int]:
        figures: dict[str, int] = {}
        for figure, name in _OF_PASSES.items():
            values = [each[name] for each in passes]
            if None in values:
                continue  # allocations cannot be counted here
            if len(set(values)) == 1:
                figures[figure] = values[0]
            else:
                shown = ", ".join(f"{value:,}" for value in values)
                self.unstable.setdefault(
                    figure, f"it differs from call to call of {self._call(parameters)}: {shown}"
                )
        figures["growth"] = per_call(kept[-1] - kept[FIRST - 1]) if kept else 0
        return figures

    def _call(self, parameters: Mapping[str, int]) -> str:
        name = self.target.rpartition(":")[2]
        return f"{name}({', '.join(f'{n}={v}' for n, v in parameters.items())})"
