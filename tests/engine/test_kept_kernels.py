"""Kernels kept on disk: equal results, no crash and no wrong one, whatever lies in the folder."""

from __future__ import annotations

import os
import random
import stat
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradmeter import engine

pytest.importorskip("llvmlite")

from gradmeter.engine.compiler import kept_kernels, kernels

from ..thorough import examples

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="nothing is kept on Windows")

PROGRAM = """
import sys
import numpy as np
from gradmeter import engine

def f(x, y):
    return (x * y + {number}) / (y * y + 1.0), engine.maximum(x, y)

x, y = np.random.default_rng(0).normal(size=(2, 5, 7))
outputs, gradients = engine.compile(f)(engine.Variable(x), engine.Variable(y))
sys.stdout.buffer.write(b"".join(a.tobytes() for a in (*outputs, *gradients)))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty cache, a process that has compiled nothing, and no warning given yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(kept_kernels.VARIABLE, raising=False)
    monkeypatch.setattr(kept_kernels, "_refused", set())
    monkeypatch.setattr(kernels, "_kernels", {})
    return tmp_path / "gradmeter" / "kernels"


def files(folder):
    return sorted(folder.iterdir()) if folder.is_dir() else []


def result(**options):
    """Compile in this process, as if it were a new one; return the bytes of all results."""
    kernels._kernels.clear()

    def f(x, y):
        return (x * y + 1.5) / (y * y + 1.0), engine.maximum(x, y)

    x, y = np.random.default_rng(0).normal(size=(2, 5, 7))
    outputs, gradients = engine.compile(f, **options)(engine.Variable(x), engine.Variable(y))
    return b"".join(array.tobytes() for array in (*outputs, *gradients))


@pytest.fixture
def emitted(monkeypatch):
    """The texts that are compiled, not loaded."""
    texts = []
    emit = kernels.emit
    monkeypatch.setattr(kernels, "emit", lambda text: texts.append(text) or emit(text))
    return texts


def test_a_second_process_loads_what_the_first_compiled(folder, emitted):
    command = [sys.executable, "-c", PROGRAM.format(number=1.5)]
    first = subprocess.run(command, capture_output=True, check=True).stdout
    kept = [(path, path.read_bytes()) for path in files(folder)]
    assert kept
    assert result() == first
    assert not emitted  # all was loaded
    assert [(path, path.read_bytes()) for path in files(folder)] == kept
    assert {stat.S_IMODE(path.stat().st_mode) for path, _ in kept} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_programs_from_the_cache_compute_the_same_bits(folder, emitted):
    fresh = result(cache=False)
    assert not files(folder)
    assert result() == fresh
    count = len(emitted)
    assert result() == fresh
    assert len(emitted) == count


@pytest.mark.parametrize("way", ["argument", "variable"])
def test_off_neither_loads_nor_keeps(folder, emitted, monkeypatch, way):
    options = {"cache": False} if way == "argument" else {}
    if way == "variable":
        monkeypatch.setenv(kept_kernels.VARIABLE, "off")
    off = result(**options)
    assert not folder.exists()
    monkeypatch.delenv(kept_kernels.VARIABLE, raising=False)
    assert result() == off
    count = len(emitted)
    if way == "variable":
        monkeypatch.setenv(kept_kernels.VARIABLE, "off")
    assert result(**options) == off
    assert len(emitted) > count


@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_damaged_file_is_ignored_and_replaced(folder, data):
    key, content = b"key", data.draw(st.binary(min_size=1, max_size=200))
    kept_kernels.write(key, content)
    (path,) = files(folder)
    whole = path.read_bytes()
    position = data.draw(st.integers(0, len(whole) - 1))
    damage = data.draw(st.sampled_from(["cut", "flipped", "longer"]))
    path.write_bytes(
        {
            "cut": whole[:position],
            "flipped": whole[:position]
            + bytes([whole[position] ^ data.draw(st.integers(1, 255))])
            + whole[position + 1 :],
            "longer": whole + bytes(position + 1),
        }[damage]
    )
    assert kept_kernels.read(key) is None
    kept_kernels.write(key, content)
    assert path.read_bytes() == whole
    assert kept_kernels.read(key) == content


def test_results_are_right_beside_damaged_files(folder, emitted):
    right = result()
    for path in files(folder):
        content = bytearray(path.read_bytes())
        content[random.randrange(len(content))] ^= 0x55
        path.write_bytes(content)
    count = len(emitted)
    assert result() == right
    assert len(emitted) > count


def test_a_file_of_another_key_is_no_hit(folder):
    kept_kernels.write(b"one", b"code of one")
    kept_kernels.write(b"two", b"code of two")
    one, two = (folder / kept_kernels._name(key) for key in (b"one", b"two"))
    one.write_bytes(two.read_bytes())
    assert kept_kernels.read(b"one") is None
    assert kept_kernels.read(b"two") == b"code of two"


@pytest.mark.parametrize("change", ["triple", "cpu", "features", "llvm", "llvmlite", "options"])
def test_all_that_changes_a_kernel_is_in_its_key(monkeypatch, emitted, change):
    result()
    llvm, machine = kernels.require_llvm(), kernels._machine()

    class Machine:
        triple = "another"

        def __getattr__(self, name):
            return getattr(machine, name)

    import llvmlite

    if change == "triple":
        monkeypatch.setattr(kernels, "_machine", Machine)
    elif change == "cpu":
        monkeypatch.setattr(llvm, "get_host_cpu_name", lambda: "another")
    elif change == "features":
        name = llvm.get_host_cpu_features
        monkeypatch.setattr(llvm, "get_host_cpu_features", lambda: type(name())({"fma": False}))
    elif change == "llvm":
        monkeypatch.setattr(llvm, "llvm_version_info", (1, 2, 3))
    elif change == "llvmlite":
        monkeypatch.setattr(llvmlite, "__version__", "0.0.0")
    else:
        monkeypatch.setattr(kernels, "get_data", lambda *_: b"another compiler")
    kernels._compiler_key.cache_clear()
    count = len(emitted)
    result()
    kernels._compiler_key.cache_clear()
    assert len(emitted) > count


def test_processes_and_threads_that_race_all_get_the_right_result(folder):
    command = [sys.executable, "-c", PROGRAM.format(number=1.5)]
    racing = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    wrong = []

    def race(k):
        for i in range(200):
            kept_kernels.write(b"key %d" % (i % 3), bytes([i % 3]) * 5000)
            content = kept_kernels.read(b"key %d" % ((i + k) % 3))
            if content not in (None, bytes([(i + k) % 3]) * 5000):
                wrong.append(content)

    threads = [threading.Thread(target=race, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert {process.communicate()[0] for process in racing} == {result()}
    assert all(path.suffix == kept_kernels.SUFFIX for path in files(folder))  # nothing is left over


def test_the_folder_is_bounded_and_the_least_recently_used_go_first(folder, monkeypatch):
    monkeypatch.setattr(kept_kernels, "MAX_BYTES", 10_000)
    paths = {}
    for i in range(8):
        kept_kernels.write(b"%d" % i, bytes(1500))
        paths[i] = folder / kept_kernels._name(b"%d" % i)
        if paths[i].exists():
            os.utime(paths[i], (1000 + i, 1000 + i))
        if i == 4:
            assert kept_kernels.read(b"0") is not None  # now it is the one used last
        assert sum(path.stat().st_size for path in files(folder)) <= 10_000
    assert paths[0].exists()
    assert not paths[1].exists()
    assert kept_kernels.read(b"7") == bytes(1500)
    assert [kernel.path for kernel in kept_kernels.listed()][-1] == paths[7]


def test_clearing_removes_all_and_harms_no_process(folder):
    run = engine.compile(lambda x: x * x + 1.0)
    x = engine.Variable(np.arange(3.0))
    before = run(x)[0].tobytes()
    count = len(files(folder))
    assert count == len(kept_kernels.listed()) > 0
    assert kept_kernels.clear() == count
    assert not files(folder)
    assert run(x)[0].tobytes() == before
    assert kept_kernels.clear() == 0


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o702])
def test_a_folder_that_others_can_write_to_is_refused_with_one_warning(folder, emitted, mode):
    right = result()
    folder.chmod(mode)
    kept = [path.read_bytes() for path in files(folder)]
    count = len(emitted)
    with pytest.warns(RuntimeWarning, match="can be written by others") as warned:
        assert result() == right
    assert len(warned) == 1
    assert len(emitted) > count
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert result() == right
    assert [path.read_bytes() for path in files(folder)] == kept


def test_a_folder_of_another_user_is_refused(folder, monkeypatch):
    kept_kernels.write(b"key", b"code")
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    with pytest.warns(RuntimeWarning, match="belongs to"):
        assert kept_kernels.read(b"key") is None


def a_file(folder):
    folder.parent.mkdir(parents=True)
    folder.write_text("a file")


def a_link(folder):
    folder.parent.mkdir(parents=True)
    (folder.parent / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(folder.parent / "elsewhere")


def a_parent_that_is_a_file(folder):
    folder.parent.write_text("a file")


def a_relative_home(folder):
    os.environ["XDG_CACHE_HOME"] = "relative"


@pytest.mark.parametrize("obstacle", [a_file, a_link, a_parent_that_is_a_file, a_relative_home])
def test_a_folder_that_cannot_be_made_changes_nothing(folder, emitted, obstacle):
    obstacle(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = result()
        count = len(emitted)
        assert result() == first
    assert len(emitted) > count
    assert not os.path.exists("relative")


def test_a_full_or_read_only_disk_changes_nothing(folder, emitted, monkeypatch):
    def fails(*_, **__):
        raise OSError(28, "No space left on device")

    right = result()
    for function in ("replace", "mkdir", "utime", "open"):
        kept_kernels.clear()
        with monkeypatch.context() as patched, warnings.catch_warnings():
            warnings.simplefilter("error")
            patched.setattr(kept_kernels.os, function, fails)
            assert result() == right
        assert not [path for path in files(folder) if path.suffix != kept_kernels.SUFFIX]
    assert emitted


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_what_is_no_file_is_no_hit(folder, tmp_path, kind):
    kept_kernels.write(b"key", b"code")
    (path,) = files(folder)
    if kind == "link":
        path.rename(tmp_path / "code")
        path.symlink_to(tmp_path / "code")
    else:
        path.unlink()
        os.mkfifo(path) if kind == "pipe" else path.mkdir()
    assert kept_kernels.read(b"key") is None
    kept_kernels.write(b"key", b"code")
    assert kept_kernels.read(b"key") == (None if kind == "folder" else b"code")
