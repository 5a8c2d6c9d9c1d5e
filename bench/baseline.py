"""The baseline: the exact memory figures of a run, which hold on any machine."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import msgspec

from bench import files, results
from bench.errors import UsageError
from bench.results import Run, Value
from bench.wording import title_text

FORMAT: Final = "gradmeter baseline"
VERSION: Final = 1


Key = tuple[str, int, str]


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
            **case.figures,
        )
        for case in sorted(run.cases, key=lambda case: case.key)
        if case.figures is not None and case.deterministic and not case.failure
    ]


def load_baseline(path: Path) -> dict[Key, dict[str, int]] | None:
    """Read the exact figures of each case, by name; also from a run file.

    Returns:
        None where there is no such file.

    Raises:
        UsageError: it cannot be read or is of another format or version; or it was edited
            and is not what was written.
    """
    try:
        found = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path} cannot be read as a baseline: {reason}") from None
    again = f"make it anew: gradmeter baseline RUN --out {path}"
    if isinstance(found, dict) and found.get("format") == results.FORMAT:
        cases = figures(results.load(path))
    elif not isinstance(found, dict) or found.get("format") != FORMAT:
        raise UsageError(f'{path} is no baseline: its "format" is not "{FORMAT}"; {again}')
    elif found.get("version") != VERSION:
        raise UsageError(
            f"{path} is a baseline of version {found.get('version')!r}, this gradmeter reads "
            f"version {VERSION}; {again}"
        )
    else:
        try:
            cases = msgspec.convert(found, Baseline).cases
        except msgspec.ValidationError as error:
            raise UsageError(f"{path} is not a valid baseline: {error}; {again}") from None
    by_key: dict[Key, dict[str, int]] = {}
    for number, case in enumerate(cases):
        values = msgspec.to_builtins(case)
        key = (values.pop("workload"), values.pop("size"), values.pop("variant"))
        wrong = "it is there twice" if key in by_key else _impossible(values)
        if wrong:
            raise UsageError(
                f"{path} was edited: case {number + 1}, {title_text(*key)}: {wrong}; {again}"
            )
        by_key[key] = values
    return by_key


def _impossible(values: dict[str, int]) -> str:
    """What no run can have measured; empty where there is nothing of the kind."""
    for name, value in values.items():
        if value < 0:
            return f"{name} is {value}, less than nothing"
        if name != "peak" and value > values["peak"]:
            return f"{name} is {value:,} bytes, more than the peak of {values['peak']:,}"
    return ""


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
        files.write(path, text.encode())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    return len(found)
