"""Programs whose bytes by line are known, and a model of Python that says what they are.

A program is a list of functions; the first is the one that runs, and each calls only later ones.
The model knows nothing of the meter: it walks the statements and adds up.
"""

from __future__ import annotations

import linecache
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from gradmeter.bench.meters.line_peak import Log, explaining
from gradmeter.bench.meters.lines import recording
from gradmeter.bench.meters.watched_files import WatchedFiles
from gradmeter.bench.results.lines import Explanation, Lines

from ...thorough import examples

# Hypothesis explains a failure with a tracer of its own.
PHASES = [phase for phase in Phase if phase is not Phase.explain]
checking = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=examples(100),
    deadline=None,
    phases=PHASES,
)


HEADER = ["import numpy as np", "kept = {}", ""]


@dataclass(frozen=True)
class Keep:
    """``kept[name] = np.empty(size, np.uint8)``: what the name held before is freed after."""

    name: str
    size: int


@dataclass(frozen=True)
class Local:
    """The same for a local name, which is freed when its function has returned."""

    name: str
    size: int


@dataclass(frozen=True)
class Drop:
    """``kept.pop(name, None)``."""

    name: str


@dataclass(frozen=True)
class Passing:
    """Arrays that live within the line, one after the other."""

    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Call:
    """A call of another function, which fails or returns."""

    function: int
    within: int  # bytes that the calling line holds meanwhile


@dataclass(frozen=True)
class Loop:
    """A loop of so many rounds over statements."""

    rounds: int
    body: tuple[Statement, ...]


Statement = Keep | Local | Drop | Passing | Call | Loop


@dataclass
class Known:
    """What one line does, over all its hits."""

    hits: int = 0
    peak: int = -1
    before: int = 0
    increment: int = 0
    own: int = 0
    number: int = 0
    allocated: int = 0


@dataclass
class Model:
    """The text of a program, and what each of its lines allocates."""

    functions: list[tuple[Statement, ...]]
    fails: set[int]  # functions that raise at their end; their callers catch it
    text: list[str] = field(default_factory=lambda: list(HEADER))
    known: dict[int, Known] = field(default_factory=lambda: defaultdict(Known))
    live: int = 0
    peak: int = 0

    def __post_init__(self) -> None:
        """Write the program, and run the model."""
        self.lines: dict[int, list[int]] = {}
        self.ends: dict[int, list[int]] = {}
        self.starts: dict[int, int] = {}
        for number in reversed(range(len(self.functions))):
            self.text.append(f"def f{number}():")
            self.starts[number] = len(self.text)
            self.ends[number] = []
            self.lines[number] = self._write(self.functions[number], 1)
            self.text.append(
                f"    raise ValueError({number})" if number in self.fails else "    pass"
            )
            self.ends[number].append(len(self.text))
            self.text.append("")
        self.kept: dict[str, int] = {}
        self._windows: list[list[int]] = []
        self._made = self.taken = self.peak_line = 0
        self._arrays: dict[int, tuple[int, int]] = {}  # line and size, by number
        self.alive: Counter[int] = Counter()  # arrays by line, when the peak's was made
        for array in self._run_function(0):  # after the last line
            self.live -= self._arrays.pop(array)[1]

    def _write(self, statements: tuple[Statement, ...], depth: int) -> list[int]:
        pad = "    " * depth
        lines: list[int] = []
        for each in statements:
            match each:
                case Keep(name, size):
                    self.text.append(f"{pad}kept['{name}'] = np.empty({size}, np.uint8)")
                case Local(name, size):
                    self.text.append(f"{pad}{name} = np.empty({size}, np.uint8)")
                case Drop(name):
                    self.text.append(f"{pad}kept.pop('{name}', None)")
                case Passing(sizes):
                    parts = (f"len(np.empty({size}, np.uint8))" for size in sizes)
                    self.text.append(f"{pad}{' + '.join(parts)}")
                case Call(function, within):
                    self.text.append(f"{pad}try:")
                    lines.append(len(self.text))
                    self.text.append(f"{pad}    [np.empty({within}, np.uint8), f{function}()]")
                    lines.append(len(self.text))
                    self.text.append(f"{pad}except ValueError:")
                    lines.append(len(self.text))
                    self.text.append(f"{pad}    pass")
                case Loop(rounds, body):
                    self.text.append(f"{pad}for _ in range({rounds}):")
                    lines.append(len(self.text))
                    lines += self._write(body, depth + 1)
                    continue
            lines.append(len(self.text))
        return lines

    def _make(self, size: int) -> int:
        """Allocate an array; return its number."""
        line = self._windows[-1][0]
        if self.live + size > self.peak:
            self.alive = Counter(place for place, _ in self._arrays.values())
            self.taken, self.peak_line = size, line
        self._change(size)
        self.known[line].number += 1
        self.known[line].allocated += size
        self._made += 1
        self._arrays[self._made] = (line, size)
        return self._made

    def _free(self, *arrays: int | None) -> None:
        for array in arrays:
            if array is not None:
                self._change(-self._arrays.pop(array)[1])

    def _change(self, size: int) -> None:
        self.live += size
        self.peak = max(self.peak, self.live)
        for window in self._windows:
            window[2] = max(window[2], self.live)
        self.known[self._windows[-1][0]].own += size

    def _reach(self, line: int, hit: int = 1) -> None:
        self._leave_line()
        self._windows.append([line, self.live, self.live])
        self.known[line].hits += hit

    def _leave_line(self) -> None:
        line, before, peak = self._windows.pop()
        known = self.known[line]
        if peak > known.peak or (peak == known.peak and before < known.before):
            known.peak, known.before = peak, before
        known.increment += self.live - before

    def _run_function(self, number: int) -> list[int]:
        """Run a function; return the arrays of its names, which the caller's line frees."""
        self._windows.append([self.starts[number], self.live, self.live])
        local: dict[str, int] = {}
        self._run(number, self.functions[number], self.lines[number], local)
        self._reach(self.ends[number][0])
        self._leave_line()
        return list(local.values())

    def _run(
        self,
        number: int,
        statements: tuple[Statement, ...],
        lines: list[int],
        local: dict[str, int],
    ) -> None:
        at = 0
        for each in statements:
            line = lines[at]
            at += span(each)
            match each:
                case Keep(name, size):
                    self._reach(line)
                    array = self._make(size)
                    self._free(self.kept.pop(name, None))
                    self.kept[name] = array
                case Local(name, size):
                    self._reach(line)
                    array = self._make(size)
                    self._free(local.pop(name, None))
                    local[name] = array
                case Drop(name):
                    self._reach(line)
                    self._free(self.kept.pop(name, None))
                case Passing(sizes):
                    self._reach(line)
                    for size in sizes:
                        self._free(self._make(size))
                case Call(function, within):
                    self._reach(line)
                    self._reach(line + 1)
                    held = self._make(within)
                    names = self._run_function(function)
                    if function in self.fails:
                        self._free(held)
                        self._reach(line + 2)
                        self._reach(line + 3)
                        # Until the handler ends, the exception holds the function's frame.
                        self._free(*names)
                    else:
                        self._free(*names, held)
                case Loop(rounds, body):
                    for _ in range(rounds):
                        self._reach(line)
                        self._run(number, body, lines[at - span(each) + 1 :], local)
                    self._reach(line)


