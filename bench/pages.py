"""A run as files for people: one HTML page, and its charts as images beside a short report."""

from __future__ import annotations

from pathlib import Path

from bench import files
from bench.errors import UsageError
from bench.report import extra, markdown
from bench.results import Run

REPORT_FILE = "report.md"


def refuse_other(out: Path) -> None:
    """Refuse to write a page over what is none.

    Raises:
        UsageError: there is such a file, or a folder.
    """
    try:
        with out.open("rb") as file:
            page = file.read(15).lower() == b"<!doctype html>"
    except FileNotFoundError:
        return
    except OSError:
        page = False
    if not page:
        raise UsageError(
            f"{out} is there and is no page, so it is left as it is; choose another -o"
        )


def write_page(run: Run, out: Path) -> None:
    """Write the page.

    Raises:
        UsageError: what it is made with is not installed, or it cannot be written.
    """
    extra.need()
    from bench.report import page

    text = page.render(run)
    try:
        files.write(out, text.encode(errors="replace"))
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}") from None


def write_images(run: Run, folder: Path) -> None:
    """Write the charts, and a report in Markdown that shows those that matter.

    Raises:
        UsageError: what they are made with is not installed, or they cannot be written.
    """
    extra.need()
    from bench.report import images

    files.writable(folder)
    try:
        telling = images.write(run, folder)
        report = markdown.render(run, telling)
        files.write(folder / REPORT_FILE, report.encode(errors="replace"))
    except OSError as error:
        raise UsageError(f"{folder} cannot be written to: {error.strerror}") from None
