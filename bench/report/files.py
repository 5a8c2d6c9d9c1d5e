"""Write a run as one HTML page, or its charts as images beside a short report."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gradmeter.bench.errors import UsageError
from gradmeter.bench.report import extra, markdown
from gradmeter.bench.results import files
from gradmeter.bench.results.readings import Timeline
from gradmeter.bench.results.run import Run

REPORT_FILE = "report.md"


def refuse_other(out: Path) -> None:
    """Refuse to overwrite a file that is not a page.

    Raises:
        UsageError: ``out`` is a file of another kind, or a folder.
    """
    files.refuse_irregular(out, "cannot be written")
    try:
        with out.open("rb") as file:
            is_page = file.read(15).lower() == b"<!doctype html>"
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}") from None
    if not is_page:
        raise UsageError(f"{out} exists and is no page, so it is left as it is; choose another -o")


def write_page(run: Run, out: Path) -> None:
    """Write the page.

    Raises:
        UsageError: a package of the extra is not installed or fails, or the page cannot be
            written.
    """
    extra.need()
    with rendering(out):
        from gradmeter.bench.report import page

        files.write(out, page.render(run).encode(errors="replace"))


def write_images(run: Run, folder: Path) -> None:
    """Write the charts as images, and a report in Markdown that shows the main ones.

    Raises:
        UsageError: a package of the extra is not installed or fails, or a file cannot be
            written.
    """
    extra.need()
    files.writable(folder)
    with rendering(folder):
        from gradmeter.bench.report import images

        report_images = images.write(run, folder)
        report = markdown.render(run, report_images)
        files.write(folder / REPORT_FILE, report.encode(errors="replace"))


def timeline_html(timeline: Timeline) -> str:
    """Render a timeline as charts for a notebook.

    Raises:
        UsageError: a package of the extra is not installed or fails.
    """
    extra.need()
    with rendering(Path("the chart")):
        from gradmeter.bench.report import images

        return images.timeline_html(timeline)


@contextmanager
def rendering(out: Path) -> Iterator[None]:
    """Turn whatever the optional packages raise into a sentence.

    They are others' code, and part of it is native: they fail to import under an optimized
    interpreter, run out of memory, and raise what is no `Exception`.

    Raises:
        UsageError: the block raised something else than an interruption.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit, UsageError):
        raise
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror or error}") from None
    except BaseException as error:
        optimized = (
            "; Python was started with -O or PYTHONOPTIMIZE, which the packages that draw it do "
            "not support"
        )
        message = f": {error}" if str(error) else ""
        raise UsageError(
            f"{out} cannot be drawn ({type(error).__name__}{message})"
            f"{optimized * bool(sys.flags.optimize)}"
        ) from None
