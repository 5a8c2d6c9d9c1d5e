"""Write a run as one HTML page, or its charts as images beside a short report."""

from __future__ import annotations

from pathlib import Path

from gradmeter.bench.errors import UsageError
from gradmeter.bench.report import extra, markdown
from gradmeter.bench.results import files
from gradmeter.bench.results.run import Run

REPORT_FILE = "report.md"


def refuse_other(out: Path) -> None:
    """Refuse to overwrite a file that is not a page.

    Raises:
        UsageError: ``out`` is a file of another kind, or a folder.
    """
    try:
        with out.open("rb") as file:
            is_page = file.read(15).lower() == b"<!doctype html>"
    except FileNotFoundError:
        return
    except OSError:
        is_page = False
    if not is_page:
        raise UsageError(f"{out} exists and is no page, so it is left as it is; choose another -o")


def write_page(run: Run, out: Path) -> None:
    """Write the page.

    Raises:
        UsageError: a package of the extra is not installed, or the page cannot be written.
    """
    extra.need()
    from gradmeter.bench.report import page

    text = page.render(run)
    try:
        files.write(out, text.encode(errors="replace"))
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}") from None


def write_images(run: Run, folder: Path) -> None:
    """Write the charts as images, and a report in Markdown that shows the main ones.

    Raises:
        UsageError: a package of the extra is not installed, or a file cannot be written.
    """
    extra.need()
    from gradmeter.bench.report import images

    files.writable(folder)
    try:
        report_images = images.write(run, folder)
        report = markdown.render(run, report_images)
        files.write(folder / REPORT_FILE, report.encode(errors="replace"))
    except OSError as error:
        raise UsageError(f"{folder} cannot be written to: {error.strerror}") from None
