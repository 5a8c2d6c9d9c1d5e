"""Complete words for the shell: workloads, variants with their settings, and run folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from glob import escape
from io import StringIO
from pathlib import Path

import typer

from gradmeter.bench import engines, session, workloads
from gradmeter.bench.cases.variants import WORKER_SETTINGS
from gradmeter.bench.engines import written
from gradmeter.bench.errors import UsageError

DEPTHS = (3, 30)  # that are offered for squares-N
VARIABLE = "_GRADMETER_COMPLETE"  # of the script that --install-completion installs
_BREAKS = ":="  # at which bash, unlike other shells, parts words


@contextmanager
def bash_words() -> Iterator[None]:
    """Let a bash that completes ask for the words of its command line, and print what it takes.

    It parts ``engine:retain_grad=on`` into five words, of which it replaces the last one.
    """
    if os.environ.get(VARIABLE) != "complete_bash":
        yield
        return
    at, joins = int(os.environ.get("COMP_CWORD", "0")), False
    words: list[str] = []
    given = os.environ.get("COMP_WORDS", "").split("\n")
    for number, word in enumerate(given):
        breaks = bool(word) and not word.strip(_BREAKS)
        if words and (joins or breaks):
            words[-1] += word
        else:
            words.append(word)
        joins = breaks
        if number == at:
            os.environ["COMP_CWORD"] = str(len(words) - 1)
            word = words[-1]
            before = word[: 1 + max(word.rfind(each) for each in _BREAKS)]
            break
    else:
        before = ""
    os.environ["COMP_WORDS"] = "\n".join(words)
    printed = StringIO()
    try:
        with redirect_stdout(printed):
            yield
    finally:
        for line in printed.getvalue().splitlines():
            print(line.removeprefix(before))


def complete_workloads(incomplete: str) -> list[str]:
    """Complete the name of a workload, or of one in a file."""
    return list(_workload_names(incomplete))


def complete_variants(context: typer.Context, incomplete: str) -> list[str]:
    """Complete an engine, or a setting with its value."""
    return list(_variant_names(context, incomplete))


def complete_cases(context: typer.Context, incomplete: str) -> list[str]:
    """Complete a workload or a variant."""
    return [*_workload_names(incomplete), *_variant_names(context, incomplete)]


def complete_compared(context: typer.Context, incomplete: str) -> list[str]:
    """Complete what is compared: workloads and variants, or runs."""
    return [*complete_cases(context, incomplete), *complete_paths(incomplete)]


def complete_paths(incomplete: str) -> list[str]:
    """Complete the folder of a run, down to two folders below, or a JSON file."""
    paths = []
    for path in sorted(Path().glob(f"{escape(incomplete)}*")) if incomplete[:1] != "/" else []:
        runs = [path, *path.glob("*"), *path.glob("*/*")] if path.is_dir() else []
        paths += [str(each) for each in runs if (each / session.RUN_FILE).is_file()]
        paths += [str(path)] if path.suffix == ".json" else []
    return paths


def _workload_names(incomplete: str) -> Iterator[str]:
    for name in workloads.names():
        family = name.removesuffix("-N")
        yield from (f"{family}-{depth}" for depth in DEPTHS) if name != family else [name]
    file, colon, _ = incomplete.rpartition(":")
    if colon and file.endswith(".py"):
        with suppress(UsageError):
            yield from (f"{file}:{each.name}" for each in workloads.of_file(Path(file)))


def _variant_names(context: typer.Context, incomplete: str) -> Iterator[str]:
    for file in context.params.get("engine") or ():
        with suppress(UsageError):
            engines.add_file(Path(file))
    name, colon, rest = incomplete.partition(":")
    if not colon:
        yield from engines.names()
        return
    try:
        engine = engines.get(name)
    except UsageError:
        return
    before, comma, _ = rest.rpartition(",")
    given = {part.partition("=")[0] for part in before.split(",")}
    for setting in (*engine.settings, *WORKER_SETTINGS):
        values = [written(value) for value in setting.values] or [""]
        if setting.name not in given:
            yield from (f"{name}:{before}{comma}{setting.name}={value}" for value in values)
