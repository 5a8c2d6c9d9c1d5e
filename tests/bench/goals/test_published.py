"""Releases of published packages as repositories, and what their comparison reports."""

from __future__ import annotations

import io
import tarfile

import pytest

from gradmeter.bench.errors import UsageError
from gradmeter.bench.goals import planted, published, releases
from gradmeter.bench.goals.releases import Package

from ..repositories import LEAST, git

BACKEND = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "tiny"
version = "{}"
[tool.setuptools]
py-modules = ["tiny"]
"""
SUITE = """
import numpy as np
import tiny
def test_doubled(benchmark): benchmark(tiny.doubled, np.ones(1000))
def test_kept(benchmark): benchmark(tiny.kept, np.ones(1000))
"""
MODULE = """
def doubled(a): {}
def kept(a): return a + 1
"""
BODIES = {"1.0": "return a * 2", "1.1": "b = a.copy(); return b * 2"}
TINY = Package("tiny", "1.0", "1.1", ("benchmarks/test_it.py",))


@pytest.fixture
def published_tiny(tmp_path, monkeypatch):
    """Have pip find source distributions of tiny, and nothing else."""
    folder = tmp_path / "distributions"
    folder.mkdir()
    for version, body in BODIES.items():
        files = {
            "pyproject.toml": BACKEND.format(version),
            "PKG-INFO": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n",
            "tiny.py": MODULE.format(body),
            "benchmarks/test_it.py": SUITE,
            ".gitignore": "benchmarks\n",
            **({"gone.py": ""} if version == "1.0" else {}),
        }
        with tarfile.open(folder / f"tiny-{version}.tar.gz", "w:gz") as archive:
            for name, text in files.items():
                member = tarfile.TarInfo(f"tiny-{version}/{name}")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # which switches isolation off
    return folder


def test_releases_are_commits_with_the_files_of_their_distributions(published_tiny, tmp_path):
    top = releases.repository(TINY, tmp_path / "made")
    assert git(top, "tag").split() == ["1.0", "1.1", releases.AGAIN]
    at = {tag: set(git(top, "ls-tree", "-r", "--name-only", tag).split()) for tag in BODIES}
    assert at["1.0"] - at["1.1"] == {"gone.py"}
    assert "benchmarks/test_it.py" in at["1.1"]  # which the package's .gitignore leaves out
    assert git(top, "show", "1.1:tiny.py") == MODULE.format(BODIES["1.1"])
    changed = git(top, "diff", "--name-only", "1.1", releases.AGAIN).split()
    assert len(changed) == 1
    assert not changed[0].endswith(".py")


def test_the_report_has_what_changed_and_names_a_package_that_cannot_be_had(
    published_tiny, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    missing = Package("nowhere", "1", "2", ("benchmarks",))
    monkeypatch.setattr(published, "PACKAGES", (TINY, missing))
    assert published.main(["tiny", "nowhere"], list(map(str, LEAST))) == 3
    text = (tmp_path / published.REPORT).read_text()
    # The copy is found, the other call is counted, and the newer release is equal to itself.
    assert "peak 8,008 to 16,008 B" in text
    assert "kept" not in text
    assert "0 of 2 calls called different" in text
    line = next(line for line in text.splitlines() if line.startswith("| tiny "))
    assert [cell.strip() for cell in line.split("|")][2:6] == ["2", "0", "0", "1"]
    sentence = "the source distribution of nowhere 1 cannot be downloaded: pip's exit code is 1"
    assert f"nowhere was not measured: {sentence}." in text
    assert str(tmp_path) not in text
    capfd.readouterr()


def test_a_suite_that_cannot_be_compared_says_why(published_tiny, tmp_path):
    nothing = Package("tiny", "1.0", "1.1", ("benchmarks", "-k", "nothing"))
    with pytest.raises(UsageError, match=r"1\.0 and 1\.1 cannot be compared: .*no selected test"):
        published.measure(nothing, tmp_path / "made", list(map(str, LEAST)))


def test_an_unknown_package_is_refused(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert published.main(["unheard-of"]) == 2
    assert "no package unheard-of" in capsys.readouterr().err
    assert not (tmp_path / published.REPORT).exists()


def test_what_is_planted_is_found_to_the_byte_and_nothing_else(tmp_path, monkeypatch):
    rows = published.measure_planted(tmp_path / "made", list(map(str, LEAST))).rows
    # One set gives no verdict on time, so that the two changes of time alone are missed.
    assert [sentence.partition(",")[0] for sentence in planted.missed(rows)] == [
        "test_longer",
        "test_better_algorithm",
    ]
    assert planted.missed(rows[1:])[0].endswith("was not compared")
    other = planted.Change("other bytes", ("inconclusive",), {"peak": 8})
    monkeypatch.setitem(planted.CHANGES, "test_unchanged", other)
    assert "test_unchanged, other bytes: its figures differ by nothing" in planted.missed(rows)
