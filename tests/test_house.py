"""The house stays as it is drawn: rooms import from floors below them, and not in circles."""

from __future__ import annotations

from .house import GRAPH, LEVEL, MODULES, circles, room


def test_the_walk_sees_imports():
    assert "gradmeter.engine.function" in GRAPH["gradmeter.engine.backward"]
    assert "gradmeter.bench.runs.sets" in GRAPH["gradmeter.bench.runs.runner"]
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == {frozenset("bc")}


def test_every_module_of_the_harness_lies_in_a_room():
    rooms = {room(name) for name in MODULES if name.count(".") > 1 and ".bench." in name}
    assert rooms == set(LEVEL)


def test_a_room_imports_only_from_floors_below_it():
    wrong = [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
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
        for name, others in GRAPH.items()
        if name.startswith("gradmeter.engine")
        for other in others
        if not other.startswith("gradmeter.engine")
    ]
    assert wrong == []


def test_nothing_imports_in_circles_but_what_is_the_engines_nature():
    """A variable knows the function that made it, which knows its variables, and goes backward."""
    engine = {f"gradmeter.engine.{name}" for name in ("variable", "function", "backward")}
    assert circles(GRAPH) == {frozenset(engine)}
