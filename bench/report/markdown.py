"""A run as Markdown, for a job summary or a pull-request comment: short first, details folded."""

from __future__ import annotations

import statistics

from bench import sentences, verdicts
from bench.report.text import markdown as _text
from bench.results import Case, Options, Run
from bench.verdicts import Row
from bench.wording import arrays_text, bytes_text, percent, seconds_text

TOP = 8


def render(run: Run) -> str:
    """Return the report."""
    parts = ["# What the engine costs", _summary(run)]
    failed = [case for case in run.cases if case.failure]
    if failed:
        parts.append("## Not measured\n\n" + "\n".join(map(_failure, failed)))
    surprised = [f"- {_name(c)}: {s}" for c in run.cases for s in sentences.surprises(c)]
    if surprised:
        parts.append("## Not as predicted\n\n" + "\n".join(surprised))
    pairs = verdicts.ordered(run)
    candidates = [row for _, rows in pairs for row in rows if not row.is_baseline]
    candidates.sort(key=lambda row: -row.effect)
    if candidates:
        said = [f"- {_text(sentences.sentence(row))}" for row in candidates[:TOP]]
        parts.append("## The largest effects on memory\n\n" + "\n".join(said))
    if any(case.times for case in run.cases):
        noise = sentences.noise_text(run)
        parts.append(noise[0].upper() + noise[1:])
    for comparison, rows in pairs:
        title = f"{_text(comparison.workload)} &times; {comparison.size:,}"
        parts.append(_folded(title, _table(rows, run.options)))
    parts += [
        *[
            _folded(_name(case), _table([verdicts.alone(case)], run.options))
            for case in verdicts.lone(run)
        ],
        _folded("Exact, resident and sampled memory side by side", _three_views(run)),
        _folded("How to read this", _legend(run)),
        _folded("Environment and self-tests", _environment(run)),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(run: Run) -> str:
    measured = [case for case in run.cases if case.memory or case.times]
    predicted = [case for case in measured if case.predicted and case.memory]
    equal = [case for case in predicted if not sentences.surprises(case)]
    repeated = [case for case in measured if case.deterministic]
    lines = [
        f"{len(measured)} cases measured, {sum(1 for c in run.cases if c.failure)} failed"
        + ("." if run.finished else "; the run was not finished."),
    ]
    if predicted:
        lines.append(
            f"Of {len(predicted)} predictions of memory, {len(equal)} were equal to the byte."
        )
    if any(case.allocations for case in measured):
        lines.append(f"{len(repeated)} cases are deterministic: every pass the same, to the byte.")
    bad = [_text(test.name) for test in run.self_tests if not test.passed]
    if bad:
        what = "resident" if any(case.allocations for case in run.cases) else "memory"
        lines.append(f"**Self-test failed ({', '.join(bad)}): {what} figures are left out.**")
    return " ".join(lines)


def _table(rows: list[Row], options: Options) -> str:
    first = rows[0].case
    lines = [
        f"1 array = {bytes_text(first.array_bytes)}; collector {_text(first.collector)}",
        "",
        "| variant | median | forward | backward | ratio | peak | held | cycle | objects "
        "| predicted peak | resident |",
        "| --- " + "| ---: " * 10 + "|",
    ]
    said = []
    for row in rows:
        lines.append("| " + " | ".join(_cells(row)) + " |")
        if not row.is_baseline:
            said.append(f"- {_text(sentences.sentence(row))}")
            if row.time is not None and row.time.sure:
                said.append(f"- {_text(sentences.time_sentence(row, options))}")
    return "\n".join(lines) + ("\n\n" + "\n".join(said) if said else "")


def _cells(row: Row) -> list[str]:
    case, memory, cycles = row.case, row.case.memory, row.case.cycles
    name = _text(case.variant) + (" (baseline)" if row.is_baseline and row.compared else "")
    forward = [s for times in case.times for s in times.forward]
    backward = [s for times in case.times for s in times.backward]
    peak = case.predicted.peak if case.predicted else None
    return [
        name,
        sentences.median_text(case),
        _seconds(forward),
        _seconds(backward),
        sentences.ratio_text(row) + (f" {row.time.word}" if row.time and row.time.sure else ""),
        _amount(memory.peak if memory else None, case),
        _amount(memory.held if memory else None, case),
        _amount(cycles.bytes if cycles else None, case),
        f"{cycles.objects:,}" if cycles else "-",
        arrays_text(peak, case.array_bytes) if peak is not None else "-",
        bytes_text(case.residency.bytes) if case.residency else "-",
    ]


def _three_views(run: Run) -> str:
    lines = [
        "`exact` is array data to the byte. `resident` is physical memory at its peak, "
        "`sampled` what memory_profiler saw of it from outside. `on` is the exact peak of "
        "a loop with the collector at work: informative, it depends on when it runs.",
        "",
        "| case | exact | resident | sampled | missed by sampling | samples | on |",
        "| --- " + "| ---: " * 6 + "|",
    ]
    for case in run.cases:
        seen = case.residency
        if case.memory is None or seen is None:
            continue
        missed = "-"
        if seen.sampled is not None and seen.bytes > 0:
            missed = f"{max(0.0, 1 - seen.sampled / seen.bytes):.0%}"
        label = "" if seen.method == "reset peak" else f" ({_text(seen.method)})"
        cells = [
            _name(case),
            bytes_text(case.memory.peak),
            bytes_text(seen.bytes) + label,
            "-" if seen.sampled is None else bytes_text(seen.sampled),
            missed,
            f"{seen.samples}",
            "-" if case.collected_peak is None else bytes_text(case.collected_peak),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _legend(run: Run) -> str:
    options = run.options
    return "\n".join(
        [
            "- `median`: seconds of one run of the workload: forward, backward, and the step of "
            "gradient descent where there is one. Absolute times are this machine's, on this "
            "day: do not compare them with another run's.",
            "- `ratio`: of the time to the baseline's, over sets of fresh processes, with its "
            f"{percent(options.confidence)} interval and verdict; in brackets the smallest and "
            "the largest of too few sets for an interval. An interval beyond "
            f"{percent(options.effect)} is faster or slower, one within it the same; "
            "processor seconds are compared, but wall seconds where a program waits.",
            "- `peak`, `held`, `cycle`: bytes of array data, exact, with the collector off; "
            "inputs included. `held`: at the end, with inputs and result. `cycle`: when every "
            "name is dropped, what only the collector can free, and in how many `objects`.",
            "- `predicted peak`: derived by hand, in arrays.",
            "- `resident`: pages of a fresh process, within the larger of 512 kB and 1%.",
            "- Not counted: what Python objects take, and scratch of native code.",
        ]
    )


def _environment(run: Run) -> str:
    e = run.environment
    dirty = {True: ", with changes in engine/ or bench/", False: "", None: ""}[e.dirty]
    lines = [
        f"- started {_text(e.started)}, gradmeter {_text(e.gradmeter)}, "
        f"commit {_text(e.commit or 'unknown')}{dirty}",
        f"- {_text(f'{e.implementation} {e.python} on {e.system}: {e.cpu}')}, {e.cores} cores, "
        f"{bytes_text(e.memory_bytes)}; workers {'pinned' if e.pinned else 'not pinned'}, "
        f"{e.blas_threads} BLAS thread",
        f"- collector {_text(run.options.collector)}, thresholds {e.collector_thresholds}; "
        f"seed {run.options.seed}, {run.options.sets} sets, "
        f"{run.options.budget:g} s of timing for a case",
        "- " + ", ".join(_text(f"{name} {version}") for name, version in e.versions.items()),
    ]
    for test in run.self_tests:
        outcome = "passed" if test.passed else f"FAILED {_text(test.problem)}"
        lines.append(
            f"- self-test, {_text(test.name)}: measured {test.measured:,} bytes "
            f"(within {test.tolerance:,}): {outcome}"
        )
    return "\n".join(lines)


def _seconds(seconds: list[float]) -> str:
    return seconds_text(statistics.median(seconds), 2) if any(seconds) else "-"


def _amount(count: int | None, case: Case) -> str:
    if count is None:
        return "-"
    return f"{bytes_text(count)} ({arrays_text(count, case.array_bytes)})"


def _failure(case: Case) -> str:
    assert case.failure is not None
    f = case.failure
    return f"- {_name(case)}: {_text(f.stage)}, {_text(f.kind)}: {_text(f.message)}"


def _name(case: Case) -> str:
    return f"{_text(case.workload)} &times; {case.size:,} {_text(case.variant)}"


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"
