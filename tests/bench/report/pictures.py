"""Make the pictures of the example's page anew: python -m tests.bench.report.pictures."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

from gradmeter.bench.report.files import write_page
from gradmeter.bench.results import run_file
from gradmeter.bench.session import PAGE_FILE, RUN_FILE

from ..browser import Browser, browser

EXAMPLE = Path(__file__).parents[3] / "reports" / "example"
WIDTH = 1000  # pixels of the page, of which a picture has twice as many


def main() -> None:
    """Write the top of the page, and the timelines of its largest effect."""
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        path = Path(folder) / PAGE_FILE
        write_page(run_file.load(EXAMPLE / RUN_FILE), path)
        chromium.open(path, width=WIDTH, height=1400)
        chromium.run("document.documentElement.dataset.theme = 'light'")
        chromium.run("document.querySelector('.effect').scrollIntoView()")
        chromium.driver.execute_async_script(
            """const done = arguments[0];
            const first = document.querySelector(".effect");
            const look = () => first.querySelector(".chart:not([data-drawn=yes])")
              ? setTimeout(look, 20) : done();
            look();"""
        )
        picture(chromium, "page.png", "header", ".scale")
        picture(chromium, "timelines.png", ".effect", ".effect .grid figure:last-of-type .chart")


def picture(chromium: Browser, name: str, first: str, last: str) -> None:
    """Write what lies between the tops and ends of two elements, with a margin."""
    top, bottom = chromium.run(
        """const [first, last] = [...arguments].map((each) =>
          document.querySelector(each).getBoundingClientRect());
        return [first.top + scrollY, last.bottom + scrollY];""",
        first,
        last,
    )
    margin = 12
    clip = {"x": 0, "y": max(0, top - margin), "width": WIDTH, "height": bottom - top + margin}
    data = chromium.command(
        "Page.captureScreenshot", captureBeyondViewport=True, clip={**clip, "scale": 2}
    )["data"]
    (EXAMPLE / name).write_bytes(base64.b64decode(data))


if __name__ == "__main__":
    main()
