"""``python -m gradmeter.bench.goals [PART ...]``: measure the speed goals, or some parts of them.

Prints a Markdown table and exits with 1 if a goal is missed; below it, the bound of each goal
that was missed where it is known. A peer that is not installed is named on standard error and
not compared; ``make goals`` installs them first.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from gradmeter.bench.goals import compiler, line_pass, memory_pass, peers
from gradmeter.bench.goals.engine import dezero_goals, own_goals, torch_goals
from gradmeter.bench.goals.goal import Outcome, outcome


def _engine(_: int) -> Iterator[Outcome]:
    # One after the other: what a later part imports is in nobody's way before.
    for part in (dezero_goals, own_goals, torch_goals):
        with compiler.cores(1):
            yield from map(outcome, part())


def _compiler(_: int) -> Iterator[Outcome]:
    for threads in (1, 2):
        with compiler.cores(threads):
            yield from map(outcome, compiler.goals(threads))
    name = "Goldstein-Price, first compiled call, seconds in a fresh process"
    for how, kept, imported, limit in (
        ("nothing kept", False, False, compiler.FIRST_CALL_SECONDS),
        ("kernels kept", True, False, compiler.KEPT_CALL_SECONDS),
        ("kernels kept, llvmlite imported before", True, True, compiler.KEPT_CALL_SECONDS),
    ):
        figures = compiler.first_call_seconds(kept=kept, imported=imported)
        yield Outcome(f"{name}, {how}", limit, figures)
    for name, figures in compiler.call_goals():
        row = f"{name}, processor microseconds of a compiled call"
        yield Outcome(row, compiler.CALL_MICROSECONDS, figures)
    name = "Goldstein-Price compiled, 1e7 points, bytes beyond inputs and outputs"
    yield Outcome(name, compiler.SPARE, [compiler.spare()] * 2)


def _meters(_: int) -> Iterator[Outcome]:
    name, figures = memory_pass.measure()
    yield Outcome(name, memory_pass.LIMIT, figures)
    name = "a million line events of pure Python under the line meter, processor seconds"
    yield Outcome(name, line_pass.SECONDS, line_pass.seconds())
    yield outcome(line_pass.numeric())


PARTS: Mapping[str, Callable[[int], Iterator[Outcome]]] = {
    "engine": _engine,
    "peers": peers.goals,
    "compiler": _compiler,
    "meters": _meters,
}


def main(parts: Sequence[str], most: int) -> int:
    """Measure every goal of the parts; print a row each; return 1 if one was missed.

    Args:
        most: the largest size of the goals against peers.
    """
    missed = []
    print("| goal | at most | median | middle half | bound | |\n| --- |" + " --- |" * 5)
    for part in parts:
        for each in PARTS[part](most):
            print(_row(each), flush=True)
            if not each.met:
                missed.append(each)
    for each in missed:
        if each.reason:
            print(f"\n- {each.name}: {each.reason}.")
    return 1 if missed else 0


def _row(each: Outcome) -> str:
    low, median, high = statistics.quantiles(each.figures, n=4)
    bound = "" if each.bound is None else f"{each.bound:.2g}"
    return (
        f"| {each.name} | {each.limit:.3g} | {median:.3g} | {low:.3g} to {high:.3g} | {bound} "
        f"| {'met' if each.met else 'missed'} |"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m gradmeter.bench.goals")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    parser.add_argument(
        "--most", type=float, default=1e7, help="largest size of the goals against peers"
    )
    arguments = parser.parse_args()
    sys.exit(main(arguments.parts or list(PARTS), int(arguments.most)))
