"""Switch off what other pytest plugins do to a test that is parked, measured or run in a fork."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from gradmeter.bench.plugin.settings import SERVED

# Options, whether they came from the command line, the ini file or the environment. They are set
# and not given, since an option is an error where its plugin is missing or blocked.
_OPTIONS: dict[str, Any] = {
    # pytest-xdist: the calls are timed here, one at a time.
    "numprocesses": None,
    "dist": "no",
    "tx": [],
    # pytest-benchmark: its session never ends, and a call is offered whatever is skipped.
    "benchmark_skip": False,
    "benchmark_disable": False,
    "benchmark_enable": True,
    "benchmark_autosave": False,
    "benchmark_save": None,
    "benchmark_compare": None,
    "benchmark_compare_fail": None,
    "benchmark_histogram": None,
    "benchmark_cprofile": None,
    # pytest-randomly: every revision and every set draws the same data.
    "randomly_seed": 1,
    "randomly_reorganize": False,
    # A debugger would wait for input.
    "usepdb": False,
    "trace": False,
}


def switch_off(config: pytest.Config) -> None:
    """Set the options, before any plugin reads them."""
    for name, value in _OPTIONS.items():
        if hasattr(config.option, name):
            setattr(config.option, name, value)


def switch_coverage_off(early_config: pytest.Config) -> None:
    """Keep pytest-cov from tracing, which it decides on before other options are set."""
    known = early_config.known_args_namespace
    if hasattr(known, "cov_source"):
        known.cov_source, known.no_cov = None, True


class OtherPlugins:
    """The hooks that switch them off in a session that serves its calls."""

    @pytest.hookimpl(wrapper=True)
    def pytest_load_initial_conftests(
        self, early_config: pytest.Config
    ) -> Generator[None, Any, Any]:
        """Switch coverage off."""
        switch_coverage_off(early_config)
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> None:
        """Switch the others off, gradmeter's own plugin included."""
        config.stash[SERVED] = True
        switch_off(config)

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_timeout_set_timer(self) -> bool:
        """Keep pytest-timeout from ending a test because it is parked."""
        return True
