"""Compare the calls of a pytest-benchmark suite between revisions of its project."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from gradmeter.bench import suite_session
from gradmeter.bench.cases.checkouts import Wanted
from gradmeter.bench.cases.environments import requirements_of
from gradmeter.bench.cases.revisions import with_working_tree
from gradmeter.bench.cases.shards import Share
from gradmeter.bench.errors import UsageError
from gradmeter.bench.results.layers import ARRAYS, LAYERS
from gradmeter.bench.results.run import Options, Run
from gradmeter.bench.runs.progress import Teller
from gradmeter.bench.suggestions import suggestion
from gradmeter.bench.verdicts.gates import Gate

HEAD = suite_session.HEAD
PYTEST = "pytest"


def suite_arguments(words: Sequence[str]) -> list[str] | None:
    """Return pytest's arguments in a suite's command; None where the words are no such command.

    It is pytest ARGUMENTS, as it is typed: pytest by a path, or python -m pytest.

    Raises:
        UsageError: the command names another interpreter, or something before pytest.
    """
    match words:
        case [program, *arguments] if Path(program).name == PYTEST and not Path(program).is_dir():
            return arguments
        case [program, "-m", "pytest", *arguments]:
            interpreter = Path(shutil.which(program) or program)
            # Their targets are not compared: those of two virtual environments may be one.
            if interpreter.absolute() != Path(sys.executable).absolute():
                raise UsageError(
                    f"{program} -m pytest: a suite is measured by the interpreter that runs "
                    f"gradmeter, {sys.executable}; write -- pytest ARGUMENTS, and compare "
                    "interpreters with --python"
                )
            return arguments
        case [program, *_] if PYTEST in words:
            raise UsageError(
                f"{program!r} before pytest: a suite's command begins with pytest, after --, as in "
                "-- pytest benchmarks"
            )
    return None


def compare_suite(
    arguments: Sequence[str],
    wanted: Wanted,
    options: Options,
    out: Path,
    *,
    tests: str,
    whole: bool,
    criteria: Sequence[Gate],
    layers: str = "",
    share: Share | None = None,
    quiet: bool = False,
) -> Run:
    """Compare a suite's calls.

    Args:
        arguments: of pytest.
        layers: of memory besides array data, separated by commas.
        share: of the selected tests that is measured; None for all.

    Raises:
        UsageError: the command line makes no sense, or nothing can be compared.
    """
    suite_session.refuse(tests, criteria, options)
    with Teller(Console(stderr=True, emoji=False, quiet=quiet)) as tell:
        return suite_session.compare_suite(
            arguments,
            wanted,
            Path.cwd(),
            options,
            out,
            tell,
            tests=tests,
            whole=whole,
            criteria=criteria,
            layers=read_layers(layers),
            share=share,
        )


def read_layers(text: str) -> list[str]:
    """The layers of memory besides array data that a list names.

    Raises:
        UsageError: there is no such layer.
    """
    names = text.replace(",", " ").split()
    for name in names:
        if name not in LAYERS:
            meant = suggestion(name, LAYERS) or f"; there are {', '.join(LAYERS)}"
            raise UsageError(f"--bench-memory {text!r}: {name!r} is no layer of memory{meant}")
    return [layer for layer in LAYERS if layer in names and layer != ARRAYS]


def refuse_options(given: Sequence[str], *, suite: bool) -> None:
    """Refuse options that would be ignored.

    Args:
        given: the options that were given and are for a suite only, or for anything else only.
        suite: whether a suite is compared.

    Raises:
        UsageError: there is one.
    """
    if not given:
        return
    if suite:
        raise UsageError(
            f"{given[0]} chooses what gradmeter measures itself; a pytest suite is chosen by "
            "pytest's own arguments, after --"
        )
    raise UsageError(
        f"{given[0]} is for a pytest suite; name it after --, such as gradmeter compare "
        f"{given[0]} ... -- pytest benchmarks"
    )


def wanted_sides(
    rev: Sequence[str],
    requirements: Sequence[str],
    interpreters: Sequence[str],
    path: Sequence[str],
    build: str,
) -> Wanted:
    """What is compared, from the options of the command.

    Raises:
        UsageError: they name nothing, or exclude each other.
    """
    kinds = {"--rev": rev, "--with": requirements, "--python": interpreters}
    given = [name for name, values in kinds.items() if values]
    if len(given) != 1:
        raise UsageError(
            f"{' and '.join(given)} exclude each other; choose one"
            if given
            else "a suite is compared between revisions, requirements or interpreters; name them "
            "with --rev main, or with two of --with numpy==2.2 or of --python 3.12"
        )
    if not rev and len(kinds[given[0]]) < 2:
        raise UsageError(f"{given[0]} takes two values to compare: give it once more")
    for text in requirements:
        requirements_of(text)
    if build and not rev:
        raise UsageError("--bench-install builds revisions; give it with --rev")
    return Wanted(
        revisions=with_working_tree(rev),
        roots=tuple(path),
        build=build,
        requirements=tuple(requirements),
        interpreters=tuple(interpreters),
    )
