"""Show the progress of a run: a live bar in a terminal, a line every few seconds in a log."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gradmeter.bench.text import plain

LINE_SECONDS = 5.0


class Teller:
    """Shows the steps of a run on ``console`` while its block lasts."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = self._last_line = time.monotonic()
        self._bar: Progress | None = None
        if console.is_terminal:
            self._bar = Progress(
                BarColumn(bar_width=20),
                TextColumn("{task.percentage:>3.0f}%"),
                TimeRemainingColumn(compact=True),
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
        now = time.monotonic()
        if self._bar:
            self._bar.update(self._task, completed=fraction, description=sentence)
        elif fraction == 0 or now - self._last_line >= LINE_SECONDS:
            left = ""
            if fraction > 0.02:
                seconds = (now - self._began) * (1 - fraction) / fraction
                left = f" (about {max(1, round(seconds / 10) * 10):.0f} s left)"
            self._last_line = now
            self.console.print(
                f"gradmeter {fraction:4.0%} {sentence}{left}",
                markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip
            self.console.file.flush()
