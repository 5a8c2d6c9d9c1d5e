"""The instructions meter: what a phase executes, counted by valgrind's callgrind from outside.

The worker runs under callgrind and waits for each phase to be asked for; between two requests
the counters are written out and start anew. No code of the meter is in the process. After a
fixed number of warm-up runs, and with a fixed hash seed and the collector off, a count is the
same in every process on one machine with one set of binaries. What answering a request takes
is counted with requests that do nothing, and subtracted.

Not seen: page faults, memory bandwidth, the clock. valgrind hides AVX-512, so NumPy takes its
AVX2 loops. Misses are those of a simulated last-level cache whose size is fixed here, so that
they do not depend on the machine's. All threads of the process are counted together, as valgrind
runs them: one at a time; what one executes while it waits for another depends on valgrind's
schedule. By function, these are C functions: CPython runs all Python functions in one of them.
Source: valgrind's manual, chapters callgrind and vgdb.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from gradmeter.bench.cases.program import END
from gradmeter.bench.errors import UsageError, WorkerError

PACKAGE = "valgrind"  # Debian's, Fedora's and Homebrew's
CACHES = ("--I1=32768,8,64", "--D1=32768,8,64", "--LL=8388608,16,64")
WARM_UP = 12  # runs before the first that counts: CPython has specialized the code by then
ROUNDS = 3
ASLEEP = 3  # looks, a millisecond apart, at which a process that waits is asleep
PATIENCE = 60.0  # seconds for valgrind to write its counters


@dataclass(frozen=True)
class Count:
    """Instructions, and simulated last-level cache misses (of code, reads and writes).

    Attributes:
        functions: the instructions of each C function alone, where they were asked for.
    """

    instructions: int
    misses: int
    functions: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Count) -> Count:
        return self._with(other, 1)

    def __sub__(self, other: Count) -> Count:
        return self._with(other, -1)

    def _with(self, other: Count, sign: int) -> Count:
        functions = Counter(self.functions)
        for name, count in other.functions.items():
            functions[name] += sign * count
        return Count(
            self.instructions + sign * other.instructions,
            self.misses + sign * other.misses,
            functions,
        )


def measure(
    worker: Steps,
    counters: Counters,
    program: str = "case",
    *,
    warm_up: int = WARM_UP,
    rounds: int = ROUNDS,
) -> dict[str, list[Count]]:
    """Count a program's phases in a worker that is stepped through.

    Args:
        worker: its case is built.
        counters: of its process.
        program: the name of one of the worker's programs.
        warm_up: runs before the first that counts.
        rounds: runs that count.

    Returns:
        A count for each round, by phase; the phase "nothing" is subtracted and left out.

    Raises:
        WorkerError: the worker or valgrind failed.
    """
    phase = worker.ask("stepped", program=program, programs=warm_up + rounds)["next"]
    counts: list[dict[str, Count]] = []
    number = -1
    while phase != "finished":
        number += phase == "nothing"
        if number == warm_up - 1 and phase == "nothing":
            counters.start()  # one round early, so that the simulated caches are warm
        counted = number >= warm_up
        if counted and phase == "nothing":
            counters.take()
            counts.append({})
        following = worker.step()["next"]
        if counted and phase != END:
            count = counters.take()
            counts[-1][phase] = counts[-1].get(phase, Count(0, 0)) + count - idle(counts[-1])
        phase = following
    names = [name for name in counts[0] if name not in ("nothing", "inputs")]
    return {name: [each[name] for each in counts] for name in names}


def idle(counts: Mapping[str, Count]) -> Count:
    """What stepping alone takes, as it was counted in this round; nothing before that."""
    return counts.get("nothing", Count(0, 0))


@cache
def version() -> str:
    """The version of valgrind; empty where it, or its vgdb, is not installed."""
    if shutil.which("valgrind") is None or shutil.which("vgdb") is None:
        return ""
    done = subprocess.run(["valgrind", "--version"], capture_output=True, text=True, timeout=30)
    return done.stdout.strip().removeprefix("valgrind-")


def require() -> None:
    """Make sure that instructions can be counted here.

    Raises:
        UsageError: valgrind is not installed.
    """
    if not version():
        raise UsageError(
            f"counting instructions takes {PACKAGE}, which is not installed; on Debian: "
            f"apt install {PACKAGE}"
        )


def command(folder: Path) -> list[str]:
    """What a worker's command begins with; the counters are written to the folder."""
    return [
        "valgrind",
        "--tool=callgrind",
        "--quiet",
        "--instr-atstart=no",
        "--cache-sim=yes",
        *CACHES,
        "--dump-line=no",
        f"--vgdb-prefix={folder / 'vgdb'}",
        f"--callgrind-out-file={folder / 'counts'}",
    ]


