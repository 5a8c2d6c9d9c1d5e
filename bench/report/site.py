"""Write the site of a history: its page, the feed of its steps, and the page of the newest run."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gradmeter.bench.errors import UsageError
from gradmeter.bench.history.overview import Overview
from gradmeter.bench.history.tracks import tracks
from gradmeter.bench.report import extra
from gradmeter.bench.report.files import rendering
from gradmeter.bench.results import files
from gradmeter.bench.results.run import Run

PAGE: Final = "index.html"
FEED: Final = "feed.xml"
RUN: Final = "run.html"
_MARKS: Final = (b'content="gradmeter"', b"<generator>gradmeter</generator>")
_MARKED = 2000  # bytes, in which a file of ours has a mark


def address(url: str) -> str:
    """Read the address that a site will have; it ends with a slash.

    Raises:
        UsageError: it is none.
    """
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment or not url.isascii() or " " in url:
        raise UsageError(
            f"--url {url!r} is not the address of a site; write it as https://example.org/history/"
        )
    return url if url.endswith("/") else f"{url}/"


def refuse_other(folder: Path) -> None:
    """Refuse to write to a folder that holds something else than a site of ours.

    Hidden files, such as of git, are left as they are, and so is what was added to a site.

    Raises:
        UsageError: it is such a folder, or cannot be read.
    """
    try:
        names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
        if names and not any(_is_ours(folder / name) for name in (PAGE, FEED, RUN)):
            raise UsageError(
                f"{folder} holds {min(names)} and is no site of gradmeter's, so it is left as it "
                "is; choose an empty folder, or one that does not exist"
            )
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise UsageError(f"{folder} is no folder, so no site can be written to it") from None
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be read: {error.strerror}") from None


def _is_ours(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        begin = file.read(_MARKED)
    return any(mark in begin for mark in _MARKS)


def write(overview: Overview, name: str, folder: Path, *, run: Run | None, url: str) -> list[Path]:
    """Write the site; each of its files is whole by itself, and replaced as a whole.

    So a site that is interrupted while it is written is the old one, but for files that are new
    and whole. Everything is rendered before the first file is written.

    Args:
        name: of the project.
        run: the newest run, which gets a page of its own.
        url: the site's address, as `address` returns it; empty where it is not known.

    Returns:
        The files.

    Raises:
        UsageError: a package of the extra is not installed or fails, or a file cannot be written.
    """
    extra.need()
    with rendering(folder):
        from gradmeter.bench.report import feed, history_page, page

        found = tracks(overview)
        entries = history_page.entries(overview, found)
        index = history_page.render(
            overview, found, name, entries, run=RUN if run is not None else "", feed=FEED
        )
        atom = feed.render(
            overview, name, entries, page=f"{url}{PAGE}", url=f"{url}{FEED}" if url else ""
        )
        texts = {FEED: atom, PAGE: index}
        if run is not None:
            texts = {RUN: page.render(run), **texts}
    files.writable(folder, "DIR")
    with rendering(folder):
        for each, text in texts.items():
            files.write(folder / each, text.encode(errors="replace"))
        if run is None:  # the page of an earlier one is linked no more
            with contextlib.suppress(FileNotFoundError):
                (folder / RUN).unlink()
    return [folder / each for each in texts]
