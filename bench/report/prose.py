"""The texts of the long reports besides their tables: plain and unescaped."""

from __future__ import annotations

from collections.abc import Iterable

from gradmeter.bench.numbers import bytes_text, percent
from gradmeter.bench.report import ordinary, sentences
from gradmeter.bench.results.run import ORDINARY, Run
from gradmeter.bench.results.shard import Shard
from gradmeter.bench.verdicts import verdicts

MOST = 6  # names in a list


def heading(run: Run) -> str:
    """The title of the report."""
    calls = run.cases and all(case.ordinary for case in run.cases)
    return "What the calls of a suite cost" if calls else "What the engine costs"


def shard_text(shard: Shard, what: str) -> str:
    """Which share of a plan is measured, in a sentence.

    Args:
        what: the plan is of, in the plural.
    """
    count = len(shard.places)
    share = f"{count:,} of {shard.total:,} {what}" + ", so nothing is measured" * (not count)
    return f"shard {shard.name}: {share}; gradmeter merge makes one run of all shards"


def machines(run: Run) -> list[str]:
    """A line on each machine of a run that has several."""
    return [
        f"{name}: started {e.started} on {e.cpu}, {e.cores} core{'s' * (e.cores != 1)}, "
        f"{bytes_text(e.memory_bytes)}, workers {'pinned' if e.pinned else 'not pinned'}"
        for name, e in run.machines.items()
    ]


def notes(run: Run) -> list[str]:
    """Sentences on the run as a whole: its share of a plan, its machines, what it leaves out."""
    what = "tests" if run.cases and all(case.ordinary for case in run.cases) else "groups"
    share = [shard_text(run.shard, what)] if run.shard is not None else []
    if not run.machines:
        return [*share, *run.notes]
    parts = f"measured in {len(run.machines)} parts ({_listed([*run.machines])}), each group in one"
    return [*share, parts, *run.notes]


def summary(run: Run) -> list[str]:
    """Count the cases that were measured, as predicted, and deterministic, in sentences."""
    measured = [case for case in run.cases if case.memory or case.times]
    predicted = [case for case in measured if case.predicted and case.memory]
    equal = [case for case in predicted if not sentences.surprises(case)]
    lines = [
        f"{len(measured)} cases measured, {sum(1 for c in run.cases if c.failure)} failed"
        + ("." if run.finished else "; the run was not finished."),
    ]
    if predicted:
        lines.append(
            f"Of {len(predicted)} predictions of memory, {len(equal)} were equal to the byte."
        )
    if any(case.allocations for case in measured):
        repeated = sum(1 for case in measured if case.deterministic)
        lines.append(f"{repeated} cases are deterministic: every pass the same, to the byte.")
    return lines


def compared(run: Run) -> str:
    """Name the variants that were compared, and their workloads and sizes, in a sentence."""
    baselines = _each(comparison.baseline for comparison in run.comparisons)
    candidates = _each(v for comparison in run.comparisons for v in comparison.candidates)
    if not candidates:
        return "Nothing was compared: each case stands alone."
    workloads = _each(comparison.workload for comparison in run.comparisons)
    sizes = _each(f"{c.size:,}" for c in run.comparisons if c.size != ORDINARY)
    elements = f", with {_listed(sizes)} elements in an array" if sizes else ""
    return f"{_listed(candidates)} beside {_listed(baselines)}, on {_listed(workloads)}{elements}."


