"""List the workloads, the engines and their settings: one screen, or one of them with more."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from gradmeter.bench import engines, workloads
from gradmeter.bench.cases.variants import WORKER_SETTINGS
from gradmeter.bench.commands.options import AsJson
from gradmeter.bench.commands.reading import add_engines
from gradmeter.bench.commands.shared import say_lines
from gradmeter.bench.engines import Engine, Setting, written
from gradmeter.bench.errors import UsageError
from gradmeter.bench.report.terminal import escape
from gradmeter.bench.suggestions import suggestion
from gradmeter.bench.workloads import Workload

KINDS = ("workloads", "engines", "settings")
EVERY = "every engine"
_BYTES = {"arrays": "exact", "own": "resident"}
_LEGEND = (
    "exact: the bytes of its arrays, which are NumPy's; resident: those of its process, and of "
    "the whole heap with memray"
)
_FORM = (
    "A variant is engine:setting=value,setting=value; values begin with the default. N is a "
    "depth, as in squares-30."
)


@dataclass(frozen=True)
class Catalogue:
    """What there is to list, and a sentence on each name that does not load."""

    workloads: list[tuple[str, Workload]] = field(default_factory=list)
    engines: list[Engine] = field(default_factory=list)
    broken_workloads: list[str] = field(default_factory=list)
    broken_engines: list[str] = field(default_factory=list)

    @property
    def settings(self) -> list[tuple[Setting, str]]:
        """Each setting once, with the engines that have it."""
        having: dict[tuple[Any, ...], tuple[Setting, list[str]]] = {}
        for engine in self.engines:
            for each in engine.settings:
                key = (each.name, _values(each))
                having.setdefault(key, (each, []))[1].append(engine.name)
        order = list(dict.fromkeys(name for name, _ in having))
        of_engines = sorted(having.values(), key=lambda pair: order.index(pair[0].name))
        return [
            *((each, self._of(names)) for each, names in of_engines),
            *((each, EVERY) for each in WORKER_SETTINGS),
        ]

    def _of(self, names: list[str]) -> str:
        others = [engine.name for engine in self.engines if engine.name not in names]
        if len(others) >= len(names):
            return ", ".join(names)
        return f"{EVERY} but {', '.join(others)}" if others else EVERY


def list_(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="workloads|engines|settings",
            autocompletion=lambda: list(KINDS),
            help="One of the tables, with more. Default: all.",
        ),
    ] = None,
    engine: Annotated[
        list[Path] | None,
        typer.Option("--engine", metavar="FILE", help="List the engine of this adapter, too."),
    ] = None,
    workload: Annotated[
        list[str] | None,
        typer.Option(
            "--workloads",
            "--workload",
            metavar="FILE",
            help="List the workloads of this file, or FILE.py:NAME, too.",
        ),
    ] = None,
    verbose: Annotated[
        bool,
        typer.Option("-v", "--verbose", help="Say what each engine cannot, and all meanings."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the workloads, the engines and their settings.

    Example:
      gradmeter list settings

    What gradmeter run and gradmeter compare take: with a depth for N, squares-N is squares-30.
    """
    if what is not None and what not in KINDS:
        meant = suggestion(what, KINDS) or f"; there are {', '.join(KINDS)}"
        raise UsageError(f"there is no list of {what!r}{meant}")
    add_engines(engine)
    catalogue = _find(workload or [])
    if as_json:
        document = _document(catalogue)
        say_lines(json.dumps(document if what is None else {what: document[what]}, indent=1))
        return
    console = Console(emoji=False)
    if what in (None, "workloads"):
        _show_workloads(catalogue, console)
    if what in (None, "engines"):
        _show_engines(catalogue, console, whole=verbose or what is not None, verbose=verbose)
    if what in (None, "settings"):
        _show_settings(catalogue, console, whole=verbose or what is not None)
    if what != "engines":
        console.print(_FORM, highlight=False)