def span(statement: Statement) -> int:
    """How many lines a statement has."""
    match statement:
        case Call():
            return 4
        case Loop(_, body):
            return 1 + sum(map(span, body))
    return 1


NAMES = st.sampled_from(["a", "b", "c"])
SIZES = st.integers(1, 5000)


@cache
def statements(later: tuple[int, ...], depth: int = 2) -> st.SearchStrategy[tuple[Statement, ...]]:
    """Statements of a function that may call later ones."""
    options: list[st.SearchStrategy[Statement]] = [
        st.builds(Keep, NAMES, SIZES),
        st.builds(Local, NAMES, SIZES),
        st.builds(Drop, NAMES),
        st.builds(Passing, st.lists(SIZES, min_size=1, max_size=3).map(tuple)),
    ]
    if later:
        options.append(st.builds(Call, st.sampled_from(later), SIZES))
    if depth:
        body = statements(later, depth - 1).filter(bool)
        options.append(st.builds(Loop, st.integers(0, 3), body))
    return st.lists(st.one_of(options), max_size=5).map(tuple)


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Programs of one to three functions."""
    count = draw(st.integers(1, 3))
    functions = [draw(statements(tuple(range(n + 1, count)))) for n in range(count)]
    fails = draw(st.sets(st.integers(1, 2)))
    return Model(functions, fails)


def load(text: list[str], file: Path) -> tuple[Callable[[], object], WatchedFiles]:
    """The function f0 of a program that is written to a file, and what watches that file."""
    linecache.clearcache()
    file.write_text("\n".join(text))
    variables = {"__name__": file.stem, "__file__": str(file)}
    exec(compile("\n".join(text), str(file), "exec"), variables)
    return variables["f0"], WatchedFiles([file.parent])


def recorded(text: list[str], file: Path) -> Lines:
    """Record the lines of a program's function f0."""
    function, watched = load(text, file)
    with recording(watched) as (recorder, _):
        function()
    return recorder.reading()


def explained(text: list[str], file: Path) -> Lines:
    """The same, with the peak explained by a second run."""
    function, watched = load(text, file)
    with recording(watched) as (recorder, _):
        function()
    reading = recorder.reading()
    function, watched = load(text, file)
    explanations: list[Explanation] = []
    with explaining(watched, reading.peak, Log.of(recorder), explanations.append):
        function()
    return msgspec.structs.replace(reading, explanation=explanations[0])
