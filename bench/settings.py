"""The options of the pytest door: each from the command line, or else from the ini file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.errors import UsageError

OUT = "reports/latest"
SETS = 4
COLLECTORS = ("on", "off")


@dataclass(frozen=True)
class Settings:
    """What a session was asked.

    Attributes:
        memory: whether the calls of ordinary tests are measured, see bench.suites.
        out: the folder for run.json and the reports.
        collector: "on" or "off", while timing.
        sets: of fresh processes that each case is timed in.
        against: the baseline; None where there is none.
        fail_on: the gates as they were written.
        engines: files of adapters.
    """

    memory: bool
    out: Path
    collector: str
    sets: int
    against: Path | None
    fail_on: Sequence[str]
    engines: Sequence[Path] = ()


def add(parser: pytest.Parser) -> None:
    """Add our few options, on the command line and in the ini file; none has a default yet."""
    group = parser.getgroup("gradmeter", "what code costs, in bytes and in seconds")
    group.addoption(
        "--bench-memory",
        action="store_true",
        default=None,
        help="Measure what each call of an ordinary benchmark(...) test allocates, in a pass of "
        "its own that is not timed: exact bytes of NumPy's array data.",
    )
    group.addoption(
        "--no-bench-memory",
        action="store_false",
        dest="bench_memory",
        help="Do not, whatever the ini file says.",
    )
    group.addoption(
        "--bench-out",
        metavar="DIR",
        help=f"The folder for run.json and report.md. Default: {OUT}",
    )
    group.addoption(
        "--bench-collector",
        metavar="on|off",
        help="Python's cyclic garbage collector while timing. Default: on",
    )
    group.addoption(
        "--bench-sets",
        metavar="N",
        help="Sets of fresh processes that each case is timed in; a verdict on time takes 8. "
        f"Default: {SETS}",
    )
    group.addoption(
        "--bench-against",
        metavar="FILE",
        help="Hold the exact bytes against this baseline, see gradmeter check.",
    )
    group.addoption(
        "--bench-fail-on",
        action="append",
        metavar="GATE",
        help="Fail if this is so, such as peak>1%%, cycle>0, slower; or unless this holds, such "
        "as peak<=24MB; see gradmeter gates. Default with --bench-against: peak>0, held>0, cycle>0",
    )
    group.addoption(
        "--bench-engine",
        action="append",
        metavar="FILE",
        help="An adapter of an engine of yours, to be named in cases(...).",
    )
    for name, kind in (
        ("memory", "bool"),
        ("out", "string"),
        ("collector", "string"),
        ("sets", "string"),
        ("against", "string"),
        ("fail_on", "linelist"),
        ("engine", "linelist"),
    ):
        parser.addini(f"bench_{name}", f"As {_option(name)}.", type=kind, default=None)  # type: ignore[arg-type]


def read(config: pytest.Config) -> Settings:
    """Read the options; what the command line says wins.

    Raises:
        UsageError: a value makes no sense; the message says which and where it stands.
    """
    sets, where = _one(config, "sets", str(SETS))
    if not (sets.isascii() and sets.isdigit() and int(sets) > 0):
        raise UsageError(f"{where} {sets} is not a positive number")
    collector, where = _one(config, "collector", "on")
    if collector not in COLLECTORS:
        raise UsageError(f"{where} {collector!r} is neither on nor off")
    memory = config.getoption("bench_memory")
    if memory is None:
        memory = _ini(config, "memory") or False
    against, _ = _one(config, "against", "")
    given = config.getoption("bench_against") is not None
    typed = config.getoption("bench_engine")
    adapters = (config.invocation_params.dir if typed else config.rootpath) / ""
    return Settings(
        memory=memory,
        out=config.rootpath / _one(config, "out", OUT)[0],
        collector=collector,
        sets=int(sets),
        # A name on the command line is relative to where that was typed.
        against=(config.invocation_params.dir if given else config.rootpath) / against
        if against
        else None,
        fail_on=config.getoption("bench_fail_on") or _ini(config, "fail_on") or (),
        engines=[adapters / file for file in typed or _ini(config, "engine") or ()],
    )


def _option(name: str) -> str:
    return f"--bench-{name.replace('_', '-')}"


def _one(config: pytest.Config, name: str, default: str) -> tuple[str, str]:
    """A value, and the name under which it was given."""
    given = config.getoption(f"bench_{name}")
    if given is not None:
        return given, _option(name)
    found = _ini(config, name)
    return (default, _option(name)) if found is None else (found, f"bench_{name} =")


def _ini(config: pytest.Config, name: str) -> Any:
    """A value of the ini file; None where there is none.

    Raises:
        UsageError: it is of another type.
    """
    try:
        return config.getini(f"bench_{name}")
    except (TypeError, ValueError) as error:  # which pytest before 9.2 does not catch
        raise UsageError(f"bench_{name} in the ini file: {error}") from None
