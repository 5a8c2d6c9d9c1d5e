"""Refuse what ``--bench-on`` cannot measure; tell what ``--bench-dry-run`` asks for.

A pytest plugin that is registered with these options only.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gradmeter.bench.cases import capacity
from gradmeter.bench.errors import UsageError
from gradmeter.bench.machines import dry_run, extra
from gradmeter.bench.plugin.cases import Question, question_of
from gradmeter.bench.plugin.measured import MeasuredCases
from gradmeter.bench.plugin.settings import Settings
from gradmeter.bench.plugin.sharding import Sharding
from gradmeter.bench.plugin.state import enabled
from gradmeter.bench.plugin.words import in_words_of_pytest
from gradmeter.bench.text import plain


class Planning:
    """The hooks that plan a session.

    Args:
        questions: those of the selected tests, when they are collected.
        screen: takes lines to be shown at the end.

    Raises:
        UsageError: these options do not go together with others, or a package is missing.
    """

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        sharding: Sharding | None,
        questions: Sequence[Question],
        screen: list[str],
    ) -> None:
        self._config, self._settings, self._sharding = config, settings, sharding
        self._questions, self._screen = questions, screen
        given = "--bench-on" if settings.on else "--bench-dry-run"
        if settings.on:
            extra.need("--bench-on")
        if settings.revisions:
            raise UsageError(
                f"{given} is of one run of the suite; revisions are compared on this machine, and "
                "their tests spread with --bench-shard: leave --bench-rev or it out"
            )
        if config.getoption("dist", "no") != "no":
            raise UsageError(f"{given} is of one process; leave pytest-xdist's -n out, or give 0")
        if settings.on and not enabled(config):
            raise UsageError("--bench-on measures with --benchmark-only or --benchmark-enable")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Refuse to measure elsewhere where there is nothing that can be."""
        elsewhere = self._sharding is not None and self._sharding.workloads
        if self._settings.on and session.items and not self._questions and not elsewhere:
            raise pytest.UsageError(
                "--bench-on measures tests of gradmeter's cases, of which none is selected; what "
                "other tests call is in this process only: run a share of them on each machine "
                "with --bench-shard"
            )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Tell in place of running the tests."""
        if not self._settings.dry_run or session.config.option.collectonly:
            return None
        try:
            with in_words_of_pytest():
                lines = self._lines(session)
        except UsageError as error:
            pytest.exit(f"gradmeter: {error}", returncode=pytest.ExitCode.USAGE_ERROR)
        self._screen += map(plain, lines)
        return True

    def _lines(self, session: pytest.Session) -> list[str]:
        """What the session would measure, of all shards.

        Raises:
            UsageError: workloads are not as they must be, or there is no cluster.
        """
        settings, sharding = self._settings, self._sharding
        items = session.items if sharding is None else sharding.items
        questions = [question for item in items if (question := question_of(item))]
        cases = MeasuredCases(self._config, settings, questions, None)
        options, known = cases.options(), settings.known
        plan = capacity.needed(cases.groups()[0], options, known)
        for item in items:
            if question_of(item) is None:
                calls = "benchmark" in getattr(item, "fixturenames", ())
                plan.append(capacity.of_call(item.nodeid, known, options.budget * calls))
        return dry_run.lines(
            plan,
            {} if sharding is None else sharding.plan,
            None if sharding is None else sharding.share,
            settings.on,
            timed=options.sets > 0,
            option="--bench-shard",
        )
