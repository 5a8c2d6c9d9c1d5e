"""Laws of a user's functions: known ones are found, and whatever a worker does is an answer."""

from __future__ import annotations

import json

import psutil
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gradmeter.bench.errors import UsageError, WorkerError
from gradmeter.bench.laws import search
from gradmeter.bench.laws.law import UnmeasurableError
from gradmeter.bench.laws.search import Limits, Parameter
from gradmeter.bench.runs import law_calls
from gradmeter.bench.runs.function_calls import FunctionCalls

PROGRAM = '''
import ctypes, json, os, signal, sys, threading, time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
KEPT = []

def bytes_(count):
    return np.empty(count, np.uint8)

def two_parts(n, m):
    """Keeps one polynomial of bytes, beside the larger of two others for a while."""
    a, b, c, d, e, f = json.loads((HERE / "factors.json").read_text())
    kept = bytes_(a * n * m + b * n + c * m + d)
    first = bytes_(e * n + 1)
    del first
    second = bytes_(f * m + 1)
    del second
    return kept

def plain(n):
    return bytes_(8 * n)

def fails(n, how):
    if n == 13:
        [lambda: 1 / 0, lambda: sys.exit("enough"), lambda: os._exit(3),
         lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: ctypes.string_at(0),
         lambda: time.sleep(600)][how]()
    return bytes_(8 * n)

def noisy(n):
    print("to standard output")
    os.write(1, b"and past Python")
    assert sys.stdin.read() == ""
    assert input_ended()
    return bytes_(8 * n)

def input_ended():
    try:
        input()
    except EOFError:
        return True

def threaded(n):
    found = []
    thread = threading.Thread(target=lambda: found.append(bytes_(8 * n)))
    thread.start()
    thread.join()
    return found

def forks(n):
    if os.fork():
        os.wait()
    return bytes_(8 * n)

def leaks(n):
    KEPT.append(bytes_(8 * n))

def cycle(n):
    ring = [bytes_(8 * n)]
    ring.append(ring)

def changes(n):
    return bytes_(int.from_bytes(os.urandom(3)) + n)

def sums(a, b):
    return a + b

def as_tuple(n):
    return bytes_(n), bytes_(n)

def as_names(n):
    return {"b": bytes_(n), "a": bytes_(n)}

def one(n):
    return bytes_(n)

def negated(x):
    return -x

async def waits(n):
    pass

def yields(n):
    yield n

NUMBER = 3

class Box:
    @staticmethod
    def make(n):
        return bytes_(n)
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the program; the file has a marker of a project beside it."""
    path = tmp_path_factory.mktemp("functions")
    (path / "program.py").write_text(PROGRAM)
    (path / "pyproject.toml").write_text("")
    return path


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def two_parts(folder):
    with FunctionCalls(f"{folder / 'program.py'}:two_parts", ("n", "m")) as calls:
        yield calls


COUNT = st.integers(0, 40)


@settings(max_examples=10, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(factors=st.tuples(COUNT, COUNT, COUNT, st.integers(1, 1000), COUNT, COUNT))
def test_the_known_laws_of_a_function_are_found(two_parts, folder, factors):
    (folder / "factors.json").write_text(json.dumps(factors))
    a, b, c, d, e, f = factors
    parameters = [Parameter("n", (10, 20, 40)), Parameter("m", (8, 16, 32))]
    findings = search.find(parameters, two_parts.measure, Limits(1.0, 10**8))
    law = findings.laws["peak"]
    assert law is not None, findings.reasons
    for n, m in ((1, 1), (10**9, 3), (3, 10**9), (10**7, 10**8)):
        held = a * n * m + b * n + c * m + d
        at = {"n": n, "m": m}
        assert findings.laws["held"].expression.value(at) == held
        assert law.expression.value(at) == held + max(e * n, f * m) + 1
    assert all("program.py:" in place for place in law.places)


def measured(name: str, n: int = 10, setup: str = "", **options) -> dict[str, int]:
    with FunctionCalls(f"program.py:{name}", ("n",), setup, **options) as calls:
        return dict(calls.measure((n,), False).figures)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (0, "fails(n=13, how=0): ZeroDivisionError: division by zero"),
        (1, "fails(n=13, how=1): SystemExit: enough"),
        (2, "fails(n=13, how=2): the worker ended with exit code 3"),
        (3, "fails(n=13, how=3): the worker was ended by SIGKILL; perhaps the system ran out of "),
        (4, "fails(n=13, how=4): the worker was ended by SIGSEGV: Fatal Python error"),
        (5, "fails(n=13, how=5): no answer within 0.5 seconds; the worker was ended"),
    ],
)
def test_a_point_that_fails_is_told_and_the_next_one_is_measured(here, how, message):
    limit = 0.5 if how == 5 else 60.0
    with FunctionCalls("program.py:fails", ("n", "how"), limit=limit) as calls:
        with pytest.raises(UnmeasurableError) as raised:
            calls.measure((13, how), True)
        assert str(raised.value).startswith(message)
        calls.limit = 60.0
        assert calls.measure((12, how), False).figures["peak"] == 96


def test_no_worker_is_left(here):
    with FunctionCalls("program.py:plain", ("n",)) as calls:
        pid = calls._worker.child.pid
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize("name", ["plain", "noisy", "threaded", "forks"])
def test_what_a_function_does_besides_is_no_part_of_its_figures(here, name, capfd):
    figures = measured(name)
    assert (figures["peak"], figures["held"], figures["cycle"], figures["growth"]) == (80, 80, 0, 0)
    assert capfd.readouterr() == ("", "")


def test_what_is_left_is_told_apart(here):
    assert measured("leaks")["growth"] == 80
    cycle = measured("cycle")
    assert (cycle["cycle"], cycle["growth"]) == (80, 0)


def test_a_figure_that_differs_from_call_to_call_has_no_law(here):
    with FunctionCalls("program.py:changes", ("n",)) as calls:
        figures = calls.measure((10,), False).figures
    assert "peak" not in figures
    assert figures["growth"] == 0
    assert calls.unstable["peak"].startswith("it differs from call to call of changes(n=10): ")


@pytest.mark.parametrize("setup", ["as_tuple", "as_names"])
def test_a_setup_makes_arguments_that_are_not_counted(here, setup):
    assert measured("sums", setup=f"program.py:{setup}")["peak"] == 10


def test_a_setup_may_make_the_only_argument(here):
    assert measured("negated", setup="program.py:one")["peak"] == 10


def test_methods_and_modules_are_named_too(here):
    assert measured("Box.make")["held"] == 10
    with FunctionCalls("program:plain", ("n",)) as calls:
        assert calls.measure((10,), False).figures["held"] == 80


@pytest.mark.parametrize(
    ("target", "names", "message"),
    [
        ("none.py:f", "n", "none.py does not load: there is no such file"),
        (
            "program.py:nix",
            "n",
            "program.py has no 'nix'; its functions: bytes_, two_parts, plain,",
        ),
        ("program.py:NUMBER", "n", "program.py:NUMBER is a int, and no function"),
        ("program.py:waits", "n", "is an async function, whose call computes nothing yet"),
        ("program.py:yields", "n", "is a generator function, whose call computes nothing yet"),
        ("program.py:plain", "k", "takes (n), and --vary gives k: missing a required argument"),
        ("program.py:two_parts", "n", "missing a required argument: 'm'; vary all that have no"),
        ("nowhere.module:f", "n", "the module nowhere.module does not load: ModuleNotFoundError"),
        ("broken.py:f", "n", "broken.py does not load: SyntaxError"),
        ("exits.py:f", "n", "exits.py does not load: SystemExit: 5"),
    ],
)
def test_what_cannot_be_called_is_refused_with_a_sentence(here, target, names, message):
    (here / "broken.py").write_text("def f(:")
    (here / "exits.py").write_text("raise SystemExit(5)")
    with pytest.raises(UsageError) as raised, FunctionCalls(target, (names,)):
        pass
    assert message in str(raised.value)


def test_a_module_that_ends_its_process_is_told(here):
    (here / "ends.py").write_text("import os\nos._exit(0)")
    with pytest.raises(WorkerError, match="the worker ended with exit code 0"):
        law_calls.find("ends.py:f", {"n": (10, 20, 40)}, "", 60.0)


def test_the_law_of_a_matrix_product_is_in_its_line(here):
    (here / "product.py").write_text(
        "import numpy as np\n\ndef product(n, m):\n    a = np.empty((n, m))\n"
        "    b = np.empty((m, n))\n    return a @ b\n"
    )
    found = law_calls.find("product.py:product", {"n": (10, 20, 40), "m": (8, 16, 32)}, "", 60.0)
    assert found.laws.figures["peak"].bytes == "8 n (2 m + n) B"
    assert found.laws.figures["held"].bytes == "8 n^2 B"
    assert found.laws.figures["peak"].places == ["product.py:6 `return a @ b`"]
    assert min(found.laws.verified.values()) >= 320


def test_numpy_reuses_temporary_arrays_from_256_kib_on(here):
    (here / "sums.py").write_text(
        "import numpy as np\n\ndef sums(n):\n    x = np.empty(n)\n    return x + 1 + x\n"
    )
    law = law_calls.find("sums.py:sums", {"n": (10, 20, 40)}, "", 60.0).laws.figures["peak"]
    assert law.since == {"n": 32_768}
    assert law.law.expression.value({"n": 10**9}) == pytest.approx(16 * 10**9, abs=100)


def test_what_has_no_law_says_what_to_do(here):
    (here / "cubes.py").write_text(
        "import numpy as np\n\ndef cube(n):\n    return np.empty((n, n, n))\n\n"
        "def square(n):\n    return np.empty((n, 10**4, 10))\n"
    )
    few = law_calls.find("cubes.py:cube", {"n": (10, 20, 30)}, "", 60.0).laws
    assert few.reasons["peak"] == ("no polynomial reproduces it; a power of 3 takes 5 values of n")
    enough = law_calls.find("cubes.py:cube", {"n": (10, 20, 30, 40, 50)}, "", 60.0).laws
    assert enough.figures["peak"].bytes == "8 n^3 B"
    large = law_calls.find("cubes.py:square", {"n": (300, 400, 500)}, "", 60.0).laws
    assert large.reasons["peak"] == (
        "n = 5,000, where it has to be verified, takes about 4.0 GB; give --vary smaller values"
    )
