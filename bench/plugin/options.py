"""The options of the pytest plugin: each from the command line, or else from the ini file."""

from __future__ import annotations

from argparse import SUPPRESS
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any, Literal, get_args

import pytest

from gradmeter.bench.errors import UsageError

OUT = "reports/latest"
SETS = 4
COLLECTORS = ("on", "off")
Allocator = Literal["kept", "returned", "system"]
ALLOCATORS: tuple[Allocator, ...] = get_args(Allocator)  # the default first
LAYERS = ("arrays", "python", "heap")  # of memory; as gradmeter.bench.results.layers has them
ORDERS = ("peak", "held", "time", "name")  # of calls; as gradmeter.bench.report.ordinary has them
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")
SERVED = pytest.StashKey[bool]()  # set in a session that offers its calls to another process


@dataclass(frozen=True)
class Settings:
    """The settings of a pytest session.

    Attributes:
        memory: in which layers of memory the calls of tests are measured, array data among them;
            none where they are not measured. See gradmeter.bench.plugin.calls.
        out: the folder for run.json and the reports.
        collector: "on" or "off", while timing.
        allocator: the policy of the C library's allocator, while timing.
        sets: of fresh processes that each case is timed in; 0 with ``exact``.
        against: the baseline; None where there is none.
        fail_on: the gates as they were written.
        engines: files of adapters.
        instructions: whether each case's instructions are counted.
        exact: whether exact bytes alone are measured.
        lines: whether lines are measured, of cases and of calls.
        revisions: between which the calls of tests are compared; see plugin/revisions.py for
            these and what follows.
        tests: "head" or "own".
        path: folders of the project that hold its packages.
        install: the command that builds a revision.
        whole: time also calls whose code is the same, in all sets.
        law: whether laws of calls are found.
        law_file: that they are written to; None for none.
        shard: the share of the selected tests that is run, as 1/3; empty for all.
        sort: what the calls of tests are sorted by, of `ORDERS`; None for the default.
        top: how many of them are shown; None for as many as there is room for.
        shard_by: the run by whose seconds the tests are spread; None where they are by name.
    """

    memory: Sequence[str]
    out: Path
    collector: str
    allocator: Allocator
    sets: int
    against: Path | None
    fail_on: Sequence[str]
    engines: Sequence[Path] = ()
    instructions: bool = False
    exact: bool = False
    lines: bool = False
    revisions: Sequence[str] = ()
    tests: str = "head"
    path: Sequence[str] = ()
    install: str = ""
    whole: bool = False
    law: bool = False
    law_file: Path | None = None
    shard: str = ""
    shard_by: Path | None = None
    sort: str | None = None
    top: int | None = None


