"""Import the engine of another revision in a worker."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path


def import_engine_from(folder: str) -> None:
    """Import the package in ``folder/engine`` as this process's ``gradmeter.engine``.

    A checkout older than the package gradmeter imports it as ``engine``. Nothing else of the
    folder can be imported: a json.py at its top hides no module.

    Raises:
        ImportError: there is no such package, or importing it fails.
    """
    import gradmeter

    path = Path(folder).resolve() / "engine"
    spec = spec_from_file_location(
        "gradmeter.engine", path / "__init__.py", submodule_search_locations=[str(path)]
    )
    if spec is None or spec.loader is None or not (path / "__init__.py").is_file():
        raise ImportError(f"there is no package engine in {folder}")
    package = module_from_spec(spec)
    sys.modules["gradmeter.engine"] = gradmeter.engine = package
    earlier = not (path.parent / "gradmeter").is_dir()
    if earlier:
        sys.modules["engine"] = package
    try:
        spec.loader.exec_module(package)
    except BaseException as error:
        raise ImportError(
            f"this engine does not import ({type(error).__name__}: {error})"
        ) from error
    if earlier:
        for name in [name for name in sys.modules if name.startswith("engine.")]:
            sys.modules[f"gradmeter.{name}"] = sys.modules[name]
