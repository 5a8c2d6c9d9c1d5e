"""The packages of a project are found where its build configuration, or custom, has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradmeter.bench.cases.layouts import dependencies, layout


def files(folder: Path, names: str) -> None:
    """Make empty files, named by a text."""
    for name in names.split():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    ("present", "root", "name"),
    [
        ("pkg/__init__.py", ".", "pkg"),
        ("src/pkg/__init__.py", "src", "pkg"),
        ("mod.py setup.py", ".", "mod"),
        ("src/mod.py", "src", "mod"),
        ("src/ns/pkg/__init__.py", "src", "ns"),
        ("src/ns/deep/pkg/__init__.py src/pkg.egg-info/top_level.txt", "src", "ns"),
        ("pkg/__init__.py src/lib.c", ".", "pkg"),
        ("pkg/__init__.pyx", ".", "pkg"),
        ("pkg/a.py data/a.csv .hidden/a.py a-b/c.py", ".", "pkg"),
        ("pkg/__init__.py tests/__init__.py conftest.py docs/conf.py", ".", "pkg"),
    ],
)
def test_packages_lie_in_src_or_at_the_top_by_custom(tmp_path, present, root, name):
    files(tmp_path, present)
    found = layout(tmp_path)
    assert (found.roots, found.names) == ((root,), {name})


PYPROJECT, CFG, SETUP = "pyproject.toml", "setup.cfg", "setup.py"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (PYPROJECT, '[tool.setuptools.package-dir]\n"" = "lib"'),
        (PYPROJECT, '[tool.setuptools.package-dir]\npkg = "lib/pkg"'),
        (PYPROJECT, '[tool.setuptools.packages.find]\nwhere = ["lib"]'),
        (CFG, "[options]\npackage_dir =\n    = lib\n"),
        (CFG, "[options]\npackages = find:\n[options.packages.find]\nwhere = lib\n"),
        (SETUP, "setup(package_dir={'': 'lib'})"),
        (PYPROJECT, '[tool.hatch.build.targets.wheel]\npackages = ["lib/pkg"]'),
        (PYPROJECT, '[tool.hatch.build.targets.wheel]\nsources = ["lib"]'),
        (PYPROJECT, '[tool.hatch.build]\nonly-include = ["lib/pkg"]'),
        (PYPROJECT, '[[tool.poetry.packages]]\ninclude = "pkg"\nfrom = "lib"'),
        (PYPROJECT, '[tool.pdm.build]\npackage-dir = "lib"'),
        (PYPROJECT, '[tool.maturin]\npython-source = "lib"'),
        (PYPROJECT, '[tool.scikit-build.wheel]\npackages = ["lib/pkg"]'),
        (
            PYPROJECT,
            '[build-system]\nrequires = ["uv_build"]\n[tool.uv.build-backend]\nmodule-root = "lib"',
        ),
    ],
)
def test_the_build_configuration_names_the_folder(tmp_path, file, text):
    files(tmp_path, "lib/pkg/__init__.py src/lib.rs other/__init__.py")
    (tmp_path / file).write_text(text)
    found = layout(tmp_path)
    assert (found.roots, found.names) == (("lib",), {"pkg"})


@pytest.mark.parametrize(
    "text",
    [
        '[build-system]\nrequires = ["flit_core"]\n[tool.flit.module]\nname = "pkg"',
        '[build-system]\nrequires = ["uv_build"]',
        "[",
        "[tool]\nsetuptools = 1\npoetry = {packages = [1]}",
    ],
)
def test_a_configuration_that_names_no_folder_leaves_it_to_custom(tmp_path, text):
    files(tmp_path, "src/pkg/__init__.py tests/a.py")
    (tmp_path / PYPROJECT).write_text(text)
    (tmp_path / CFG).write_text("no section")
    (tmp_path / SETUP).write_bytes(b"\xff")
    found = layout(tmp_path)
    assert (found.roots, found.names) == (("src",), {"pkg"})


def test_folders_that_are_named_win(tmp_path):
    files(tmp_path, "src/pkg/a.py other/mine/a.py")
    assert layout(tmp_path, ["other"]).names == {"mine"}
    assert layout(tmp_path, ["nowhere"]).names == frozenset()


def test_dependencies_are_those_of_the_project_table(tmp_path):
    assert dependencies(tmp_path) == []
    (tmp_path / PYPROJECT).write_text('[project]\ndependencies = ["numpy>=2", "b"]\n')
    assert dependencies(tmp_path) == ["numpy>=2", "b"]
