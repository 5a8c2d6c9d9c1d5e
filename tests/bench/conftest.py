"""What the tests of the harness share: pytest run inside of pytest, and one finished run."""

from __future__ import annotations

from contextlib import suppress

import pytest

from .command import TINY, gradmeter, preloaded_pytest

with suppress(ImportError):
    # A pytest inside of pytest forgets what it has imported, and these cannot be imported twice.
    import sympy  # noqa: F401
    import vl_convert  # noqa: F401


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A run of two sizes from another working directory: its folder, and what was said."""
    folder = tmp_path_factory.mktemp("elsewhere")
    said = gradmeter("run", *TINY, "--size", "17", "--out", "here/below", cwd=folder)
    assert said.returncode in (0, 3), said.stderr + said.stdout
    return folder / "here" / "below", said


@pytest.fixture(autouse=True)
def _as_without_xdist(monkeypatch):
    """Let a pytest that a test starts be one on its own: no worker of pytest-xdist, not in CI."""
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
        monkeypatch.delenv(name, raising=False)
    # Where it is set, pytest says in its last lines once more what it has said above.
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture
def _preloaded_pytest(pytester, monkeypatch):
    """Let pytester start forks of a pytest that has imported its plugins, and not new processes.

    For modules whose tests ask nothing about what a session imports.
    """
    monkeypatch.setattr(pytester, "runpytest_subprocess", preloaded_pytest(pytester))
