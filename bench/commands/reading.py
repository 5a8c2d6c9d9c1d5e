"""Read the values of options: sizes, fractions, shares, stores and the options of a run."""

from __future__ import annotations

import os
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from gradmeter.bench import engines
from gradmeter.bench.cases import sharded
from gradmeter.bench.cases.shards import Share
from gradmeter.bench.errors import UsageError
from gradmeter.bench.history import store
from gradmeter.bench.history.branch import Branch
from gradmeter.bench.results import run_file
from gradmeter.bench.results.run import Options, Run
from gradmeter.bench.runs.allocators import POLICIES
from gradmeter.bench.session import RUN_FILE
from gradmeter.bench.suggestions import suggestion

_TIMES = {"k": 10**3, "M": 10**6, "G": 10**9}


def read_size(text: str | int, option: str = "--size") -> int:
    """Read a number of elements, such as 1000000, 1_000_000, 1e6, 1M or 10k.

    Raises:
        UsageError: it is no whole number.
    """
    digits = str(text).strip()
    times = _TIMES.get(digits[-1:], 1)
    try:
        # It takes underscores, and no size is rounded.
        number = Decimal(digits if times == 1 else digits[:-1]) * times
        if number != number.to_integral_value():
            raise InvalidOperation
        return int(number)
    except (ArithmeticError, ValueError, OverflowError):
        raise UsageError(f"{option} {text!r} is no whole number; write 1000000 or 1e6") from None


def fraction(text: str) -> float:
    """Read a fraction, such as 2% or 0.02.

    Raises:
        UsageError: the text is no fraction.
    """
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        raise UsageError(f"--effect {text!r} is no fraction; write 2% or 0.02") from None
    return number / 100 if text.endswith("%") else number


def run_path(path: Path) -> Path:
    """Return the path of a run file, given that or its folder."""
    return path / RUN_FILE if os.path.isdir(path) else path


def read_run(path: Path) -> Run:
    """Read a run, given its file or its folder.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    file = run_path(path)
    if not os.path.lexists(file):
        known = [
            run for folder in (path.parent, Path("reports")) for run in folder.glob(f"*/{RUN_FILE}")
        ]
        meant = suggestion(str(path), [str(each.parent) for each in known])
        raise UsageError(f"there is no run {file}{meant or '; gradmeter run makes one'}")
    return run_file.load(file)


def read_share(text: str, costs: Path | None) -> Share | None:
    """Read the share of a plan that is asked for; None for all of it.

    Raises:
        UsageError: there is no such shard, or no such costs.
    """
    return sharded.read(text, costs if costs is None else run_path(costs))


def read_options(**values: Any) -> Options:
    """Make the options of a run.

    Raises:
        UsageError: a value is invalid.
    """
    if values["collector"] not in ("on", "off"):
        raise UsageError(f"--collector is on or off, not {values['collector']!r}")
    if values["allocator"] not in POLICIES:
        meant = suggestion(values["allocator"], POLICIES)
        known = f"--allocator is {', '.join(POLICIES)}, not {values['allocator']!r}"
        raise UsageError(f"{known}{meant}")
    if values.get("functions") and not values.get("instructions"):
        raise UsageError("--functions tells where instructions are; give --instructions too")
    try:
        return Options(**values)
    except ValueError as error:
        raise UsageError(f"--budget, --limit, --seconds or --effect: {error}") from None


def add_engines(files: list[Path] | None) -> list[str]:
    """Register the engines of adapter files; return their names.

    Raises:
        UsageError: a file cannot be loaded.
    """
    return list(dict.fromkeys(engines.add_file(file).name for file in files or []))


def pushed(place: store.Place, push: bool) -> store.Place:
    """The place of a store, to be pushed where that is asked.

    Raises:
        UsageError: it is no branch.
    """
    if not push:
        return place
    if not isinstance(place, Branch):
        raise UsageError(
            f"--push pushes a branch, and {place} is a folder; give --store branch:NAME"
        )
    return replace(place, push=True)
