"""Read, validate and write the run file, which is typed, versioned and written atomically.

``bench/run.schema.json`` is the JSON Schema of gradmeter.bench.results.run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from gradmeter.bench.errors import UsageError
from gradmeter.bench.results import files
from gradmeter.bench.results.run import FORMAT, VERSION, Run


def schema() -> dict[str, Any]:
    """The JSON Schema of the run file."""
    found: dict[str, Any] = json.loads(json.dumps(msgspec.json.schema(Run)))
    return found


def load(path: Path) -> Run:
    """Read a run file.

    Raises:
        UsageError: the file cannot be read, is not complete, is of another format or
            version, or does not fit the schema; the message says where.
    """
    files.refuse_irregular(path, "cannot be read")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    try:
        content = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"{path} is not complete JSON, so no run file can be read from it: {error}"
        ) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UsageError(f'{path} is no run file: its "format" is not "{FORMAT}"')
    if content.get("version") != VERSION:
        raise UsageError(
            f"{path} is a run file of version {content.get('version')!r}; "
            f"this gradmeter reads version {VERSION}"
        )
    try:
        return msgspec.convert(content, Run)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path} is not a valid run file: {error}") from None


def save(run: Run, path: Path) -> None:
    """Write a run file atomically: a reader sees the old content or the new.

    Raises:
        OSError: the file cannot be written; its old content is unchanged.
    """
    content = msgspec.to_builtins(run)
    cases = [_line(case) for case in content.pop("cases")]
    # One case per line, so that a diff shows the cases that changed.
    text = _line(content)[:-1] + ', "cases": [\n' + ",\n".join(cases) + "\n]}"
    # The message of a failed worker may hold surrogates, which UTF-8 cannot encode.
    files.write(path, text.encode(errors="replace") + b"\n")


def _line(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, allow_nan=False)


def write_schema(path: Path) -> None:
    """Write the JSON Schema; to be called after a change of gradmeter.bench.results.run."""
    files.write(path, json.dumps(schema(), indent=1, sort_keys=True).encode() + b"\n")
