"""IPython's magics ``%membytes``, ``%mlines`` and ``%%timeline``; ``%load_ext gradmeter``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from importlib import import_module
from types import CodeType

from gradmeter.bench.errors import UsageError
from gradmeter.bench.installing import install
from gradmeter.bench.interactive.blocks import Trace, tracing
from gradmeter.bench.interactive.calls import Measurement, measure_call
from gradmeter.bench.interactive.places import cell_name, watched_by, with_cells_named
from gradmeter.bench.interactive.statements import Shell, compiled, traceback_within
from gradmeter.bench.meters import call_lines
from gradmeter.bench.meters.call import DisturbedError
from gradmeter.bench.meters.functions import codes_of
from gradmeter.bench.meters.line_events import Watches
from gradmeter.bench.meters.python_allocators import UnavailableError
from gradmeter.bench.report import notebook
from gradmeter.bench.results.lines import Source
from gradmeter.engine import ObserverError


def load_ipython_extension(shell: Shell) -> None:
    """Add the magics to IPython; it calls this for ``%load_ext gradmeter``.

    Raises:
        UsageError: this is no IPython.
    """
    if not hasattr(shell, "register_magic_function"):
        raise UsageError(
            "load_ipython_extension is called by IPython, for %load_ext gradmeter; "
            f"it is there after {install('ipython')}"
        )
    magics = _Magics(shell)
    for magic in (magics.membytes, magics.mlines, magics.timeline):
        shell.register_magic_function(magic, "line_cell", magic.__name__)


class _Magics:
    """The magics of one shell; their docstrings are what ``%membytes?`` shows."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def membytes(self, line: str, cell: str | None = None) -> Measurement | None:
        """Print the exact bytes of array data that a statement or a cell takes, in one line.

        ::

          %membytes [--once] [-o] f(x)
          %%membytes [--once] [-o]

        - peak: the most alive at once, beyond what was alive before
        - held: alive while the value of the statement and the names that it assigns are held
        - cycle: what only the collector frees when these are dropped: reference cycles hold it
        - growth: what each further run adds to what is alive even then

        It runs twice, with the collector off, and five times more where it leaves anything
        behind. It sees your variables; those that it assigns are its own, as with %timeit.

        Options: --once runs it once only, as for what may not be repeated; growth is then known
        only of what leaves nothing. -o returns the figures as a value, which has the lines at the
        peak, too, from two runs more (one with --once).
        """
        __tracebackhide__ = True
        with _Sentences():
            options, line = _options("membytes", line, cell, ("--once", "-o"))
            statement = compiled(self._shell, _magic("membytes", cell), line, cell)
        value, once = "-o" in options, "--once" in options
        with _Sentences():
            measured = measure_call(
                _magic("membytes", cell) if cell is not None else line,
                statement.call(self._shell),
                self._watched(()) if value else None,
                once=once,
            )
        if value:
            return measured
        print(notebook.figures_text(measured))
        return None

    def mlines(self, line: str, cell: str | None = None) -> None:
        """Print the exact bytes of every line of a function, while a statement or a cell runs.

        ::

          %mlines f f(x)
          %mlines f,Layer.forward train()
          %%mlines f

        A class stands for all its functions. Of each line: the most bytes alive in the process
        while it ran, what it left alive beyond what was there before (its increment), and how
        often it was reached. The statement runs once, with the collector off; it sees your
        variables, and those that it assigns are its own.
        """
        __tracebackhide__ = True
        with _Sentences():
            names, line = _chosen(line, cell)
            codes = {name: codes_of(self._function(name)) for name in names}
            for name, each in codes.items():
                if not each:
                    raise UsageError(f"%mlines: {name} is not written in Python, and has no lines")
            statement = compiled(self._shell, _magic("mlines", cell), line, cell)
        watched = {code for each in codes.values() for code in each}
        with _Sentences():
            reading = call_lines.measure(
                statement.call(self._shell), lambda code, _: code in watched, explain=False
            )
        sources = [source for each in codes.values() for source in _sources(each)]
        print(notebook.functions_text(", ".join(names), with_cells_named(reading), sources))

    def timeline(self, line: str, cell: str | None = None) -> object:
        """Run a cell, and show what is alive when: its lines, and the engine's operations.

        ::

          %%timeline [--include PATTERN]

        Every operation of gradmeter.engine appears in the chart, with the arrays that it makes,
        keeps and frees; every line of the cell and of your project's files with its bytes. The
        cell runs once, like any other: its names are there afterwards.

        Options: --include watches more: modules, such as numpy*, or files, such as src/*.py; may
        be repeated.
        """
        __tracebackhide__ = True
        with _Sentences():
            patterns, line = _patterns(line, cell)
            statement = compiled(self._shell, _magic("timeline", cell), line, cell)
            watches = call_lines.but_running(self._watched(patterns))
        traced = Trace()
        try:
            with _Sentences(), tracing(traced, watches):
                value = statement.run(self._shell.user_ns)
            return None if (cell or line).rstrip().endswith(";") else value
        finally:
            if traced.timeline is not None:
                import_module("IPython.display").display(traced)

    def _watched(self, patterns: Sequence[str]) -> Watches:
        """The user's files and cells, without the one line of a line magic."""
        files = watched_by(self._shell.user_ns, patterns)
        return lambda code, variables: code.co_filename[:2] != "<%" and files(code, variables)

    def _function(self, name: str) -> object:
        try:
            return eval(name, self._shell.user_ns)
        except (NameError, AttributeError, SyntaxError) as error:
            raise UsageError(
                f"%mlines: there is no function {name!r} here ({error}); "
                "%mlines f f(x) names it first, and then the statement"
            ) from None


