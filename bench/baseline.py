"""The baseline: the exact memory figures of a run, which hold on any machine."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import msgspec

from bench import results
from bench.errors import UsageError
from bench.results import Run, Value

FORMAT: Final = "gradmeter baseline"
VERSION: Final = 1


class Figures(Value, frozen=True, kw_only=True):
    """Exact bytes of one case."""

    workload: str
    size: int
    variant: str
    forward: int
    backward: int
    peak: int
    held: int
    dropped: int
    cycle: int


class Baseline(Value, frozen=True, kw_only=True):
    """Exact bytes of every case of a run that measured the same in every pass."""

    format: Literal["gradmeter baseline"] = FORMAT
    version: Literal[1] = VERSION
    cases: list[Figures]


def figures(run: Run) -> list[Figures]:
    """The exact figures of a run, without cases that failed or are not deterministic."""
    return [
        Figures(
            workload=case.workload,
            size=case.size,
            variant=case.variant,
            forward=case.memory.forward,
            backward=case.memory.backward,
            peak=case.memory.peak,
            held=case.memory.held,
            dropped=case.cycles.dropped,
            cycle=case.cycles.bytes,
        )
        for case in sorted(run.cases, key=lambda case: case.key)
        if case.memory is not None
        and case.cycles is not None
        and case.deterministic
        and not case.failure
    ]


def write_baseline(run: Run, path: Path) -> int:
    """Write a run's exact figures; return how many cases there are.

    Raises:
        UsageError: the run has none, the file is there and is no baseline, or it cannot be
            written.
    """
    try:
        there = msgspec.json.decode(path.read_bytes())
        if (there.get("format"), there.get("version")) != (FORMAT, VERSION):
            raise msgspec.ValidationError
    except FileNotFoundError:
        pass
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError, AttributeError):
        raise UsageError(
            f"{path} is there and is no baseline of this version, so it is left as it is; "
            "choose another --out or remove it"
        ) from None
    found = figures(run)
    if not found:
        raise UsageError("this run has no exact memory figures to make a baseline of")
    # One case a line: a change shows as the lines that changed.
    lines = ",\n".join("  " + msgspec.json.encode(case).decode() for case in found)
    text = f'{{"format": "{FORMAT}", "version": {VERSION}, "cases": [\n{lines}\n]}}\n'
    msgspec.json.decode(text, type=Baseline)
    try:
        results.write(path, text.encode())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    return len(found)
