"""Continue a run that was not finished: its whole cases, under the plan of the new one."""

from __future__ import annotations

import msgspec

from gradmeter.bench.errors import UsageError
from gradmeter.bench.numbers import where_text
from gradmeter.bench.results.run import Case, Run
from gradmeter.bench.results.shard import Shard
from gradmeter.bench.runs.self_tests import conclusive


def resumed(old: Run, new: Run, *, elsewhere: bool = False) -> Run:
    """Make the run that continues the old one: its whole cases, the plan of the new one.

    Args:
        elsewhere: it goes on on other machines than this one, whose names its cases get.

    Raises:
        UsageError: the two are measured in different ways, so that their cases do not mix.
    """
    if old.machines and not elsewhere:
        raise UsageError(
            f"the run to resume was measured on {len(old.machines)} machines; resume it with --on, "
            "or if it was merged, each of its runs where that was measured"
        )
    if old.shard != new.shard:
        was, now = _shard_text(old.shard), _shard_text(new.shard)
        what = f"{was}, and this is {now}" if was != now else f"{was}, of another plan"
        raise UsageError(
            f"the run to resume is {what}; resume it with the selection, --shard and --shard-by "
            "that it was begun with"
        )
    variants = old.grounds.keys() & new.grounds.keys()
    # A file that is moved is the same, and one that is edited another workload.
    for name in old.workloads.keys() & new.workloads.keys():
        if old.workloads[name].digest != new.workloads[name].digest:
            raise UsageError(
                f"the run to resume has another workload {name!r}: its file has changed, or is "
                "another one; start a new one without --resume"
            )
    for what, before, after in (
        ("options", old.options, new.options),
        ("commit", old.environment.commit, new.environment.commit),
        ("Python version", old.environment.python, new.environment.python),
        ("package versions", old.environment.versions, new.environment.versions),
        ("engines", [old.grounds[v] for v in variants], [new.grounds[v] for v in variants]),
    ):
        if before != after:
            raise UsageError(
                f"the run to resume has other {what} ({before}, now {after}); "
                "start a new one without --resume"
            )
    cases = [case for case in old.cases if _is_whole(case, exact=new.options.exact)]
    used = {case.machine for case in cases}
    names = {where_text(case.workload, case.size) for case in cases}
    return msgspec.structs.replace(
        new,
        environment=old.environment,
        self_tests=conclusive(old.self_tests),
        cases=cases,
        machines={name: e for name, e in old.machines.items() if name in used},
        spent={name: seconds for name, seconds in old.spent.items() if name in names},
    )


def _shard_text(shard: Shard | None) -> str:
    return "of no shard" if shard is None else f"shard {shard.name}"


def _is_whole(case: Case, *, exact: bool) -> bool:
    """Whether a case has every figure; after a self-test that failed, it has none of memory.

    Args:
        exact: whether resident memory is left out.
    """
    counted = bool(case.allocations) or not case.array_data
    resident = exact or case.residency is not None
    return case.finished and case.failure is None and counted and resident
