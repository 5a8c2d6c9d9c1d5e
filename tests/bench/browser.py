"""A page in a real browser, without a network: what a reader sees of it, and what it says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


class Browser:
    """One headless Chromium."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, path: Path, *, width: int = 1200, height: int = 900) -> None:
        """Open a file at this width."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.errors()  # those of the page before
        self.driver.get(path.as_uri())

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def command(self, name: str, **arguments: Any) -> dict[str, Any]:
        """A command of the browser's own protocol."""
        found: dict[str, Any] = self.driver.execute_cdp_cmd(name, arguments)
        return found

    def errors(self) -> list[str]:
        """What the console has said since."""
        return [f"{line['level']} {line['message']}" for line in self.driver.get_log("browser")]

    def draw(self) -> None:
        """Have every chart drawn, those in what is folded too."""
        self.run("for (const d of document.querySelectorAll('details')) d.open = true")
        self.driver.execute_async_script(
            """const done = arguments[0];
            dispatchEvent(new Event("beforeprint"));
            const look = () => document.querySelector(".chart:not([data-drawn=yes])")
              ? setTimeout(look, 20) : done();
            look();"""
        )

    def table(self, index: int, kind: str) -> list[dict[str, Any]]:
        """The rows of the table behind a chart: raw numbers, or what is written."""
        found: list[dict[str, Any]] = self.run(
            """const chart = document.querySelectorAll(arguments[0])[arguments[1]];
            const table = chart.parentElement.querySelector("table");
            const heads = [...table.tHead.rows[0].cells];
            const value = (cell, head) => {
              const text = cell.dataset.v ?? cell.textContent;
              return !("n" in head.dataset) ? text : text === "-" ? null : Number(text);
            };
            return [...table.tBodies[0].rows].map((row) => Object.fromEntries(
              heads.map((head, i) => [head.dataset.f, value(row.cells[i], head)])));""",
            f'.chart[data-kind="{kind}"]',
            index,
        )
        return found


@contextmanager
def browser() -> Iterator[Browser]:
    """Start it, and end it with the block."""
    assert CHROMIUM
    assert DRIVER
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--host-resolver-rules=MAP * ~NOTFOUND",  # no network
        "--force-color-profile=srgb",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_script_timeout(60)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