def add(parser: pytest.Parser) -> None:
    """Add gradmeter's options to the command line and the ini file; `read` gives the defaults."""
    group = parser.getgroup("gradmeter", "what code costs, in bytes and in seconds")
    group.addoption(
        "--bench-memory",
        action="store_const",
        const=LAYERS[0],
        default=None,
        help="Measure what each call of an ordinary benchmark(...) test allocates, in a pass of "
        "its own that is not timed: exact bytes of NumPy's array data. With =python Python's "
        "objects too, with =heap the whole heap (extra native), with =python,heap all of these.",
    )
    # Options of their own, so that the value is never taken from what follows: a test's path.
    for length in range(1, len(LAYERS) + 1):
        for names in permutations(LAYERS, length):
            value = ",".join(names)
            group.addoption(
                f"--bench-memory={value}",
                action="store_const",
                const=value,
                dest="bench_memory",
                help=SUPPRESS,
            )
    group.addoption(
        "--no-bench-memory",
        action="store_const",
        const="",
        dest="bench_memory",
        help="Measure no calls of ordinary tests, whatever the ini file says.",
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
        "--bench-allocator",
        metavar="POLICY",
        help="The C library's allocator while timing: kept (freed memory stays in the process), "
        "returned (given back each time) or system. Default: kept",
    )
    group.addoption(
        "--bench-instructions",
        action="store_true",
        default=None,
        help="Count the instructions of each case, too, under valgrind's callgrind.",
    )
    group.addoption(
        "--bench-lines",
        action="store_true",
        default=None,
        help="Measure the lines of each case, and with --bench-memory of each call, too: where "
        "its bytes are, for a gate that fails and for a baseline.",
    )
    group.addoption(
        "--bench-law",
        action="store_true",
        default=None,
        help="Find the laws of calls: exact bytes as formulas in the test's parameters that are "
        "whole numbers, from all values that are run. Measures as --bench-memory does.",
    )
    group.addoption(
        "--bench-law-file",
        metavar="FILE",
        help="Find laws as --bench-law does, and write them to this file, for --bench-against.",
    )
    group.addoption(
        "--bench-exact",
        action="store_true",
        default=None,
        help="Measure the exact bytes of each case alone: no resident memory and no time; its "
        "one round in pytest-benchmark's table is the first run.",
    )
    group.addoption(
        "--no-bench-exact",
        action="store_false",
        dest="bench_exact",
        help="Measure resident memory and time too, whatever the ini file says.",
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
        help="Hold the exact bytes against this baseline, or file of laws; see gradmeter check.",
    )
    group.addoption(
        "--bench-fail-on",
        action="append",
        metavar="GATE",
        help="Fail if this holds, such as peak>1%%, cycle>0, slower; or unless a budget holds, "
        "such as peak<=24MB or peak<=(n+2)arrays; see gradmeter gates. Default with "
        "--bench-against: peak>0, held>0, cycle>0",
    )
    group.addoption(
        "--bench-sort",
        metavar="|".join(ORDERS),
        help="What the calls of tests are sorted by. Default: peak, or what changed most.",
    )
    group.addoption(
        "--bench-top",
        metavar="N",
        help="How many calls of tests the summary shows; -v prints every table.",
    )
    group.addoption(
        "--bench-rev",
        action="append",
        metavar="REVISION",
        help="Compare each selected benchmark(...) call at this git revision with the same call "
        "in the working tree, in bytes and in time. Given more than once, the revisions are "
        "compared with the first.",
    )
    group.addoption(
        "--bench-tests",
        metavar="head|own",
        default="head",
        help="With --bench-rev: whose tests are run at every revision, the last one's or each its "
        "own. Default: head",
    )
    group.addoption(
        "--bench-path",
        action="append",
        metavar="FOLDER",
        help="With --bench-rev: a folder of the project that holds its packages, such as src.",
    )
    group.addoption(
        "--bench-install",
        metavar="COMMAND",
        default="",
        help="With --bench-rev: builds a revision in an environment of its own, such as "
        "'pip install .'; kept for the next time, see gradmeter cache.",
    )
    group.addoption(
        "--bench-all",
        action="store_true",
        help="With --bench-rev: time calls in all sets also where no revision changes their code.",
    )
    group.addoption(
        "--bench-shard",
        metavar="K/N",
        default="",
        help="Run the K-th of N shares of the selected tests, as one of N jobs; gradmeter merge "
        "makes one run of theirs. Tests of one benchmark group stay together.",
    )
    group.addoption(
        "--bench-shard-by",
        metavar="RUN",
        help="With --bench-shard: spread the tests by the seconds that they took in this run, the "
        "same in all jobs; without it, by name.",
    )
    group.addoption(
        "--bench-engine",
        action="append",
        metavar="FILE",
        help="A file with an adapter for an engine of your own, which cases(...) can then name.",
    )
    for name, kind in (
        ("memory", bool | str if pytest.version_tuple >= (9, 2) else "args"),
        ("out", "string"),
        ("collector", "string"),
        ("allocator", "string"),
        ("sort", "string"),
        ("top", "string"),
        ("sets", "string"),
        ("against", "string"),
        ("fail_on", "linelist"),
        ("engine", "linelist"),
        ("instructions", "bool"),
        ("exact", "bool"),
        ("lines", "bool"),
        ("law", "bool"),
        ("law_file", "string"),
    ):
        parser.addini(f"bench_{name}", f"As {_option(name)}.", type=kind, default=None)  # type: ignore[arg-type]