def _magic(name: str, cell: str | None) -> str:
    return f"%{name}" if cell is None else f"%%{name}"


class _Sentences:
    """A block in which what is wrong with the call becomes a sentence of IPython's.

    The user's own errors are raised as they are, with their own part of the traceback.
    """

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Raise what IPython is to show.

        Raises:
            IPython.core.error.UsageError: in place of the harness's own errors.
        """
        __tracebackhide__ = True
        if isinstance(error, UsageError | UnavailableError | DisturbedError | ObserverError):
            sentence = import_module("IPython.core.error").UsageError(str(error))
            raise sentence from None
        own = None if error is None else traceback_within(error)
        if error is not None and own is not None:
            raise error.with_traceback(own)


def _options(magic: str, line: str, cell: str | None, known: Sequence[str]) -> tuple[set[str], str]:
    """The options at the beginning of a magic's line, and the statement after them."""
    options = set()
    word, _, rest = line.strip().partition(" ")
    while word in known:
        options.add(word)
        word, _, rest = rest.strip().partition(" ")
    statement = f"{word} {rest}".strip()
    _refuse_misplaced(magic, statement, cell, " and ".join(known))
    return options, statement


def _refuse_misplaced(magic: str, statement: str, cell: str | None, options: str) -> None:
    if cell is None and not statement:
        raise UsageError(f"%{magic} measures a statement: %{magic} f(x)")
    if cell is not None and statement:
        raise UsageError(
            f"%%{magic} measures the cell below it, and takes {options}, not {statement!r}"
        )


def _patterns(line: str, cell: str | None) -> tuple[list[str], str]:
    patterns = []
    words = line.split(maxsplit=2)
    while words and words[0] == "--include":
        if len(words) == 1:
            raise UsageError("--include needs a pattern: numpy* or src/*.py")
        patterns.append(words[1].strip("'\""))
        line = words[2] if len(words) > 2 else ""
        words = line.split(maxsplit=2)
    _refuse_misplaced("timeline", line.strip(), cell, "--include PATTERN")
    return patterns, line.strip()


def _chosen(line: str, cell: str | None) -> tuple[list[str], str]:
    """The functions that a line names, and the statement after them.

    They may be written as for memory_profiler's %mprun, too: ``-f f -f g f(x)``.
    """
    names = []
    words = line.split(maxsplit=2)
    while len(words) > 1 and words[0] == "-f":
        names.append(words[1])
        line = words[2] if len(words) > 2 else ""
        words = line.split(maxsplit=2)
    if not names:
        first, _, line = line.strip().partition(" ")
        names = [name for name in first.split(",") if name]
    if not names or (cell is None and not line.strip()):
        raise UsageError("%mlines names a function and then a statement: %mlines f f(x)")
    _refuse_misplaced("mlines", line.strip(), cell, "the names of functions")
    return names, line.strip()


def _sources(codes: Sequence[CodeType]) -> Iterator[Source]:
    """The source text of functions, without those inside of others."""
    inner = {constant for code in codes for constant in code.co_consts}
    for code in codes:
        if code in inner:
            continue
        try:
            lines, first = inspect.getsourcelines(code)
        except (OSError, IndexError):  # IndexError: the file has changed
            lines, first = [], code.co_firstlineno
        file = cell_name(code.co_filename) or code.co_filename
        yield Source(file, first, tuple(line.rstrip().expandtabs() for line in lines))
