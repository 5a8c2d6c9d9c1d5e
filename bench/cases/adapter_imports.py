"""Read from the text of an adapter which modules it imports, at its top or later."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from gradmeter.bench.engines import Engine
from gradmeter.bench.loading import enclosing_package


def adapter_file(engine: Engine) -> Path | None:
    """The file of an engine's adapter, as far as it has one."""
    if engine.file:
        return Path(engine.file)
    file = getattr(sys.modules.get(getattr(engine.make, "__module__", "")), "__file__", None)
    return Path(file) if file else None


def imports(path: Path) -> list[str]:
    """The top-level modules that a file imports, anywhere in it or in what lies beside it."""
    names: dict[str, None] = {}
    files = [path]
    for file in files:
        found = imports_of(file)
        names |= dict.fromkeys(found)
        beside = [path.parent / f"{name}.py" for name in found]
        files += [each for each in beside if each.is_file() and each not in files]
    return list(names)


def imports_of(path: Path) -> list[str]:
    """The top-level modules that a file imports, anywhere in it; none where it cannot be read."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    own = enclosing_package(path).partition(".")[0]
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(own if node.level else (node.module or "").partition(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            texts = [each.value for each in node.args[:1] if isinstance(each, ast.Constant)]
            names += [str(text).partition(".")[0] for text in texts]
    return list(filter(None, names))