def read(config: pytest.Config) -> Settings:
    """Read the options; the command line overrides the ini file.

    Raises:
        UsageError: a value is invalid; the message names it and where it was given.
    """
    if SERVED in config.stash:
        return Settings(
            memory=(), out=config.rootpath / OUT, collector=COLLECTORS[0],
            allocator=ALLOCATORS[0], sets=1, against=None, fail_on=(),
            engines=_engine_files(config),
        )  # fmt: skip
    sets, source = _value_and_source(config, "sets", str(SETS))
    if not (sets.isascii() and sets.isdigit() and int(sets) > 0):
        raise UsageError(f"{source} {sets} is not a positive number")
    collector, source = _value_and_source(config, "collector", "on")
    if collector not in COLLECTORS:
        raise UsageError(f"{source} {collector!r} is neither on nor off")
    policy, source = _value_and_source(config, "allocator", ALLOCATORS[0])
    if policy not in ALLOCATORS:
        raise UsageError(f"{source} {policy!r} is none of {', '.join(ALLOCATORS)}")
    order, source = _value_and_source(config, "sort", "")
    if order not in ("", *ORDERS):
        raise UsageError(f"{source} {order!r} is none of {', '.join(ORDERS)}")
    top, source = _value_and_source(config, "top", "")
    if top and not (top.isascii() and top.isdigit()):
        raise UsageError(f"{source} {top} is not a number")
    exact = config.getoption("bench_exact")
    if exact is None:
        exact = _ini(config, "exact") or False
    memory, law = _layers(config), config.getoption("bench_law") or _ini(config, "law") or False
    law = law or config.getoption("bench_law_file") is not None
    law = law and not config.getoption("bench_rev")  # which measures calls in its own way
    if law and not memory:
        if config.getoption("bench_memory") == "":
            raise UsageError("--bench-law is about what --no-bench-memory leaves out; give one")
        memory = LAYERS[:1]
    return Settings(
        memory=memory,
        out=config.rootpath / _value_and_source(config, "out", OUT)[0],
        collector=collector,
        allocator=policy,
        sets=0 if exact else int(sets),
        against=_path(config, "against"),
        law=law,
        law_file=_path(config, "law_file"),
        fail_on=config.getoption("bench_fail_on") or _ini(config, "fail_on") or (),
        instructions=config.getoption("bench_instructions")
        or _ini(config, "instructions")
        or False,
        exact=exact,
        lines=config.getoption("bench_lines") or _ini(config, "lines") or False,
        revisions=config.getoption("bench_rev") or (),
        tests=config.getoption("bench_tests"),
        path=config.getoption("bench_path") or (),
        install=config.getoption("bench_install"),
        whole=config.getoption("bench_all"),
        shard=config.getoption("bench_shard"),
        shard_by=_shard_by(config),
        sort=order or None,
        top=int(top) if top else None,
        engines=_engine_files(config),
    )


def _path(config: pytest.Config, name: str) -> Path | None:
    """Return a file; on the command line, from the folder that pytest was started in."""
    text, _ = _value_and_source(config, name, "")
    on_command_line = config.getoption(f"bench_{name}") is not None
    folder = config.invocation_params.dir if on_command_line else config.rootpath
    return folder / text if text else None


def _shard_by(config: pytest.Config) -> Path | None:
    given = config.getoption("bench_shard_by")
    path = config.invocation_params.dir / given if given else None
    return path / "run.json" if path is not None and path.is_dir() else path


def _engine_files(config: pytest.Config) -> list[Path]:
    given = config.getoption("bench_engine")
    folder = config.invocation_params.dir if given else config.rootpath
    return [folder / file for file in given or _ini(config, "engine") or ()]


def _layers(config: pytest.Config) -> Sequence[str]:
    """Return the layers in which calls are measured, in their order; none for none.

    Raises:
        UsageError: there is no such layer.
    """
    given = config.getoption("bench_memory")
    if given is None:
        given = _ini(config, "memory") or ""
    if isinstance(given, bool):
        return LAYERS[:1] if given else ()
    text = given if isinstance(given, str) else ",".join(given)
    names = [name for name in text.replace(",", " ").split() if name]
    if len(names) < 2 and text.lower() in (*_TRUE, *_FALSE):
        return LAYERS[:1] if text.lower() in _TRUE else ()
    for name in names:
        if name not in LAYERS:
            raise UsageError(
                f"bench_memory = {text}: {name!r} is no layer of memory; there are "
                f"{', '.join(LAYERS)}, or true for the first"
            )
    return [layer for layer in LAYERS if layer in names or layer == LAYERS[0]]


def _option(name: str) -> str:
    return f"--bench-{name.replace('_', '-')}"


def _value_and_source(config: pytest.Config, name: str, default: str) -> tuple[str, str]:
    """Return a value, and the name of the option or ini setting that gave it."""
    given = config.getoption(f"bench_{name}")
    if given is not None:
        return given, _option(name)
    from_ini = _ini(config, name)
    return (default, _option(name)) if from_ini is None else (from_ini, f"bench_{name} =")


def _ini(config: pytest.Config, name: str) -> Any:
    """Return a value of the ini file; None where it has none.

    Raises:
        UsageError: the value is of another type.
    """
    try:
        return config.getini(f"bench_{name}")
    except (TypeError, ValueError) as error:  # pytest before 9.2 does not catch these
        raise UsageError(f"bench_{name} in the ini file: {error}") from None
