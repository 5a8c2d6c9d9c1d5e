"""What the pages show is what the commands print: those that are exact are run."""

from __future__ import annotations

import pytest

from ..thorough import THOROUGH
from .pages import Block, name, pages
from .shown import Source, fits, renewed, shown, shown_in, source


def is_tried(how: Source) -> bool:
    """Whether the output of a block is tried here; of other engines it is in make test-engines."""
    return how.run and not how.packages and (THOROUGH or not how.slow)


@pytest.mark.parametrize("page", shown_in(pages(), is_tried), ids=name)
def test_exact_output_is_what_the_commands_print(page):
    _, differences = renewed(page, is_tried)
    assert not differences, "\n".join(map(str, differences))


def test_three_dots_stand_for_any_lines_and_nothing_else():
    assert fits(["a", "...", "d"], ["a", "b", "c", "d"])
    assert fits(["...", "b"], ["b"])
    assert not fits(["a", "c"], ["a", "b", "c"])
    assert not fits(["a."], ["ab"])
    assert not fits(["a"], ["a", "b"])


def test_what_changed_is_written_and_what_did_not_stays(tmp_path):
    page = tmp_path / "page.md"
    text = """Text.

<!-- file: sub/names.txt -->
```text
one
two
```

<!-- run: cp sub/names.txt copy.txt -->
<!-- shown: exact -->
```console
$ cat copy.txt
one
...
$ wc -l \\
    < copy.txt
3
```

<!-- shown: by hand: it never ends -->
```console
$ sleep inf
for ever
```
"""
    page.write_text(text)
    new, differences = renewed(page)
    assert new == text.replace("\n3\n", "\n2\n")
    assert [(found.command, found.actual) for found in differences] == [
        ("wc -l \\\n    < copy.txt", ["2"])
    ]


def test_a_hidden_command_that_fails_is_no_output(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- run: false -->\n<!-- shown: exact -->\n```console\n$ true\n```\n")
    with pytest.raises(RuntimeError, match="false failed"):
        renewed(page)


def test_three_dots_alone_hide_no_failure(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- shown: exact -->\n```console\n$ echo a; false\n...\n$ echo b\n...\n```\n")
    _, (found,) = renewed(page)
    assert (found.command, found.actual) == ("echo a; false", ["a"])


def test_what_is_slow_costs_a_quick_test_nothing(tmp_path):
    page = tmp_path / "page.md"
    slow = "<!-- run: false -->\n<!-- shown: exact, slow -->\n```console\n$ true\nold\n```\n"
    page.write_text(slow)
    assert renewed(page, lambda how: not how.slow) == (slow, [])


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("shown: exact", Source(True)),
        ("shown: exact, slow", Source(True, slow=True)),
        ("shown: exact, with dezero jax", Source(True, packages=("dezero", "jax"))),
        ("shown: by hand: it takes a day", Source(False)),
    ],
)
def test_a_comment_says_where_output_is_from(comment, expected):
    assert source(Block(comment, "console", "", 0, 0)) == expected


@pytest.mark.parametrize("comment", ["", "shown", "shown: by hand", "shown: often", "exact"])
def test_a_console_without_a_source_is_refused(comment):
    with pytest.raises(ValueError, match="where the output is from"):
        source(Block(comment, "console", "", 0, 0))


def test_a_console_is_its_commands_with_their_output():
    assert list(shown("$ a \\\n  b\nc\n\n$ d\n")) == [("$ a \\\n  b", ["c", ""]), ("$ d", [])]
