"""The colours of the page, and what they stand for in the charts of a timeline."""

from __future__ import annotations

from typing import Final

from gradmeter.bench.history.steps import STATUSES
from gradmeter.bench.timelines.drawing import CATEGORIES

# Okabe and Ito's colours, which the colour-blind can tell apart: Color Universal Design, 2008.
# Their yellow is left out (too light on paper), their black changes with the page.
COLOURS: Final = {
    "orange": "#e69f00",
    "sky": "#56b4e9",
    "green": "#009e73",
    "blue": "#0072b2",
    "vermilion": "#d55e00",
    "purple": "#cc79a7",
    "grey": "#8c8c8c",
}
# The colours of the light theme, which images always have; those of the dark one are in page.css.
INK: Final = {
    "ink": "#1b1f24",
    "quiet": "#59626d",
    "line": "#dde1e6",
    "paper": "#ffffff",
    "first": "#4d5866",
    "second": "#8792a0",
    "third": "#b4bcc6",
}
# Each colour has one meaning: vermilion is more or slower, blue is less or faster, than the
# baseline; the categories of a timeline have the others, and bars are of the colours of ink.
OF_CATEGORY: Final = dict(
    zip(CATEGORIES, ("sky", "orange", "green", "purple", "first", "grey"), strict=True)
)
OF_CHANGE: Final = {"more": "vermilion", "less": "blue"}
# The lines with most bytes have colours of their own, by their rank.
RANKS: Final = ("first", "second", "third", "fourth", "fifth", "sixth")
OTHERS: Final = "others"
ITSELF: Final = "itself"
OF_RANK: Final = dict(
    zip(
        (*RANKS, OTHERS, ITSELF),
        ("sky", "vermilion", "green", "blue", "purple", "orange", "grey", "ink"),
        strict=True,
    )
)
# What became of a step; each has a shape of its own, too.
OF_STATUS: Final[dict[str, str]] = dict(
    zip(STATUSES, ("vermilion", "orange", "green", "grey"), strict=True)
)
# The series of one figure that cannot be compared with each other.
SERIES: Final = ("blue", "purple", "sky")
