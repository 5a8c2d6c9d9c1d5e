"""Render a run's gates against its newest recorded ancestor, for a terminal or a comment."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from gradmeter.bench.history.acceptance import Acceptance
from gradmeter.bench.history.ancestor import Ancestor
from gradmeter.bench.history.branch import Branch
from gradmeter.bench.history.store import DEFAULT, Place
from gradmeter.bench.numbers import title_text
from gradmeter.bench.report import gate
from gradmeter.bench.report.text import plain
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts.breaches import Breach
from gradmeter.bench.verdicts.gates import Gate
from gradmeter.bench.verdicts.regressions import Outcome

SHORT = 12  # characters of a commit's name


def lines(
    outcome: Outcome,
    accepted: Sequence[tuple[Breach, Acceptance]],
    ancestor: Ancestor,
    criteria: Sequence[Gate],
    run: Run,
    path: Path,
    place: Place,
) -> list[str]:
    """The whole screen; the last line is the verdict.

    Args:
        accepted: breaches that do not count.
        path: the run file's.
    """
    known = ancestor.known
    before = known.lines if known is not None else {}
    missing = _missing(ancestor, path, place) if known is None else ""
    *screen, verdict = gate.lines(outcome, criteria, run, path, before, missing)
    for breach, acceptance in accepted[: gate.MOST]:
        by = f" by {acceptance.by}" if acceptance.by else ""
        screen.append(
            f"accepted{by} on {acceptance.when[:10]}: {acceptance.because}: {breach.where}: "
            f"{breach.what}"
        )
    if len(accepted) > gate.MOST:
        screen.append(f"and {len(accepted) - gate.MOST} more accepted")
    if any(">" in breach.gate for breach in outcome.breaches) and known is not None:
        screen.append(f"if it is worth that: {_accept(path, place)}")
    screen += notes(ancestor, run)
    if ancestor.commit is not None:
        verdict += f" with commit {ancestor.commit.id[:SHORT]}"
    if accepted:
        verdict += f", {_count(len(accepted), 'breach', 'es')} accepted"
    return [*map(plain, screen), plain(verdict)]


def _accept(path: Path, place: Place) -> str:
    return _command(["accept", str(path), "--because", "WHY"], place)


def _command(words: Sequence[str], place: Place) -> str:
    store = ["--store", str(place)] if place != DEFAULT else []
    return shlex.join(["gradmeter", *words, *store, *["--push"] * isinstance(place, Branch)])


def _missing(ancestor: Ancestor, path: Path, place: Place) -> str:
    """Why there are no figures from before, and the command that records some."""
    why = f"none of its {ancestor.count} commits is one" if ancestor.count else "it is empty"
    command = _command(["record", str(path)], place)
    return f"no ancestor is recorded in {place}: {why}; record a run of the base branch: {command}"


def notes(ancestor: Ancestor, run: Run) -> list[str]:
    """What the run is compared with, and what that means, in sentences."""
    found = []
    if run.environment.repository_dirty:
        found.append(
            f"the run is of files that differ from its commit {ancestor.run_commit[:SHORT]}"
        )
    commit = ancestor.commit
    if commit is None:
        return found
    found.append(
        f'compared with commit {commit.id[:SHORT]}, "{commit.subject}", {commit.author}, '
        f"{commit.date[:10]}"
    )
    if ancestor.unmeasured:
        after = f"{commit.id[:SHORT]}..{ancestor.base[:SHORT]}"
        count = ancestor.unmeasured
        found.append(
            f"{_count(count, 'commit')} after it {'has' if count == 1 else 'have'} no figures, so "
            f"a difference may be of {'that' if count == 1 else 'those'}: gradmeter fill {after}"
        )
    older = ancestor.older
    if older:
        (key, at), *rest = older.items()
        more = f" and {len(rest)} more" if rest else ""
        found.append(
            f"{title_text(*key)}{more}: not recorded there, so compared with an older commit, "
            f"{at[:SHORT]}"
        )
    return [*found, *_environments(ancestor)]


def _environments(ancestor: Ancestor) -> list[str]:
    others = {each.others: None for each in ancestor.cases.values() if each.others is not None}
    found = []
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        found.append(
            f"recorded with {next(iter(others)).text}{more}, and not with what measured this run: "
            "array data is compared all the same; Python's objects, the heap and instructions only "
            "where what they depend on is the same"
        )
    split = [key for key, each in ancestor.cases.items() if each.split]
    if split:
        more = f" and {len(split) - 1} more" if len(split) > 1 else ""
        found.append(
            f"{title_text(*split[0])}{more}: environments differ in array data at that commit, and "
            "none is that of this run, so a difference may be theirs"
        )
    if any(each.dirty for each in ancestor.cases.values()):
        found.append("figures of that commit are of files with changes that were not committed")
    return found


def _count(number: int, what: str, plural: str = "s") -> str:
    return f"{number:,} {what}{plural * (number != 1)}"