def _find(own: Iterable[str]) -> Catalogue:
    """Load all workloads and engines, and ``own`` workloads, which the call names.

    Raises:
        UsageError: one of the own ones does not load.
    """
    catalogue = Catalogue()
    for name in workloads.names():
        try:
            catalogue.workloads.append((name, workloads.get(name.replace("-N", "-3"))))
        except UsageError as error:
            catalogue.broken_workloads.append(f"{name}: {error}")
    for text in own:
        loaded = workloads.of_file(Path(text)) if text.endswith(".py") else [workloads.get(text)]
        catalogue.workloads.extend((each.name, each) for each in loaded)
    for name in engines.names():
        try:
            catalogue.engines.append(engines.get(name))
        except UsageError as error:
            catalogue.broken_engines.append(f"{name}: {error}")
    return catalogue


def _meaning(name: str, workload: Workload) -> str:
    """What a workload computes, at any depth where it takes one."""
    return workload.meaning.replace("3 ", "N ", 1) if name.endswith("-N") else workload.meaning


def _values(setting: Setting) -> str:
    """The values of a setting, the default first."""
    if not setting.values:
        default = written(setting.default)
        return f"{default}, or any whole number" if default else setting.takes
    others = [value for value in setting.values if value != setting.default]
    return ", ".join(map(written, [setting.default, *others]))


def _show_workloads(catalogue: Catalogue, console: Console) -> None:
    table = _table("workload", "what it computes")
    for name, workload in catalogue.workloads:
        table.add_row(escape(name), escape(_meaning(name, workload)))
    console.print(table)
    _lines(catalogue.broken_workloads, console)
    console.print()


def _show_engines(catalogue: Catalogue, console: Console, *, whole: bool, verbose: bool) -> None:
    table = _table("engine", "version", "bytes", "what it is")
    missing = [engine for engine in catalogue.engines if engine.version is None]
    for engine in catalogue.engines:
        version = "missing" if engine in missing else engine.version or "-"
        cells = (engine.name, version, _BYTES[engine.memory], engine.meaning)
        table.add_row(*map(escape, cells))
    console.print(table)
    _lines(catalogue.broken_engines, console)
    if whole:
        _lines([_LEGEND, *(f"{each.name}: {each.command}" for each in missing)], console)
    elif missing:
        _lines(["gradmeter list engines says how to install those that are missing"], console)
    if verbose:
        cannot = [
            f"{engine.name} cannot {case}: {reason}"
            for engine in catalogue.engines
            for case, reason in engine.cannot.items()
        ]
        _lines(cannot, console)
    console.print()


def _show_settings(catalogue: Catalogue, console: Console, *, whole: bool) -> None:
    if not whole:
        table = _table("setting", "values", "of")
        for setting, of in catalogue.settings:
            table.add_row(*map(escape, (setting.name, _values(setting), of)))
        console.print(table)
    else:
        for setting, of in catalogue.settings:
            console.print(f"[bold]{escape(setting.name)}[/]={escape(_values(setting))} ({of})")
            console.print(Padding(escape(setting.meaning), (0, 0, 0, 4)), highlight=False)
    console.print()


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns[:-1]:
        table.add_column(name, no_wrap=True)
    table.add_column(columns[-1])
    return table


def _lines(lines: Iterable[str], console: Console) -> None:
    for line in lines:
        console.print(escape(line), highlight=False)


def _document(catalogue: Catalogue) -> dict[str, list[dict[str, Any]]]:
    """All that is listed, for a program."""
    return {
        "workloads": [
            {"name": name, "meaning": _meaning(name, each), "source": each.source}
            for name, each in catalogue.workloads
        ],
        "engines": [
            {
                "name": each.name,
                "version": each.version,
                "meaning": each.meaning,
                "bytes": _BYTES[each.memory],
                "settings": [setting.name for setting in each.settings],
                "cannot": dict(each.cannot),
                "install": each.command if each.distributions else "",
            }
            for each in catalogue.engines
        ],
        "settings": [
            {
                "name": each.name,
                "values": [written(value) for value in each.values],
                "default": written(each.default),
                "meaning": each.meaning,
                "engines": of.split(", "),
            }
            for each, of in catalogue.settings
        ],
        "problems": [
            {"problem": line} for line in catalogue.broken_workloads + catalogue.broken_engines
        ],
    }
