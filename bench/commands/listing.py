"""List what there is to measure."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from bench import engines, workloads


def list_() -> None:
    """List the workloads, and the engines with their settings, which make variants."""
    console = Console(emoji=False)
    table = Table(title="workloads", title_justify="left", box=None, pad_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("what it computes")
    for name in workloads.names():
        example = workloads.get(name.replace("-N", "-3"))
        meaning = example.meaning.replace("3 ", "N ", 1) if name.endswith("-N") else example.meaning
        table.add_row(name, meaning)
    console.print(table)
    for name in engines.names():
        engine = engines.get(name)
        console.print()
        table = Table(
            title=f"engine {name}: {engine.meaning}", title_justify="left", box=None, pad_edge=False
        )
        table.add_column("setting", no_wrap=True)
        table.add_column("values (default first)")
        table.add_column("meaning")
        for setting in engine.settings:
            values = sorted(setting.values, key=lambda v, s=setting: v != s.default)  # type: ignore[misc]
            words = [("off", "on")[v] if isinstance(v, bool) else str(v) for v in values]
            table.add_row(setting.name, ", ".join(words), setting.meaning)
        console.print(table)
    console.print(
        "\nA variant is written engine:setting=value,setting=value; N is a depth (squares-30).",
        highlight=False,
    )
