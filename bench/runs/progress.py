"""Show the progress of a run: one live line in a terminal, a line now and then in a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from gradmeter.bench.text import plain

LINE_SECONDS = 30.0  # between two lines of a log
LEAST = 0.02  # of a run, before which its seconds are not estimated
RISE = 0.3  # of what an estimate would rise by, that it rises by at once


class Remaining:
    """The seconds that a run goes on for: they shrink with the clock, and rise slowly."""

    def __init__(self, now: float) -> None:
        self._began = self._since = now
        self._seconds: float | None = None

    def update(self, fraction: float, now: float) -> None:
        """Take in that this fraction of the run is done."""
        if fraction < LEAST:
            return
        estimate = (now - self._began) * (1 - fraction) / fraction
        shrunk = self.seconds(now)
        rise = 0.0 if shrunk is None else estimate - shrunk
        self._seconds = estimate if shrunk is None or rise <= 0 else shrunk + RISE * rise
        self._since = now

    def seconds(self, now: float) -> float | None:
        """Seconds that are left; None while that is not known."""
        if self._seconds is None:
            return None
        return max(0.0, self._seconds - (now - self._since))


def left_text(seconds: float | None) -> str:
    """Seconds that are left, as roughly as they are known; empty where they are not."""
    if seconds is None:
        return ""
    if seconds < 55:
        return f"about {max(1, round(seconds / 10)) * 10} s left"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"about {max(1, minutes)} min left"
    return f"about {minutes // 60} h {minutes % 60} min left"


class _LeftColumn(ProgressColumn):
    """The time that is left, which goes on shrinking during a long step."""

    max_refresh = 0.5

    def __init__(self, left: Callable[[], str]) -> None:
        super().__init__()
        self._left = left

    def render(self, task: Task) -> Text:
        return Text("" if task.finished else self._left())


class Teller:
    """Shows the steps of a run on ``console`` while its block lasts."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self._clock = clock
        self._remaining = Remaining(clock())
        self._last_line: float | None = None
        self._bar: Progress | None = None
        if console.is_terminal and not console.is_dumb_terminal:
            self._bar = Progress(
                BarColumn(bar_width=20),
                TextColumn("{task.percentage:>3.0f}%"),
                _LeftColumn(lambda: left_text(self._remaining.seconds(self._clock()))),
                TextColumn("{task.description}", markup=False),
                console=console,
                transient=True,
            )
            self._task = self._bar.add_task("starting", total=1.0)

    def __enter__(self) -> Teller:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, fraction: float, sentence: str) -> None:
        """Show that the step ``sentence`` begins, with this fraction of the run done."""
        sentence = plain(sentence)
        now = self._clock()
        self._remaining.update(fraction, now)
        if self._bar:
            self._bar.update(self._task, completed=fraction, description=sentence)
            return
        done = fraction >= 1  # which is said at once: the reports may take a minute more
        if done or self._last_line is None or now - self._last_line >= LINE_SECONDS:
            self._last_line = now
            left = "" if done else left_text(self._remaining.seconds(now))
            self.console.print(
                f"gradmeter {fraction:4.0%} {sentence}{f' ({left})' * bool(left)}",
                markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip
            self.console.file.flush()
