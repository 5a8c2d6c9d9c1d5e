"""Refuse gates that could never fail, and name those that do not apply to some cases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from gradmeter.bench import statistics
from gradmeter.bench.errors import UsageError
from gradmeter.bench.laws.expression import FormulaError
from gradmeter.bench.laws.names import DEPTH, SIZE, parameters
from gradmeter.bench.results import layers
from gradmeter.bench.results.run import ORDINARY, Options
from gradmeter.bench.suggestions import suggestion
from gradmeter.bench.verdicts.gates import COUNTED, FIGURES, PRESENCE, Gate, Key, title


def check_terms(gates: Sequence[Gate], keys: Iterable[Key]) -> None:
    """Refuse a gate that could never fail, since it matches no case or applies to none.

    Raises:
        UsageError: there is such a gate.
    """
    present = list(keys)
    for gate in gates:
        idle = inapplicable([gate], present)
        if idle and not any(gate.applies(key) for key in present):
            raise UsageError(f"--fail-on {gate.text!r} could never fail: {idle[0]}")
        if gate.terms and not any(gate.matches(key) for key in present):
            shown = "; ".join(title(key) for key in present[:3]) or "none"
            more = " and others" if len(present) > 3 else ""
            raise UsageError(
                f"--fail-on {gate.text!r} matches no case, so it could never fail"
                f"{_meant(gate, present) or f'; the cases are {shown}{more}'}"
            )


def _meant(gate: Gate, present: Sequence[Key]) -> str:
    """Suggest the name that a term of a gate is like; empty where each term matches one."""
    names = {str(part) for key in present for part in key if part != ORDINARY}
    for term in gate.terms:
        if not any(replace(gate, terms=(term,)).matches(key) for key in present):
            return suggestion(term, names)
    return ""


def check_names(gates: Sequence[Gate], keys: Iterable[Key]) -> None:
    """Refuse a gate whose formula has no value for a case of a run that it matches.

    Raises:
        UsageError: there is such a gate.
    """
    present = list(keys)
    for gate in gates:
        for key in present:
            if gate.formula is None or not gate.applies(key):
                continue
            known = parameters(key[0], key[1])
            lacking = sorted((gate.formula.names & {SIZE, DEPTH}) - known.keys())
            if lacking:
                raise UsageError(
                    f"--fail-on {gate.text!r} has no value for {title(key)}, whose name ends with "
                    f"no depth, as in squares-30; name the cases that have {lacking[0]}: "
                    f"{gate.what}[squares-*]{gate.operator}..."
                )
            try:
                gate.limit(key, known.get(SIZE, 1))
            except FormulaError as error:
                raise UsageError(
                    f"--fail-on {gate.text!r} has no value for {title(key)}: {error}"
                ) from None


def check_exact(gates: Sequence[Gate], exact: Iterable[Key]) -> None:
    """Refuse gates on exact bytes that match no case with exact bytes.

    Args:
        exact: the cases that have exact bytes.

    Raises:
        UsageError: a gate matches none of these cases.
    """
    exact_keys = list(exact)
    for gate in gates:
        if gate.what in FIGURES and not any(gate.matches(key) for key in exact_keys):
            raise UsageError(
                f"--fail-on {gate.text!r} could never fail: exact bytes take engines whose arrays "
                "are NumPy's, the baseline's too; see gradmeter list engines"
            )


def inapplicable(gates: Sequence[Gate], keys: Iterable[Key]) -> list[str]:
    """Return a sentence for each gate that matches cases for which it cannot fail."""
    present = list(keys)
    reasons = [
        next((_reason(gate, k) for k in present if gate.matches(k) and not gate.applies(k)), "")
        for gate in gates
    ]
    return [reason for reason in reasons if reason]


def _reason(gate: Gate, key: Key) -> str:
    """Why a gate cannot fail for a case."""
    if key[1] != ORDINARY:
        return f"{gate.text} applies to the calls of tests only"
    instead = "a number" if gate.what in layers.NUMBERS else "bytes, such as peak<=24MB"
    return (
        f"{gate.text} does not apply to ordinary tests, which have no phases and no arrays of one "
        f"size; write {instead}"
    )


def check_counted(gates: Sequence[Gate], options: Options) -> None:
    """Refuse gates on instructions where none are counted.

    Raises:
        UsageError: there is such a gate.
    """
    for gate in gates:
        if gate.what == COUNTED and not options.instructions:
            raise UsageError(
                f"--fail-on {gate.text!r} could never fail: instructions are counted with "
                "--instructions"
            )


def refuse_counted(
    gates: Sequence[Gate], why: str = "the instructions of a suite's calls cannot be counted"
) -> None:
    """Refuse gates on instructions where there are none.

    Raises:
        UsageError: there is such a gate.
    """
    for gate in gates:
        if gate.what == COUNTED:
            raise UsageError(f"--fail-on {gate.text!r} could never fail: {why}")


def check_sets(gates: Sequence[Gate], options: Options) -> None:
    """Refuse gates on time where a run has too few sets for a verdict.

    Raises:
        UsageError: there is such a gate.
    """
    most = max(options.looks) if options.seconds else options.sets
    needed = statistics.fewest(options.alpha)
    for gate in gates:
        if gate.on_time and most < needed:
            raise UsageError(
                f"--fail-on {gate.text!r} could never fail: a verdict on time takes {needed} sets "
                f"at least, and there will be {most}; give --sets {needed}"
            )


def refuse_time(gates: Sequence[Gate]) -> None:
    """Refuse gates on time where figures come from different runs.

    Raises:
        UsageError: there is such a gate.
    """
    for gate in gates:
        if gate.on_time:
            raise UsageError(
                f"--fail-on {gate.text!r}: times hold inside one run only, so no file can gate "
                "them; measure both sides in one run: gradmeter compare --rev BASE "
                f"--fail-on {gate.text!r}"
            )


def refuse_presence(gates: Sequence[Gate]) -> None:
    """Refuse gates on new and vanished cases where both sides are measured in one run.

    Raises:
        UsageError: there is such a gate.
    """
    for gate in gates:
        if gate.what in PRESENCE:
            raise UsageError(
                f"--fail-on {gate.text!r}: in one run every variant has the same cases; this "
                "gate is for gradmeter check"
            )
