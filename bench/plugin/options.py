"""The options of the pytest plugin on the command line and in the ini file."""

from __future__ import annotations

from argparse import SUPPRESS
from itertools import permutations

import pytest

OUT = "reports/latest"
SETS = 4
LAYERS = ("arrays", "python", "heap")  # of memory; as gradmeter.bench.results.layers has them
ORDERS = ("peak", "held", "time", "name")  # of calls; as gradmeter.bench.report.ordinary has them


def add(parser: pytest.Parser) -> None:
    """Add gradmeter's options; `settings.read` gives the defaults."""
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
        "--bench-on",
        metavar="ADDRESS",
        default="",
        help="Measure the suite's gradmeter cases on the machines of a Dask cluster: the address "
        "of its scheduler, or local:2 for a try. Calls of ordinary tests are measured here.",
    )
    group.addoption(
        "--bench-dry-run",
        action="store_true",
        help="Run no test: say what would be measured, the seconds and memory that it takes, and "
        "with --bench-shard or --bench-on how it would be spread.",
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
        parser.addini(f"bench_{name}", f"As {option(name)}.", type=kind, default=None)  # type: ignore[arg-type]


def option(name: str) -> str:
    """The option of a name."""
    return f"--bench-{name.replace('_', '-')}"
