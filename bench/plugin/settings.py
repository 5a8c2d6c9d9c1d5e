"""The settings of a pytest session: each from the command line, or else from the ini file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pytest

from gradmeter.bench.errors import UsageError
from gradmeter.bench.plugin.options import LAYERS, ORDERS, OUT, SETS, option
from gradmeter.bench.suggestions import suggestion

COLLECTORS = ("on", "off")
Allocator = Literal["kept", "returned", "system"]
ALLOCATORS: tuple[Allocator, ...] = get_args(Allocator)  # the default first
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
        shard_by: the run that says what each test took; None for none.
        on: the scheduler of a cluster that measures cases; empty for this process.
        dry_run: whether what would be measured is only told.
        sort: what the calls of tests are sorted by, of `ORDERS`; None for the default.
        top: how many of them are shown; None for as many as there is room for.
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
    on: str = ""
    dry_run: bool = False
    sort: str | None = None
    top: int | None = None

    @property
    def known(self) -> Mapping[str, float]:
        """The seconds that each test took in an earlier run; none where there is none.

        Raises:
            UsageError: that run does not say.
        """
        if self.shard_by is None:
            return {}
        from gradmeter.bench.cases import sharded

        return sharded.seconds(self.shard_by, option("shard"))


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
        meant = suggestion(policy, ALLOCATORS)
        raise UsageError(f"{source} {policy!r} is none of {', '.join(ALLOCATORS)}{meant}")
    order, source = _value_and_source(config, "sort", "")
    if order not in ("", *ORDERS):
        meant = suggestion(order, ORDERS)
        raise UsageError(f"{source} {order!r} is none of {', '.join(ORDERS)}{meant}")
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
        on=config.getoption("bench_on"),
        dry_run=config.getoption("bench_dry_run"),
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
                f"{', '.join(LAYERS)}, or true for the first{suggestion(name, LAYERS)}"
            )
    return [layer for layer in LAYERS if layer in names or layer == LAYERS[0]]


def _value_and_source(config: pytest.Config, name: str, default: str) -> tuple[str, str]:
    """Return a value, and the name of the option or ini setting that gave it."""
    given = config.getoption(f"bench_{name}")
    if given is not None:
        return given, option(name)
    from_ini = _ini(config, name)
    return (default, option(name)) if from_ini is None else (from_ini, f"bench_{name} =")


def _ini(config: pytest.Config, name: str) -> Any:
    """Return a value of the ini file; None where it has none.

    Raises:
        UsageError: the value is of another type.
    """
    try:
        return config.getini(f"bench_{name}")
    except (TypeError, ValueError) as error:  # pytest before 9.2 does not catch these
        raise UsageError(f"bench_{name} in the ini file: {error}") from None
