"""The palette of every page and picture, for light and dark, and what each colour stands for.

A colour has one meaning: orange is more or slower and blue is less or faster than the baseline or
the commit before; gold, green and magenta are categories of a timeline; shades of violet tell lines
apart, of source or of a chart. Bars, and what is none of these, have the greys of the text.

What is drawn has a contrast of 3 with the paper, and text one of 4.5: WCAG 2.2, level AA. The
colours of one chart differ for the colour-blind too; those of ranks lie beside each other in their
order. Each theme has its own. tests/bench/report/test_colours.py computes all of it.
"""

from __future__ import annotations

from typing import Final

from gradmeter.bench.history.steps import STATUSES
from gradmeter.bench.timelines.drawing import CATEGORIES

# The light theme's colour, which images always have, and the dark one's.
PALETTE: Final[dict[str, tuple[str, str]]] = {
    "paper": ("#ffffff", "#14171b"),
    "ink": ("#1b1f24", "#e8eaed"),
    "quiet": ("#59626d", "#a4adb8"),
    "line": ("#dde1e6", "#30363d"),
    "edge": ("#87919d", "#6b7684"),
    "shade": ("#f4f6f8", "#1e2329"),
    "link": ("#075985", "#7cc4f0"),
    "target": ("#fff4cc", "#4a3d10"),
    "strong": ("#ffffff", "#14171b"),  # text on the fourth step
    "firm": ("#101418", "#ffffff"),  # text on the third
    "first": ("#3f4a57", "#dfe5eb"),
    "second": ("#6b7785", "#a4adb8"),
    "third": ("#8b95a1", "#6b7684"),
    "input": ("#46505c", "#8b95a1"),
    "black": ("#111418", "#f4f6f8"),
    "grey": ("#949494", "#656c75"),
    "less": ("#0072b2", "#4aa3df"),
    "less1": ("#e2eff8", "#16293a"),
    "less2": ("#b3d5ec", "#173f60"),
    "less3": ("#6fb1dc", "#1b5f94"),
    "less4": ("#0b5a94", "#86c6f2"),
    "more": ("#b84c00", "#f08a3c"),
    "more1": ("#fcecdf", "#36261a"),
    "more2": ("#f8cda6", "#5e3a1b"),
    "more3": ("#ee9f60", "#8f4e15"),
    "more4": ("#a5430a", "#f6ad6c"),
    "gold": ("#b58900", "#d8ae1c"),
    "green": ("#008466", "#22b48d"),
    "magenta": ("#bd579d", "#ea9fd3"),
    "rank1": ("#242981", "#ede8ff"),
    "rank2": ("#4c329b", "#dbc8fb"),
    "rank3": ("#7240a4", "#c3a9f2"),
    "rank4": ("#9051ab", "#b68ae3"),
    "rank5": ("#a069ba", "#a66fd2"),
    "rank6": ("#b382cb", "#8a52b3"),
}
OF_CATEGORY: Final = dict(
    zip(CATEGORIES, ("input", "gold", "green", "magenta", "black", "grey"), strict=True)
)
# The lines with most bytes have colours of their own, by their rank.
RANKS: Final = ("first", "second", "third", "fourth", "fifth", "sixth")
OTHERS: Final = "others"
ITSELF: Final = "itself"
OF_RANK: Final = {
    **{rank: f"rank{number}" for number, rank in enumerate(RANKS, 1)},
    OTHERS: "grey",
    ITSELF: "second",
}
# What became of a step; each has a shape of its own, too. What is settled is grey.
OF_STATUS: Final[dict[str, str]] = dict(
    zip(STATUSES, ("more", "first", "less", "grey"), strict=True)
)
# The series of one figure that cannot be compared with each other.
SERIES: Final = ("first", "second", "third")
