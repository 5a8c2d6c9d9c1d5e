"""Run one shard of a session's tests: ``pytest --bench-shard 1/3``.

A pytest plugin that is registered with that option only. Every process that collects deselects the
tests of other shards. Where pytest-xdist's workers do, they send the shard to the first process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from gradmeter.bench.cases import sharded
from gradmeter.bench.cases.plan import Group
from gradmeter.bench.cases.shards import Share
from gradmeter.bench.errors import UsageError
from gradmeter.bench.plugin import numbered
from gradmeter.bench.plugin.cases import question_of
from gradmeter.bench.plugin.settings import Settings
from gradmeter.bench.report import prose
from gradmeter.bench.results.shard import Shard

OPTION = "--bench-shard"
_OUTPUT = "gradmeter_shard"  # of a worker of pytest-xdist


def read_share(settings: Settings) -> Share | None:
    """Read the share of the tests that is asked for; None for all.

    Raises:
        UsageError: there is no such shard, or no such costs.
    """
    if not settings.shard and (settings.on or settings.dry_run):
        return None
    return sharded.read(settings.shard, settings.shard_by, OPTION)


class Sharding:
    """The hooks that select the tests of a shard.

    Args:
        law: whether laws of calls are found, for which the values of a test stay together.

    Attributes:
        shard: None until the tests are collected.
        items: the tests of the plan, of whatever shard.
        plan: what each is kept together with, by its name.
    """

    def __init__(self, share: Share, settings: Settings, *, law: bool) -> None:
        self.share, self.law = share, law
        self.shard: Shard | None = None
        self.items: Sequence[pytest.Item] = ()
        self.plan: Mapping[str, str] = {}
        self._settings = f"layers {','.join(settings.memory) or 'none'}; laws: {law}"

    @property
    def workloads(self) -> bool:
        """Whether any test of the plan measures a workload."""
        return any(map(question_of, self.items))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Deselect the tests of other shards, after any other selection."""
        self.items = list(items)
        self.plan = {_name(item): self._together(item) for item in items}
        try:
            shard = self.share.of(self.plan, _described(items), self._settings)
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None
        self.shard = shard
        kept = [item for item in items if _name(item) in shard.places]
        deselected = [item for item in items if _name(item) not in shard.places]
        if deselected:
            config.hook.pytest_deselected(items=deselected)
            items[:] = kept

    def pytest_report_collectionfinish(self) -> str | None:
        """Say which tests are run."""
        if self.shard is None:
            return None
        return f"gradmeter: {prose.shard_text(self.shard, 'tests')}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Take an empty shard for a success, and send the shard from a worker."""
        if self.shard is None:
            return
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_OUTPUT] = msgspec.json.encode(self.shard).decode()
        elif not self.shard.places and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take the shard that a worker of pytest-xdist sent."""
        sent = getattr(node, "workeroutput", {}).get(_OUTPUT)
        if sent is not None:
            self.shard = msgspec.json.decode(sent, type=Shard)

    def _together(self, item: pytest.Item) -> str:
        """What a test is kept together with: its workload and size, or its benchmark group."""
        if question_of(item) is not None:
            return _name(item)
        mark = item.get_closest_marker("benchmark")
        group = mark.kwargs.get("group") if mark is not None else None
        if group is not None:
            return f"group {group}"
        return (numbered.template(item) if self.law else "") or item.nodeid


def _name(item: pytest.Item) -> str:
    """The name of what a test measures, by which a run says what it took."""
    question = question_of(item)
    if question is None:
        return item.nodeid
    return Group(question.workload, question.size, ()).title


def _described(items: Sequence[pytest.Item]) -> list[str]:
    """Describe the tests: their names, and the workloads that they measure."""
    questions = [question for item in items if (question := question_of(item)) is not None]
    groups = [Group(q.workload, q.size, (q.variant, q.baseline)) for q in questions]
    return [*[item.nodeid for item in items], *sharded.described(groups, ())]
