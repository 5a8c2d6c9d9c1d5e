"""Judge gates: each breach is one criterion that failed for one case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor

from gradmeter.bench.laws.expression import ARRAYS
from gradmeter.bench.laws.names import parameters
from gradmeter.bench.numbers import in_arrays, more_arrays
from gradmeter.bench.results import layers
from gradmeter.bench.results.layers import Reading
from gradmeter.bench.results.readings import Instructions
from gradmeter.bench.results.run import Case, Options
from gradmeter.bench.verdicts import instructions
from gradmeter.bench.verdicts.gates import COUNTED, FIGURES, Gate, Key, title
from gradmeter.bench.verdicts.time_words import time_sentence
from gradmeter.bench.verdicts.verdicts import Row


@dataclass(frozen=True)
class Breach:
    """One gate that failed for one case.

    Attributes:
        where: the case's title.
        what: the figures before and after, in a sentence.
        by: bytes more than before or than the budget; 0 for a gate that is not on bytes.
        key: the case's key.
    """

    gate: str
    where: str
    what: str
    by: int = 0
    key: Key | None = None


def on_bytes(
    gates: Sequence[Gate], pairs: Iterable[tuple[Case, Mapping[str, int] | None]]
) -> list[Breach]:
    """Return the breaches of the gates on bytes.

    Args:
        pairs: each case with its figures before, None where there are none.
    """
    breaches = []
    for case, before in pairs:
        after = case.figures
        if after is None:
            continue
        for gate in gates:
            if gate.what not in FIGURES or not gate.applies(case.key):
                continue
            new, old = after[gate.what], None if before is None else before.get(gate.what)
            if gate.exceeded(new, old, case.array_bytes, case.key):
                what, by = _breach_text(gate, new, old, case)
                breaches.append(Breach(gate.text, case.title, what, by, case.key))
    return breaches


def on_layers(
    gates: Sequence[Gate], pairs: Iterable[tuple[Case, Mapping[str, Reading] | None]]
) -> tuple[list[Breach], list[str]]:
    """Judge the gates on counts, on growth, and on other layers than array data.

    Args:
        pairs: each case with its figures before, None where there is nothing to compare with.

    Returns:
        The breaches, and a sentence for each reason that a gate is not judged.
    """
    breaches: list[Breach] = []
    reasons: dict[tuple[str, str], list[str]] = {}
    asked = [gate for gate in gates if gate.on_layer]
    for case, before in pairs if asked else ():
        for gate in asked:
            if not gate.applies(case.key) or case.failure is not None:
                continue
            for figure in layers.expanded(gate.what, case):
                after = layers.reading(case, figure)
                old = None if before is None or gate.operator == "<=" else before.get(figure)
                if gate.operator == ">" and old is None and after.value is not None:
                    continue
                why = after.why or (old.why if old is not None else "")
                if after.value is None or why:
                    reasons.setdefault((figure, why), []).append(case.title)
                elif gate.exceeded(
                    after.value, old.value if old is not None else None, case.array_bytes, case.key
                ):
                    breaches.append(_layer_breach(gate, figure, case, after.value, old))
    return breaches, [
        f"{figure} of {titles[0]}{f' and {len(titles) - 1} more' if titles[1:] else ''}: {why}"
        for (figure, why), titles in reasons.items()
    ]


def _layer_breach(gate: Gate, figure: str, case: Case, new: int, before: Reading | None) -> Breach:
    if figure not in layers.NUMBERS:
        old = before.value if before is not None else None
        what, by = _breach_text(gate, new, old, case, figure)
        return Breach(gate.text, case.title, what, by, case.key)
    if before is None or before.value is None:
        text = f"{figure} {new:,}, budget {_limit_text(gate, case, unit='')}"
    else:
        more = new - before.value
        relative = f" ({more / before.value:+.1%})" if before.value else ""
        text = f"{figure} {before.value:,} -> {new:,}: {more:+,}{relative}"
        if gate.formula is not None:
            text += f", more than {_limit_text(gate, case, unit='')}"
    return Breach(gate.text, case.title, text, key=case.key)


def _limit_text(gate: Gate, case: Case, unit: str = " B") -> str:
    """The amount of a gate at a case; of a formula, it and where its value is that."""
    value = f"{floor(gate.limit(case.key, case.array_bytes)):,}{unit}"
    if gate.formula is None:
        return value
    names, known = gate.formula.names, parameters(case.workload, case.size)
    at = [f"{name} = {known[name]:,}" for name in known if name in names]
    if ARRAYS in names or "array" in names:
        at.append(f"arrays of {case.array_bytes:,} B")
    return f"{gate.formula.text.strip()} = {value}{' at ' * bool(at)}{', '.join(at)}"


def _breach_text(
    gate: Gate, new: int, old: int | None, case: Case, name: str = ""
) -> tuple[str, int]:
    """Return the sentence of a breach, and by how many bytes the gate is broken."""
    name, array_bytes = name or gate.what, case.array_bytes
    figure = f"{name} {new:,} B{in_arrays(new, array_bytes)}"
    if gate.operator == "<=":
        over = new - floor(gate.limit(case.key, array_bytes))
        return f"{figure}, budget {_limit_text(gate, case)}, {over:,} B over it", over
    assert old is not None
    more = new - old
    inside = [more_arrays(more, array_bytes)[2:-1], f"{more / old:+.1%}" if old else ""]
    relative = f" ({', '.join(filter(None, inside))})" if any(inside) else ""
    if gate.formula is not None:
        relative += f", more than {_limit_text(gate, case)}"
    return (
        f"{name} {old:,} B{in_arrays(old, array_bytes)} -> {new:,} B"
        f"{in_arrays(new, array_bytes)}: {more:+,} B{relative}"
    ), more


def on_time(gates: Sequence[Gate], rows: Iterable[Row], options: Options) -> list[Breach]:
    """Return the breaches of the gates on time; a ratio without an interval breaks none."""
    breaches = []
    for row in rows:
        if row.time is None or not row.time.sure:
            continue
        for gate in gates:
            if not gate.on_time or not gate.matches(row.case.key):
                continue
            broken = (
                row.time.low > 1 + gate.amount / 100
                if gate.what == "time"
                else row.time.word == gate.what
            )
            if broken:
                sentence = time_sentence(row, options).partition(": ")[2]
                breaches.append(Breach(gate.text, row.case.title, sentence, key=row.case.key))
    return breaches


def on_instructions(gates: Sequence[Gate], rows: Iterable[Row]) -> list[Breach]:
    """Return the breaches of the gates on instructions; a difference within rounds breaks none."""
    pairs = [(row.case, row.baseline.instructions) for row in rows]
    return on_counts(gates, [(case, before) for case, before in pairs if before is not None])


def on_counts(gates: Sequence[Gate], pairs: Iterable[tuple[Case, Instructions]]) -> list[Breach]:
    """Return the breaches of the gates on instructions, of cases and their counts before."""
    breaches = []
    for case, before in pairs:
        if case.instructions is None:
            continue
        counted = instructions.between(case.instructions, before)
        for gate in gates:
            if gate.what != COUNTED or not gate.matches(case.key) or counted.word != "more":
                continue
            if (counted.after - counted.before) * 100 > counted.before * gate.amount:
                text = f"instructions {counted.before:,} -> {counted.after:,}"
                text = f"{text}: {counted.ratio - 1:+.2%}"
                breaches.append(Breach(gate.text, case.title, text, key=case.key))
    return breaches


def not_counted(gates: Sequence[Gate], rows: Iterable[Row]) -> list[str]:
    """Return a sentence for each candidate without instructions that a gate on them is for."""
    sentences = []
    for row in rows:
        if instructions.compare(row.case, row.baseline) is not None:
            continue
        why = row.case.uncounted or row.baseline.uncounted or "they were not counted"
        if any(gate.what == COUNTED and gate.matches(row.case.key) for gate in gates):
            sentences.append(f"instructions of {row.case.title}: {why}")
    return sentences


def of_rows(gates: Sequence[Gate], rows: Sequence[Row], options: Options) -> list[Breach]:
    """Return the breaches of all gates inside one run: each candidate against its baseline."""
    pairs = [(row.case, row.baseline.figures) for row in rows]
    return [
        *on_time(gates, rows, options),
        *on_instructions(gates, rows),
        *on_bytes(gates, pairs),
        *on_layers(gates, _layer_pairs(rows))[0],
    ]


def not_judged(gates: Sequence[Gate], rows: Sequence[Row]) -> list[str]:
    """Return a sentence for each reason that a gate inside one run cannot be judged."""
    return [*not_counted(gates, rows), *on_layers(gates, _layer_pairs(rows))[1]]


def _layer_pairs(rows: Iterable[Row]) -> list[tuple[Case, Mapping[str, Reading]]]:
    return [(row.case, layers.readings(row.baseline)) for row in rows]


def on_presence(gates: Sequence[Gate], new: Sequence[Key], vanished: Sequence[Key]) -> list[Breach]:
    """Return the breaches of the gates on new and vanished cases."""
    breaches = []
    for gate in gates:
        for key in {"new": new, "vanished": vanished}.get(gate.what, ()):
            if gate.matches(key):
                reason = "not in the baseline" if gate.what == "new" else "in the baseline only"
                breaches.append(Breach(gate.text, title(key), reason, key=key))
    return breaches
