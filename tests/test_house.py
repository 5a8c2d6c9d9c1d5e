"""The house stays as it is drawn: rooms import from floors below them, and not in circles."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

import gradmeter

TOP = Path(gradmeter.__file__).parent

# From the top floor down; the rooms of one floor know nothing of each other.
FLOORS = (
    {"cli"},
    {"commands", "goals"},
    {"plugin", "interactive"},
    {"filling"},
    {"suite"},
    {"machines"},
    {"suite_session"},
    {"session"},
    {"report"},
    {"history"},
    {"runs"},
    {"verdicts"},
    {"timelines", "lines"},
    {"meters"},
    {"cases"},
    {"engines"},
    {"workloads"},
    {"results"},
    {"laws", "statistics"},
    {"numbers"},
    {"archives", "git", "installing", "loading", "main_program"},
    {"errors", "output"},
    {"suggestions", "text"},
)
LEVEL = {room: number for number, floor in enumerate(FLOORS) for room in floor}


def modules() -> dict[str, Path]:
    """Every module of the package, by its name."""
    found = {}
    for part in ("engine", "bench"):
        for path in (TOP / part).rglob("*.py"):
            words = path.relative_to(TOP).with_suffix("").parts
            words = words[:-1] if words[-1] == "__init__" else words
            found[".".join(["gradmeter", *words])] = path
    return found


MODULES = modules()


def imports(name: str) -> Iterator[str]:
    """The modules of ours that a module imports, wherever in it, for types or for work."""
    path = MODULES[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                if inner in MODULES:
                    yield inner
                elif base in MODULES:
                    yield base


@cache  # and not when tests are collected, which every process of them does
def graph() -> dict[str, set[str]]:
    """What each module imports of ours."""
    return {name: set(imports(name)) - {name} for name in MODULES}


def room(name: str) -> str:
    """The room of a module of the harness."""
    return name.split(".")[2]


def circles(others: dict[str, set[str]]) -> set[frozenset[str]]:
    """The sets of modules that reach each other (Tarjan, SIAM J. Comput. 1 (1972), 146-160)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = set()

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in others[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            part = set()
            while name not in part:
                part.add(stack.pop())
            if len(part) > 1:
                found.add(frozenset(part))

    for name in others:
        if name not in index:
            visit(name)
    return found


def test_the_walk_sees_imports():
    assert "gradmeter.engine.function" in graph()["gradmeter.engine.backward"]
    assert "gradmeter.bench.runs.sets" in graph()["gradmeter.bench.runs.runner"]
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == {frozenset("bc")}


def test_every_module_of_the_harness_lies_in_a_room():
    rooms = {room(name) for name in MODULES if name.count(".") > 1 and ".bench." in name}
    assert rooms == set(LEVEL)


def test_a_room_imports_only_from_floors_below_it():
    wrong = [
        f"{name} imports {other}"
        for name, others in graph().items()
        if name.startswith("gradmeter.bench.")
        for other in others
        if other.startswith("gradmeter.bench.")
        and room(name) != room(other)
        and LEVEL[room(name)] >= LEVEL[room(other)]
    ]
    assert wrong == []


def test_the_engine_knows_nothing_of_the_harness():
    wrong = [
        f"{name} imports {other}"
        for name, others in graph().items()
        if name.startswith("gradmeter.engine")
        for other in others
        if not other.startswith("gradmeter.engine")
    ]
    assert wrong == []


def test_nothing_imports_in_circles_but_what_is_the_engines_nature():
    """A variable knows the function that made it, which knows its variables, and goes backward."""
    engine = {f"gradmeter.engine.{name}" for name in ("variable", "function", "backward")}
    assert circles(graph()) == {frozenset(engine)}


def test_every_target_of_the_makefile_has_a_line_of_help():
    # Under another make, such as make test-quick, make names its folder first.
    command = ["make", "--no-print-directory", "help"]
    done = subprocess.run(command, cwd=TOP.parent, capture_output=True, text=True)
    text = (TOP.parent / "Makefile").read_text()
    targets = set(re.search(r"^\.PHONY:((?:.*\\\n)*.*)", text, re.MULTILINE)[1].split()) - {"\\"}
    listed = {line.split()[1] for line in done.stdout.splitlines()}
    assert targets - {"tests"} == listed  # the part of `make test` that is not style and types
