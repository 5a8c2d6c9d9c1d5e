"""Start a worker: ``python start_worker.py FOLDER [MODULE]``, the folder of the package gradmeter.

MODULE is the one of gradmeter.bench whose ``main`` is called; by default, runs.worker.

The package is loaded from its folder and nothing is added to the import path, so that a worker
imports a user's ``bench`` or ``engine`` and not ours, under any interpreter.
"""

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location

if __name__ == "__main__":
    folder = sys.argv.pop(1)
    module = sys.argv.pop(1) if len(sys.argv) > 1 else "runs.worker"
    spec = spec_from_file_location(
        "gradmeter", f"{folder}/__init__.py", submodule_search_locations=[folder]
    )
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules["gradmeter"] = module_from_spec(spec)
    spec.loader.exec_module(package)

    import_module(f"gradmeter.bench.{module}").main()
