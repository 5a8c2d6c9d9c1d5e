"""Freed memory is kept, returned or released, as a process chooses; nothing else changes."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gradmeter import engine
from gradmeter.engine import freed_memory

TOP = Path(__file__).parents[2]
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
ARRAYS, ELEMENTS = 10, 100_000
WRITTEN = ARRAYS * 8 * ELEMENTS // PAGE  # pages

glibc = pytest.mark.skipif(
    bool(freed_memory.unavailable()), reason="only the GNU C library has the choice"
)


def python(program: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, whose C library nothing has set before."""
    inherited = {k: v for k, v in os.environ.items() if "MALLOC" not in k and k != "GLIBC_TUNABLES"}
    return subprocess.run(
        [sys.executable, *words, "-c", program],
        env={**inherited, "PYTHONPATH": str(TOP), "NUMPY_MADVISE_HUGEPAGE": "0", **environment},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def figures(program: str) -> dict[str, int]:
    """What a program prints as JSON."""
    done = python(program)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


METERS = f"""
import json, resource, threading
import numpy as np
from gradmeter import engine
from gradmeter.bench.meters.residency import resident

def run():
    arrays = [np.ones({ELEMENTS}) for _ in range({ARRAYS})]

def faults():
    run()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    run()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

# A small block that comes to lie where an array was moves the array: its pages cost once more.
def settled():
    return min(faults() for _ in range(3))

found = {{}}
"""

CHOICES = (
    METERS
    + """
run()
np.ones(4_000_000)  # freed at once: glibc would keep blocks of this size from here on
assert engine.return_freed_memory()
found["returned"] = settled()
assert engine.keep_freed_memory()
found["kept"] = settled()
thread = threading.Thread(target=lambda: found.update({"kept in a thread": settled()}))
thread.start()
thread.join()
large = np.ones(10_000_000)
found["large"] = resident()
del large
found["large freed"] = resident()
assert engine.release_freed_memory()
found["released"] = resident()
found["kept again"] = settled()
np.ones(10_000_000)
found["before returning"] = resident()
assert engine.return_freed_memory()
found["after returning"] = resident()
found["returned again"] = settled()
print(json.dumps(found))
"""
)


@pytest.fixture(scope="module")
def choices() -> dict[str, int]:
    return figures(CHOICES)


@glibc
def test_kept_memory_costs_no_fault_and_returned_memory_costs_each_page(choices):
    assert choices["kept"] < WRITTEN // 20
    assert choices["kept in a thread"] < WRITTEN // 20
    assert choices["returned"] >= WRITTEN
    assert choices["returned again"] >= WRITTEN


@glibc
def test_what_is_kept_stays_resident_until_it_is_released_or_returned(choices):
    size = 8 * 10_000_000
    assert choices["large freed"] > choices["large"] - size // 100
    assert choices["released"] < choices["large"] - size + size // 100
    assert choices["kept again"] < WRITTEN // 20  # releasing once does not change the setting
    assert choices["after returning"] < choices["before returning"] - size + size // 100


@glibc
def test_an_import_changes_nothing():
    """In a process that has freed nothing large yet, arrays of this size cost most pages."""
    seen = figures(METERS + "print(json.dumps({'faults': faults()}))")
    assert seen["faults"] > WRITTEN * 9 // 10


LONG = """
import json
import numpy as np
from gradmeter import engine
from gradmeter.bench.meters.residency import resident

engine.keep_freed_memory()
sizes = [500, 20_000, 3_000, 40_000, 17_000, 8_000]
seen = []
for i in range(10_000):
    x = engine.Variable(np.full(sizes[i % len(sizes)], 1.0 + i % 7))
    y = engine.square(engine.square(x) * 0.5)
    y.backward()
    if i % 1000 == 999:
        seen.append(resident())
print(json.dumps({"first": seen[0], "largest": max(seen), "last": seen[-1]}))
"""


@glibc
def test_ten_thousand_iterations_run_at_a_constant_resident_size():
    """Arrays of several sizes: none of them splits what the others need."""
    seen = figures(LONG)
    assert seen["largest"] - seen["first"] < 2**18
    assert seen["last"] > 20_000_000  # the whole process: the figure is one


# A representative part: exact bytes, what is held, aliasing, gradients of every operation.
PROPERTIES = ("under_both.py", "test_memory.py", "test_held.py", "test_ownership.py")
GRADIENTS = ("test_gradients.py::test_an_operation_on_one_array",
             "test_gradients.py::test_an_operation_on_two_arrays_that_broadcast")  # fmt: skip


@glibc
def test_properties_of_bytes_aliasing_and_gradients_hold_in_a_process_that_keeps_memory(tmp_path):
    plugin = "from gradmeter import engine\nassert engine.keep_freed_memory()\n"
    (tmp_path / "kept_memory.py").write_text(plugin)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "kept_memory", "-p", "no:cacheprovider",
         "-p", "no:benchmark", *[f"tests/engine/{name}" for name in (*PROPERTIES, *GRADIENTS)]],
        cwd=TOP, env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


ALL = ("keep_freed_memory", "return_freed_memory", "release_freed_memory")


@pytest.mark.parametrize("name", ALL)
def test_another_c_library_gets_a_sentence_and_nothing_changes(monkeypatch, name):
    def library(_):
        return object()  # without gnu_get_libc_version, as musl's and macOS's are

    monkeypatch.setattr(ctypes, "CDLL", library)
    with pytest.warns(RuntimeWarning, match="the GNU C library, which") as seen:
        assert getattr(engine, name)() is False
    assert seen[0].filename == __file__


OTHER = """
#include <stddef.h>
void *__libc_malloc(size_t);
void *malloc(size_t size) { return __libc_malloc(size); }
"""
ASKING = """
import warnings
from gradmeter import engine
from gradmeter.engine import freed_memory
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    print(engine.keep_freed_memory())
print(*[each.message for each in seen])
"""


@glibc
@pytest.mark.skipif(shutil.which("cc") is None, reason="another malloc takes a C compiler")
def test_another_malloc_that_is_preloaded_gets_a_sentence_with_its_name(tmp_path):
    source, library = tmp_path / "other.c", tmp_path / "libother.so"
    source.write_text(OTHER)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    done = python(ASKING, LD_PRELOAD=str(library))
    answer, message = done.stdout.splitlines()
    assert answer == "False"
    assert message == (
        "freed memory is not kept: it takes the GNU C library's malloc, and here it is that of "
        "libother.so"
    )
