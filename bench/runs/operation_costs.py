"""Count the instructions of each kind of operation: of a variant, and of another revision of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from gradmeter.bench.cases.variants import Variant
from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.results import environment
from gradmeter.bench.results.folders import temporary_folder
from gradmeter.bench.runs.instruction_passes import ELSEWHERE, Counted, Counting
from gradmeter.bench.runs.spec import Spec, spec_of
from gradmeter.bench.workloads import get

WARM_UP = 6  # of each, chains of 50 links, after which CPython has specialized their code
ROUNDS = 2
LIMIT = 60.0  # seconds for an answer without valgrind


def count_operations(
    variant: Variant, allocator: str, engine_paths: Sequence[Path | None]
) -> list[Counted]:
    """Count every kind of operation, in a process for each engine path.

    Args:
        engine_paths: folders that hold the package engine; None for the one installed.

    Returns:
        The counts of each path; and of the last one once more, in a process of another history.

    Raises:
        UsageError: the variant cannot be counted.
    """
    with ExitStack() as stack:
        scratch = str(stack.enter_context(temporary_folder()))
        plain = spec_of(
            get("squares-3"), 1, variant, collector="off", allocator=allocator, seed=0,
            scratch=scratch,
        )  # fmt: skip
        specs = [replace(plain, engine_path=str(path or "")) for path in engine_paths]
        specs.append(replace(specs[-1], **ELSEWHERE))
        try:
            # Half of the time is their start, so they start together.
            workers = [stack.enter_context(Counting(spec, LIMIT)) for spec in _spread(specs)]
            return [
                worker.count("operations", warm_up=WARM_UP, rounds=ROUNDS) for worker in workers
            ]
        except WorkerError as error:
            raise UsageError(f"{variant} cannot be counted under valgrind: {error}") from None


def _spread(specs: Sequence[Spec]) -> list[Spec]:
    """Give each process a core of its own, as far as there are some."""
    cores = environment.cores()
    return [replace(spec, core=cores[i % len(cores)]) for i, spec in enumerate(specs)]