class Steps(Protocol):
    """What the meter needs of a worker."""

    def ask(self, meter: str, **request: Any) -> dict[str, Any]:
        """Apply a meter once."""

    def step(self) -> dict[str, Any]:
        """Let it go on to the next phase."""


class Counters:
    """The counters of a process under callgrind.

    Args:
        folder: as `command` has it.
        pid: the process's.
        by_function: whether each count has its functions.
    """

    def __init__(self, folder: Path, pid: int, *, by_function: bool = False) -> None:
        self.folder, self.pid, self.by_function = folder, pid, by_function
        self._dumps = 0

    def start(self) -> None:
        """Begin to count."""
        self._tell("instrumentation", "on")

    def take(self) -> Count:
        """Return what was counted since the last time, and start anew."""
        self._dumps += 1
        self._tell("dump")
        path = self.folder / f"counts.{self._dumps}"
        try:
            text = path.read_text(errors="replace")
            count = totals(text)
            if self.by_function:
                count = replace(count, functions=functions(text))
            path.unlink()
        except (OSError, ValueError) as error:
            raise WorkerError("rubbish", f"valgrind wrote no counts: {error}") from None
        return count

    def _settle(self) -> None:
        """Wait until the process waits for its next step: what it still executes belongs before.

        vgdb interrupts a process that is blocked at once; one that is about to be would execute
        the rest in the next phase.
        """
        path, asleep = Path(f"/proc/{self.pid}/stat"), 0
        while asleep < ASLEEP:
            try:  # after the name in parentheses, which may hold anything, comes the state
                state = path.read_text().rpartition(")")[2].split()[0]
            except (OSError, IndexError):
                return  # it has ended, which vgdb reports
            asleep = asleep + 1 if state in "SZ" else 0
            time.sleep(0.001)

    def _tell(self, *words: str) -> None:
        self._settle()
        prefix = f"--vgdb-prefix={self.folder / 'vgdb'}"
        try:
            subprocess.run(
                ["vgdb", "--max-invoke-ms=1", prefix, f"--pid={self.pid}", *words],
                capture_output=True,
                check=True,
                timeout=PATIENCE,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise WorkerError("crashed", f"valgrind does not answer: {error}") from None


_NAME = re.compile(r"(?:\((\d+)\))?\s*(.*)")


def functions(text: str) -> dict[str, int]:
    """Read the instructions of each C function alone from a file that callgrind wrote.

    A function is called by its name and its library, ``fft [libfft.so]``; all those of a
    library that have no symbol are one. Source: valgrind's manual, "Callgrind Format
    Specification".
    """
    names: dict[tuple[str, str], str] = {}  # a name is written once, and then by its number
    counts: Counter[str] = Counter()
    library = function = ""
    called = False
    for line in text.splitlines():
        kind, equals, rest = line.partition("=")
        if equals and kind in ("ob", "fn", "cob", "cfn", "cfi", "cfl", "fi", "fe", "fl"):
            match = _NAME.match(rest)
            assert match
            space = "fn" if "fn" in kind else "ob" if "ob" in kind else "fl"
            if match[2]:
                names[space, match[1]] = match[2]
            if kind == "ob":
                library = Path(names[space, match[1]]).name
            elif kind == "fn":
                # Of a recursion, callgrind calls the inner calls name'2.
                name = re.sub(r"'\d+$", "", names[space, match[1]])
                plain = "no symbol" if name.startswith("0x") else name
                function = f"{plain} [{library}]"
        elif equals and kind == "calls":
            called = True  # the next line is what the called function took
        elif line[:1].isdigit() or line[:1] in ("+", "-", "*"):
            if not called and function:
                counts[function] += int(line.split()[1])
            called = False
    return dict(counts)


def totals(text: str) -> Count:
    """Read the totals of a file that callgrind wrote.

    Raises:
        ValueError: it has none.
    """
    events = re.search(r"^events: (.+)$", text, re.MULTILINE)
    # "totals" are the sums of the functions; "summary" is there in every version.
    lines = (re.search(rf"^{name}: (.+)$", text, re.MULTILINE) for name in ("totals", "summary"))
    sums = next(filter(None, lines), None)
    if events is None or sums is None:
        raise ValueError("the file has no totals")
    counts = dict(zip(events[1].split(), map(int, sums[1].split()), strict=False))
    return Count(counts["Ir"], sum(counts.get(name, 0) for name in ("ILmr", "DLmr", "DLmw")))
