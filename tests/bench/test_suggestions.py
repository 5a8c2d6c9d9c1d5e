"""Suggested names: whatever is mistyped in a long name, that name is among what was meant."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench import cli, engines, workloads
from gradmeter.bench.cases.variants import WORKER_SETTINGS
from gradmeter.bench.results import layers
from gradmeter.bench.suggestions import MOST, similar, suggestion
from gradmeter.bench.verdicts.gates import FIGURES

COMMANDS = [name for commands in cli.COMMANDS.values() for name in commands]
SETTINGS = [s.name for s in (*engines.get("engine").settings, *WORKER_SETTINGS)]
VOCABULARIES = {
    "commands": COMMANDS,
    "engines": engines.names(),
    "workloads": workloads.spelled("squares-30"),
    "settings": SETTINGS,
    "gates": [*FIGURES, *layers.FIGURES],
}


def mistyped(data: st.DataObject, name: str) -> str:
    """A name with one letter lost, doubled, exchanged with the next, or another one."""
    at = data.draw(st.integers(0, len(name) - 2))
    before, letters, after = name[:at], name[at : at + 2], name[at + 2 :]
    other = data.draw(st.sampled_from("aexz"))
    edits = (letters[1], letters[0] * 2 + letters[1], letters[::-1], other + letters[1])
    return before + data.draw(st.sampled_from(edits)) + after


@pytest.mark.parametrize("kind", VOCABULARIES)
@settings(deadline=None)
@given(data=st.data())
def test_a_slip_in_a_name_is_found_out(kind, data):
    names = VOCABULARIES[kind]
    name = data.draw(st.sampled_from([each for each in names if len(each) > 4]))
    word = mistyped(data, name)
    assert name in similar(word, names) or word in names
    assert suggestion(word, names).startswith("; did you mean ")


@settings(deadline=None)
@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=8))
def test_what_is_suggested_is_a_few_of_the_names(word, names):
    found = similar(word, names)
    assert set(found) <= set(names)
    assert len(found) == len(set(found)) <= MOST


@pytest.mark.parametrize("name", COMMANDS)
def test_a_name_itself_comes_first(name):
    assert similar(name.upper(), COMMANDS)[0] == name


def test_nothing_is_suggested_for_what_is_like_nothing():
    assert suggestion("qqqqq", COMMANDS) == ""
    assert suggestion("", COMMANDS) == ""
    assert suggestion("run", []) == ""


def test_several_names_are_joined_as_in_a_sentence():
    assert suggestion("heap_", ["heap_a", "heap_b"]) == "; did you mean heap_a or heap_b?"
