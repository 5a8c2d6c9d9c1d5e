"""A case that would not fit is refused by its law where it has one, and the sentence says which."""

from __future__ import annotations

import pytest

from gradmeter.bench.cases import plan
from gradmeter.bench.errors import UsageError
from gradmeter.bench.results import laws as law_file
from gradmeter.bench.results.laws import Formula, Laws

GB = 10**9
MATYAS = Laws(
    program="matyas",
    variant="engine",
    parameters=["N"],
    itemsize=8,
    figures={"peak": Formula(bytes="80 N + 16", since={"N": 100})},
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a file of laws."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").mkdir()
    law_file.save([MATYAS], tmp_path / "reports/laws.json")
    return tmp_path


def refused(name: str, size: int, available: int, variant: str = "engine") -> str:
    """Why a case does not fit; empty where it does."""
    groups, _ = plan.plan([name], [size], [variant])
    try:
        plan.check_fits(groups, available)
    except UsageError as error:
        return str(error)
    return ""


def test_a_predicted_law_is_the_first_choice(folder):
    law_file.save(
        [
            Laws(
                program="squares-n",
                variant="engine",
                parameters=["N", "n"],
                figures={"peak": Formula(bytes="1")},
            )
        ],
        folder / "reports/laws.json",
    )
    # 31 arrays, and two of inputs: 264 GB.
    assert refused("squares-30", GB, 264 * GB) == ""
    assert refused("squares-30", GB, 264 * GB - 1) == (
        "squares-30 x 1,000,000,000 engine would need about 264 GB (predicted: peak = "
        "(n + 1) arrays) and 264.0 GB are free; choose a smaller --size"
    )


def test_a_committed_law_goes_before_the_estimate(folder):
    needed = 96 * GB + 16  # 10 arrays and two of inputs
    assert refused("matyas", GB, needed) == ""
    assert refused("matyas", GB, needed - 1) == (
        "matyas x 1,000,000,000 engine would need about 97 GB (by the law peak = 80 N + 16 of "
        "reports/laws.json) and 96.0 GB are free; choose a smaller --size"
    )
    # The law says nothing of so small a size, nor of another variant.
    assert "(an estimate: 24 arrays)" in refused("matyas", 99, 1)
    assert "(an estimate: 24 arrays)" in refused("matyas", GB, GB, "engine:retain_grad=on")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("gradmeter laws", "laws of another program"),
        lambda text: text.replace('"itemsize": 8', '"itemsize": 4'),
        lambda text: text.replace('"matyas"', '"other"'),
    ],
    ids=["empty", "truncated", "another's", "another dtype", "another program"],
)
def test_without_a_law_of_the_case_the_estimate_serves(folder, change):
    path = folder / "reports/laws.json"
    path.write_text(change(path.read_text()))
    assert "(an estimate: 24 arrays)" in refused("matyas", GB, GB)
    path.unlink()
    assert "(an estimate: 24 arrays)" in refused("matyas", GB, GB)


def test_laws_of_another_version_are_refused_in_a_sentence(folder):
    path = folder / "reports/laws.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    assert "reports/laws.json has laws of version 2, this gradmeter reads version 1" in (
        refused("matyas", 1000, GB)
    )
