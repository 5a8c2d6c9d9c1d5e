"""Every page in a browser, both themes: each text can be read, each control has a name."""

from __future__ import annotations

import pytest

from gradmeter.bench.report import page
from gradmeter.bench.session import PAGE_FILE

from ..browser import CHROMIUM, DRIVER
from ..command import gradmeter
from ..large_runs import large
from ..run_files import ordinary, run
from .published import publishable

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="the page is tested in chromium, with its chromedriver"
)

# The texts whose contrast with what is behind them is below 4.5, and how many there are in all.
UNREADABLE = """
const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) =>
  c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4).reduce((sum, c, i) =>
  sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const colour = (text) => {
  const parts = text.match(/rgba?\\(([^)]*)\\)/)?.[1].split(/[ ,/]+/).map(Number);
  return parts?.[3] === 0 ? undefined : parts;
};
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const found = colour(getComputedStyle(at).backgroundColor);
    if (found && !(at instanceof SVGElement)) return found;
  }
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const low = [];
let count = 0;
while (walker.nextNode()) {
  const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
  if (!text || !element.getClientRects().length) continue;
  const style = getComputedStyle(element);
  const ink = colour(element instanceof SVGElement ? style.fill : style.color);
  const [a, b] = [light(ink), light(ground(element))].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < 4.5) low.push(text);
  count += 1;
}
return [low, count];"""

NAMELESS = """
const controls = "a, button, input, select, summary, table, nav, fieldset, [role], [tabindex]";
return [...document.querySelectorAll(controls)].filter((element) => {
  const own = element.querySelector(":scope > caption, :scope > legend")?.textContent;
  const name = element.ariaLabel || element.labels?.[0]?.textContent || own || element.textContent;
  return !name.trim() && !element.closest("[aria-hidden=true]");
}).map((element) => element.outerHTML.slice(0, 200));"""


@pytest.fixture(scope="module", params=["engines", "calls", "history"])
def opened(request, chromium, tmp_path_factory):
    """A page of each kind, all of it drawn."""
    folder = tmp_path_factory.mktemp(request.param)
    path = folder / PAGE_FILE
    if request.param == "history":
        publishable(folder / "repository")
        gradmeter("publish", "site", cwd=folder / "repository")
        path = folder / "repository" / "site" / "index.html"
    else:
        calls = run(*(ordinary(f"t.py::test_it[{n}]") for n in range(3)), comparisons=[])
        found = large(12) if request.param == "engines" else calls
        path.write_text(page.render(found), encoding="utf-8")
    chromium.open(path)
    chromium.draw()
    return chromium


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_can_be_read(opened, theme):
    opened.run("document.documentElement.dataset.theme = arguments[0]", theme)
    low, count = opened.run(UNREADABLE)
    assert low == []
    assert count > 100


def test_every_control_has_a_name_and_every_id_is_one(opened):
    assert opened.run(NAMELESS) == []
    ids = opened.run("return [...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))


def test_no_date_is_broken(opened):
    """Those in texts of a line that wraps; the cells of tables and the charts do not."""
    dates = opened.run(
        """const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        const found = [];
        while (walker.nextNode()) {
          const { textContent: text, parentElement } = walker.currentNode;
          if (!parentElement.closest("header p, .step p")) continue;
          for (const { index } of text.matchAll(/\\d{4}-\\d\\d-\\d\\d/g)) {
            const range = document.createRange();
            range.setStart(walker.currentNode, index);
            range.setEnd(walker.currentNode, index + 10);
            const style = getComputedStyle(parentElement);
            found.push([style.whiteSpace, range.getClientRects().length]);
          }
        }
        return found;"""
    )
    assert dates
    assert {tuple(each) for each in dates} == {("nowrap", 1)}