def _each(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _listed(names: list[str]) -> str:
    shown = names[:MOST] + ([f"{len(names) - MOST} more"] if len(names) > MOST else [])
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def grounds(run: Run) -> list[str]:
    """The engine versions by interpreter; empty for one interpreter and no versions."""
    by_ground: dict[str, list[str]] = {}
    for variant, ground in run.grounds.items():
        name = variant.partition(":")[0].partition("@")[0]
        where = (
            f"Python {ground.python}, NumPy {ground.numpy or 'none'}, "
            f"{ground.threads} thread{'s' * (ground.threads != 1)}"
        )
        by_ground.setdefault(where, []).append(f"{name} {ground.engine}".rstrip())
    if len(by_ground) < 2 and not any(ground.engine for ground in run.grounds.values()):
        return []
    return [f"{', '.join(_each(names))}: {where}" for where, names in by_ground.items()]


def origins(run: Run) -> list[str]:
    """A sentence on each workload that is none of ours: what it computes and where it lies."""
    return [
        f"{name}: {origin.meaning}{', ' if origin.meaning else ''}from {origin.where}"
        for name, origin in run.workloads.items()
    ]


def untrusted(run: Run) -> list[str]:
    """A sentence on the meters that failed their self-test; empty where all passed."""
    bad = [test.name for test in run.self_tests if not test.passed]
    if not bad:
        return []
    what = "resident" if any(case.allocations for case in run.cases) else "memory"
    return [f"Self-test failed ({', '.join(bad)}): {what} figures are left out."]


def legend(run: Run) -> list[tuple[tuple[str, ...], str]]:
    """The legend of the tables: each entry holds some column names and their meaning."""
    options = run.options
    heap = (
        ("heap peak", "heap held"),
        "every byte that the process took for the run, of whatever library, as memray sees it: "
        "Python's own objects and native scratch too, so another figure than the peak, and "
        "compared only with its like. Where there is no peak, the engine's arrays are not NumPy's.",
    )
    calls: list[tuple[tuple[str, ...], str]] = []
    if verdicts.calls(run):
        calls.append(((), ordinary.LEGEND))
    if calls and len(verdicts.calls(run)) == len(run.cases):
        return calls
    return [
        (
            ("median",),
            "seconds of one run of the workload: forward, backward, and the step of "
            "gradient descent where there is one; in CPU time, or in wall time where the ratio is. "
            "Forward and backward are in wall time. Absolute times hold for this machine on this "
            "day: do not compare them with another run's.",
        ),
        (
            ("ratio",),
            "the variant's time divided by the baseline's, over sets of fresh processes, with its "
            f"{percent(options.confidence)} interval and verdict; in brackets the smallest and "
            "the largest ratio of sets that are too few for an interval. An interval beyond "
            f"{percent(options.effect)} is faster or slower, one within it the same. CPU times are "
            "compared, or wall times where a program waits.",
        ),
        (
            ("peak", "held", "cycle"),
            "bytes of array data, exact, with the collector off; "
            "inputs included. held: at the end, with inputs and result. cycle: when every "
            "name is dropped, what only the collector can free, and in how many objects.",
        ),
        *([heap] if any(case.heap for case in run.cases) else []),
        (
            ("first run",),
            "seconds of the first run in a process where nothing was compiled before; it is not "
            "in the median.",
        ),
        (("predicted peak",), "derived by hand, in arrays."),
        (("resident",), "pages of a fresh process, within the larger of 512 kB and 1%."),
        *(
            [(("instructions",), sentences.INSTRUCTIONS.partition(": ")[2])]
            if any(case.instructions for case in run.cases)
            else []
        ),
        ((), "Not counted: what Python objects take, and scratch of native code."),
        *calls,
    ]


def environment(run: Run) -> list[str]:
    """The environment, the options and the self-tests of a run, one line each."""
    e = run.environment
    pinned = "pinned" if e.pinned else "not pinned"
    machine = f": {e.cpu}, {e.cores} cores, {bytes_text(e.memory_bytes)}; workers {pinned}"
    lines = [
        f"started {e.started}, {e.code}",
        f"{e.implementation} {e.python} on {e.system}{'' if run.machines else machine}, "
        f"{e.blas_threads} thread for each engine unless a variant says more",
        *machines(run),
        f"collector {run.options.collector}, thresholds "
        f"{', '.join(map(str, e.collector_thresholds))}; allocator {run.options.allocator}; "
        f"seed {run.options.seed}, {run.options.sets} sets, "
        f"{run.options.budget:g} s of timing for a case",
        ", ".join(f"{name} {version}" for name, version in e.versions.items()),
        *grounds(run),
        *origins(run),
        *notes(run),
    ]
    for test in run.self_tests:
        outcome = "passed" if test.passed else f"FAILED {test.problem}"
        lines.append(
            f"self-test, {test.name}: measured {test.measured:,} bytes "
            f"(within {test.tolerance:,}): {outcome}"
        )
    return lines
