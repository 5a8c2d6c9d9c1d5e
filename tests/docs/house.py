"""Draw the house from its imports: each room, what it is for, and which rooms it imports from.

python -m tests.docs.house     writes docs/house.svg
"""

from __future__ import annotations

import ast
import textwrap
from collections import Counter
from xml.sax.saxutils import escape

from ..test_house import FLOORS, LEVEL, MODULES, graph, room
from .pages import DOCS

PICTURE = DOCS / "house.svg"
ENGINE = "engine"  # beside the rooms of the harness, and below them
ROW, CELL, TOP, LEFT = 26, 16, 104, 372
WIDTH_OF_TEXT = 46  # characters in a line


def write() -> None:
    """Write the picture."""
    PICTURE.write_text(picture())


def rooms() -> list[str]:
    """The rooms from the top floor down, and the engine."""
    return [*(name for floor in FLOORS for name in sorted(floor)), ENGINE]


def place(module: str) -> str | None:
    """The room of a module; None of what holds the rooms."""
    words = module.split(".")
    if words[1] == ENGINE:
        return ENGINE
    return room(module) if len(words) > 2 else None


def imports() -> Counter[tuple[str, str]]:
    """How many imports of modules there are from each room to each other."""
    pairs = ((place(name), place(other)) for name, others in graph().items() for other in others)
    return Counter((a, b) for a, b in pairs if a and b and a != b)


def purpose(name: str) -> str:
    """The first sentence of a room's docstring."""
    module = f"gradmeter.{ENGINE}" if name == ENGINE else f"gradmeter.bench.{name}"
    text = ast.get_docstring(ast.parse(MODULES[module].read_text())) or ""
    return " ".join(text.split("\n\n")[0].split()).rstrip(".")


def picture() -> str:
    """The picture, as SVG: a dot where the room of a row imports from the room of a column."""
    names, count = rooms(), imports()
    number = {name: index for index, name in enumerate(names)}
    width, height = LEFT + CELL * len(names) + 44, TOP + ROW * len(names) + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" font-family="sans-serif">',
        "<title>The rooms of bench/, what each is for, and what it imports</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="#fff"/>',
        f'<text x="16" y="{TOP - 30}" font-size="12" fill="#555">A room imports from rooms below '
        "it alone:</text>",
        f'<text x="16" y="{TOP - 14}" font-size="12" fill="#555">every dot is right of the '
        "diagonal.</text>",
    ]
    for name, index in number.items():
        x, y = LEFT + CELL * index + CELL // 2, TOP + ROW * index
        if index == 0 or LEVEL.get(name) != LEVEL.get(names[index - 1]):
            parts.append(f'<path d="M8 {y}H{width - 8}" stroke="#d5d9e0"/>')
        parts.append(f'<path d="M{x} {TOP}V{height - 16}" stroke="#eef0f4"/>')
        parts.append(
            f'<text transform="translate({x + 4} {TOP - 8}) rotate(-60)" font-size="10" '
            f'fill="#333">{escape(name)}</text>'
        )
        parts.append(
            f'<text x="16" y="{y + 17}" font-size="12" font-weight="bold" fill="#1b2a41">'
            f"{escape(name)}</text>"
        )
        lines = textwrap.wrap(purpose(name), WIDTH_OF_TEXT, max_lines=2, placeholder=" ...")
        for line, text in enumerate(lines):
            at = y + (11 if len(lines) == 2 else 17) + 11 * line
            parts.append(
                f'<text x="124" y="{at}" font-size="9.5" fill="#444">{escape(text)}</text>'
            )
        parts.append(f'<rect x="{x - 5}" y="{y + 8}" width="10" height="10" fill="#d5d9e0"/>')
        for other in names:
            if count[name, other]:
                at = LEFT + CELL * number[other] + CELL // 2
                parts.append(
                    f'<circle cx="{at}" cy="{y + 13}" r="5" fill="#2f6db5"><title>{escape(name)} '
                    f"imports {escape(other)}</title></circle>"
                )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    write()
