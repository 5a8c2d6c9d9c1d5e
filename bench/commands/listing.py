"""List the workloads, the engines and their settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from gradmeter.bench import engines, workloads
from gradmeter.bench.cases.variants import WORKER_SETTINGS
from gradmeter.bench.commands.shared import Engines, Workloads, add_engines
from gradmeter.bench.engines import Setting, written
from gradmeter.bench.errors import UsageError
from gradmeter.bench.report.terminal import escape
from gradmeter.bench.workloads import Workload

METHODS = {
    "arrays": "exact bytes (its arrays are NumPy's)",
    "own": "resident; the whole heap with memray",
}


def list_(
    what: Annotated[
        Literal["workloads", "engines", "settings"] | None,
        typer.Argument(help="workloads, engines, or settings (of all engines). Default: all."),
    ] = None,
    engine: Engines = None,
    workload: Workloads = None,
) -> None:
    """List the workloads, the engines and their settings, which make variants."""
    add_engines(engine)
    own = [workloads.get(text) for text in workload or []]
    console = Console(emoji=False)
    shown: dict[str, Callable[[Console], None]]
    shown = {"workloads": partial(_workloads, own), "engines": _engines, "settings": _settings}
    for name, show in shown.items():
        if what in (None, name):
            show(console)
            console.print()
    if what in (None, "settings"):
        console.print(
            "A variant is written engine:setting=value,setting=value; N is a depth (squares-30).",
            highlight=False,
        )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, no_wrap=name in ("name", "setting", "version"))
    return table


def _workloads(own: Sequence[Workload], console: Console) -> None:
    """Print ours, those of installed packages, and ``own``, which the call names."""
    table = _table("workloads", "name", "what it computes")
    notes = []
    for name in workloads.names():
        try:
            example = workloads.get(name.replace("-N", "-3"))
        except UsageError as error:
            notes.append(f"{name}: {error}")
            continue
        meaning = example.meaning.replace("3 ", "N ", 1) if name.endswith("-N") else example.meaning
        table.add_row(escape(name), escape(meaning))
    for workload in own:
        table.add_row(escape(workload.name), escape(workload.meaning))
    console.print(table)
    for line in notes:
        console.print(escape(line), highlight=False)


def _engines(console: Console) -> None:
    table = _table("engines", "name", "version", "what it is", "memory", "settings")
    missing, notes = [], []
    for name in engines.names():
        try:
            engine = engines.get(name)
        except UsageError as error:
            notes.append(f"{name}: {error}")
            continue
        version = engine.version
        if version is None:
            missing.append((name, engine.command))
        table.add_row(
            escape(name),
            escape("missing" if version is None else version or "-"),
            escape(engine.meaning),
            escape(METHODS[engine.memory]),
            escape(", ".join(setting.name for setting in engine.settings) or "-"),
        )
        notes += [f"{name} cannot {what}: {reason}" for what, reason in engine.cannot.items()]
    console.print(table)
    for line in notes:
        console.print(escape(line), highlight=False)
    for name, command in missing:
        console.print(escape(f"{name}: {command}"), highlight=False, soft_wrap=True)


def _settings(console: Console) -> None:
    tables: dict[str, tuple[Setting, ...]] = {}
    for name in engines.names():
        try:
            tables[f"settings of {name}"] = engines.get(name).settings
        except UsageError:
            continue  # `gradmeter list engines` says why
    tables["settings of every engine"] = WORKER_SETTINGS
    for title, settings in tables.items():
        if settings:
            table = _table(escape(title), "setting", "values", "default", "meaning")
            for setting in settings:
                default = written(setting.default) or "-"
                cells = (setting.name, setting.takes, default, setting.meaning)
                table.add_row(*map(escape, cells))
            console.print(table)
            console.print()
