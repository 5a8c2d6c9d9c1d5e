"""The palette: what is drawn is seen, text can be read, and colours differ for every eye."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from gradmeter.bench.report.colours import (
    OF_CATEGORY,
    OF_RANK,
    OF_STATUS,
    PALETTE,
    SERIES,
)

THEMES = {"light": 0, "dark": 1}
DRAWN = {
    *OF_CATEGORY.values(), *OF_RANK.values(), *OF_STATUS.values(), *SERIES, "more", "less", "edge",
}  # fmt: skip
# Which colour a text has on which ground.
TEXTS = [
    *((text, ground) for text in ("ink", "quiet", "link") for ground in ("paper", "shade")),
    *(("ink", change + step) for change in ("less", "more") for step in "12"),
    *(("firm", f"{change}3") for change in ("less", "more")),
    *(("strong", f"{change}4") for change in ("less", "more")),
    ("ink", "line"), ("ink", "target"),
]  # fmt: skip
# Of linear sRGB, for one who lacks a kind of cones: Machado, Oliveira and Fernandes, "A
# Physiologically-based Model for Simulation of Color Vision Deficiency", 2009, severity 1.
EYES = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]]
    ),
}  # fmt: skip
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(name: str, theme: str) -> np.ndarray:
    """A colour of the palette as linear sRGB, each part in 0 to 1."""
    code = PALETTE[name][THEMES[theme]]
    parts = np.array([int(code[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(name: str, ground: str, theme: str) -> float:
    """The contrast of two colours, see WCAG 2.2."""
    luminances = [float(XYZ[1] @ linear(each, theme)) for each in (name, ground)]
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


def distance(first: str, second: str, theme: str, eye: str) -> float:
    """How far two colours are apart in CIELAB, where 2.3 can just be seen."""

    def lab(name: str) -> np.ndarray:
        seen = XYZ @ np.clip(EYES[eye] @ linear(name, theme), 0, 1) / XYZ.sum(axis=1)
        x, y, z = np.where(seen > 216 / 24389, np.cbrt(seen), 841 / 108 * seen + 4 / 29)
        return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])

    return float(np.linalg.norm(lab(first) - lab(second)))


@pytest.mark.parametrize("theme", THEMES)
def test_what_is_drawn_is_seen_on_the_paper(theme):
    found = {name: contrast(name, "paper", theme) for name in DRAWN}
    assert {name: ratio for name, ratio in found.items() if ratio < 3} == {}


@pytest.mark.parametrize("theme", THEMES)
def test_text_can_be_read_on_its_ground(theme):
    found = {pair: contrast(*pair, theme) for pair in TEXTS}
    assert {pair: ratio for pair, ratio in found.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(
    ("names", "least"),
    [
        (OF_CATEGORY.values(), 13),
        (OF_STATUS.values(), 25),
        (SERIES, 11),
        (OF_RANK.values(), 8),  # neighbours of a scale: they lie beside each other in its order
    ],
    ids=["categories", "statuses", "series", "ranks"],
)
def test_colours_of_one_chart_differ_for_every_eye(names, least, theme, eye):
    for first, second in combinations(names, 2):
        assert distance(first, second, theme, eye) > least, (first, second)


def test_a_colour_has_one_meaning():
    hues = [
        {"more", "less"}, {"gold", "green", "magenta"}, {n for n in PALETTE if n.startswith("rank")}
    ]  # fmt: skip
    greys = {"input", "black", "grey", "first", "second", "third"}
    assert set(OF_CATEGORY.values()) <= hues[1] | greys
    assert set(OF_RANK.values()) <= hues[2] | greys
    assert set(OF_STATUS.values()) <= hues[0] | greys
    assert set(SERIES) <= greys
    for theme in THEMES:  # no hue of one meaning is near to that of another
        for one, other in combinations(hues, 2):
            for first, second in ((a, b) for a in one for b in other):
                assert distance(first, second, theme, "all cones") > 20, (first, second)
