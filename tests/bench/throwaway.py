"""An engine that nobody here knows, as somebody else would add it: a file, or a package."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

# What a page of docs/how-to shows; test_own_engines.py holds the two together.
ADAPTER = """
import numpy as np
from types import SimpleNamespace
from gradmeter import Adapter, Engine

class Tensor:  # a whole engine: a number of operations, each with its derivative
    def __init__(self, data, back=lambda g: None):
        self.data, self.back, self.grad = data, back, None
    def add_gradient(self, g):
        self.grad = g if self.grad is None else self.grad + g
        self.back(g)

def square(x):
    return Tensor(x.data * x.data, lambda g: x.add_gradient(2 * g * x.data))

class Mine(Adapter):
    operations = SimpleNamespace(square=square)
    def variable(self, array):
        return Tensor(array)
    def backward(self, result):
        result.add_gradient(np.ones_like(result.data))
    def value(self, result):
        return result.data
    def gradient(self, variable):
        return variable.grad

ENGINE = Engine(name="mine", meaning="squares, and nothing else", make=Mine)
"""

_HEAD, _, _REST = ADAPTER.partition("class Tensor")
_TENSOR, _, _MINE = _REST.partition("class Mine")
PACKAGE = f"import numpy as np\n\nclass Tensor{_TENSOR}"  # the engine without its adapter
START = "def square(x):\n"  # of its one operation


def adapter_of(package: str) -> str:
    """The adapter of an engine that is a package of its own."""
    return f"{_HEAD}from {package} import Tensor, square\n\nclass Mine{_MINE}"


def adapter(folder: Path, text: str = ADAPTER) -> Path:
    """The adapter as a file."""
    path = folder / "adapter.py"
    path.write_text(text)
    return path


def wheel(folder: Path, text: str = ADAPTER, entry: str = "mine = my_adapter:ENGINE") -> Path:
    """A package with the adapter and its entry point, for pip to install."""
    info = "my_engine-1.5.dist-info"
    files = {
        "my_adapter.py": text.replace("make=Mine", 'make=Mine, distributions=("my-engine",)'),
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: my-engine\nVersion: 1.5\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[gradmeter.engines]\n{entry}\n",
    }
    record = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest())
        record.append(f"{name},sha256={digest.decode().rstrip('=')},{len(content)}")
    path = folder / "my_engine-1.5-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,"]))
    return path
