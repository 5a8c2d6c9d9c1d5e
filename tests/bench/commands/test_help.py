"""The help: one screen, whole words, an example that parses, and a text for each option."""

from __future__ import annotations

import re
import shlex
import sys

import pytest
import typer.main

from gradmeter.bench import cli
from gradmeter.bench.commands.help_layout import RARE, SCREEN

GROUP = typer.main.get_command(cli.app)
NAMES = [name for commands in cli.COMMANDS.values() for name in commands]


def printed(monkeypatch, capsys, *words: str) -> str:
    """What the command prints on 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["gradmeter", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert (ended.value.code, err) == (0, "")
    return out


def named(param) -> str:
    return param.opts[-1] if param.param_type_name == "option" else param.metavar


def words(text: str) -> list[str]:
    return re.sub(r"\s+", " ", text).split()


@pytest.mark.parametrize("name", NAMES)
def test_help_explains_each_option_in_whole_words(monkeypatch, capsys, name):
    command = GROUP.commands[name]
    text = printed(monkeypatch, capsys, name, "--help")
    rare = [p for p in command.params if p.rich_help_panel == RARE]
    if f"{name} --help-all" in text:
        for param in rare:
            assert named(param) in text
        text = printed(monkeypatch, capsys, name, "--help-all")
    assert max(map(len, text.splitlines())) <= 80
    shown = " ".join(words(text))
    for param in command.params:
        if not param.hidden:
            assert param.help, f"{named(param)} has no text"
            assert param.help[0].isupper() or not param.help[0].isalpha() or "." in param.help
            assert named(param) in shown
            assert " ".join(words(param.help)) in shown


@pytest.mark.parametrize("name", NAMES)
def test_help_fits_a_screen(monkeypatch, capsys, name):
    lines = printed(monkeypatch, capsys, name, "--help").splitlines()
    assert len(lines) <= SCREEN + 1


@pytest.mark.parametrize("name", NAMES)
def test_help_opens_with_a_sentence_and_an_example_that_parses(name):
    opening, _, rest = (GROUP.commands[name].help or "").partition("\n\n")
    assert re.fullmatch(r"[A-Z][a-z]+ .*[^.]\.", " ".join(opening.split()))
    assert re.match(r"Examples?:\n", rest)
    examples = re.findall(r"^  gradmeter (.*)$", rest.partition("\n\n")[0], re.MULTILINE)
    assert examples
    for example in examples:
        for line in example.split(" && gradmeter "):
            command, *arguments = shlex.split(line)
            with GROUP.commands[command].make_context(command, arguments) as context:
                assert context.args == []


def test_the_help_of_gradmeter_groups_every_command(monkeypatch, capsys):
    text = printed(monkeypatch, capsys, "--help")
    assert max(map(len, text.splitlines())) <= 80
    for panel, commands in cli.COMMANDS.items():
        rows = text.partition(f"\n{panel}:\n")[2].partition("\n\n")[0].splitlines()
        assert [row.split()[0] for row in rows] == list(commands)  # a line for each


def test_no_arguments_are_answered_with_the_help(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gradmeter"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "Usage: gradmeter" in capsys.readouterr().err
