"""What numerical Python costs, in bytes and in seconds.

The names below are all that is public; each is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradmeter import engine as engine
    from gradmeter.bench.engines import Adapter as Adapter
    from gradmeter.bench.engines import CannotError as CannotError
    from gradmeter.bench.engines import Engine as Engine
    from gradmeter.bench.engines import Setting as Setting
    from gradmeter.bench.errors import UsageError as UsageError
    from gradmeter.bench.interactive.blocks import Trace as Trace
    from gradmeter.bench.interactive.blocks import trace as trace
    from gradmeter.bench.interactive.calls import Measurement as Measurement
    from gradmeter.bench.interactive.calls import measure as measure
    from gradmeter.bench.interactive.magics import load_ipython_extension as load_ipython_extension
    from gradmeter.bench.meters.profiled import profile as profile
    from gradmeter.bench.plugin.cases import Measure as Measure
    from gradmeter.bench.plugin.cases import Question as Question
    from gradmeter.bench.plugin.cases import cases as cases
    from gradmeter.bench.workloads import Chain as Chain
    from gradmeter.bench.workloads import Prediction as Prediction
    from gradmeter.bench.workloads import Workload as Workload
    from gradmeter.bench.workloads import workload as workload

    __version__: str

_HOMES = {
    "Adapter": "bench.engines",
    "CannotError": "bench.engines",
    "Engine": "bench.engines",
    "Setting": "bench.engines",
    "UsageError": "bench.errors",
    "Trace": "bench.interactive.blocks",
    "trace": "bench.interactive.blocks",
    "Measurement": "bench.interactive.calls",
    "measure": "bench.interactive.calls",
    "load_ipython_extension": "bench.interactive.magics",
    "profile": "bench.meters.profiled",
    "Measure": "bench.plugin.cases",
    "Question": "bench.plugin.cases",
    "cases": "bench.plugin.cases",
    "Chain": "bench.workloads",
    "Prediction": "bench.workloads",
    "Workload": "bench.workloads",
    "workload": "bench.workloads",
}
__all__ = [  # noqa: PLE0604, RUF022, RUF100 (names that __getattr__ gives)
    "Adapter",
    "CannotError",
    "Chain",
    "Engine",
    "Measure",
    "Measurement",
    "Prediction",
    "Question",
    "Setting",
    "Trace",
    "UsageError",
    "Workload",
    "__version__",
    "cases",
    "engine",
    "load_ipython_extension",
    "measure",
    "profile",
    "trace",
    "workload",
]


def __getattr__(name: str) -> Any:
    if name == "engine":
        return import_module("gradmeter.engine")
    if name == "__version__":
        value: Any = import_module("gradmeter.bench.results.environment").version()
    elif name in _HOMES:
        value = getattr(import_module(f"gradmeter.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
