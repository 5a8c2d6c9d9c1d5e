"""What an earlier process compiled changes no measurement."""

from __future__ import annotations

import numpy as np
import pytest

from gradmeter import engine
from gradmeter.bench import workloads
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.meters.allocations import counting
from gradmeter.bench.runs import laws
from gradmeter.bench.runs.spec import COLD

from ..command import gradmeter

pytest.importorskip("llvmlite")

from gradmeter.engine.compiler import kept_kernels, kernels

LIMIT = 300.0


def kernels_of(function):
    """Compile a function of one Variable as a new process would; return its kept kernels."""
    kernels._kernels.clear()
    engine.compile(lambda x: function(engine, x))(engine.Variable(np.arange(1.0, 17.0)))
    return [(kernel.path.name, kernel.bytes, kernel.used) for kernel in kept_kernels.listed()]


def test_the_variable_of_workers_is_the_engines():
    assert {kept_kernels.VARIABLE: "off"} == COLD


def test_workers_load_and_keep_no_kernels_and_bytes_are_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(kernels, "_kernels", {})
    workload, variant = workloads.get("squares-3"), parse("engine:execution=compiled")

    def worker_bytes():
        [part] = laws.find(workload, variant, 0, LIMIT).parts
        return {name: law.bytes for name, law in part.laws.figures.items()}

    cold = worker_bytes()
    assert cold["held"] == "24 N B"
    assert kept_kernels.listed() == []
    kept = kernels_of(workload.function)
    assert kept
    assert worker_bytes() == cold
    now = [(kernel.path.name, kernel.bytes, kernel.used) for kernel in kept_kernels.listed()]
    assert now == kept  # a file that is loaded is the one used last


def test_bytes_are_the_same_with_and_without_kept_kernels(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    emitted = []
    emit = kernels.emit
    monkeypatch.setattr(kernels, "emit", lambda text: emitted.append(text) or emit(text))

    def first_call_bytes():
        monkeypatch.setattr(kernels, "_kernels", {})
        run = engine.compile(lambda x: workloads.get("squares-3").function(engine, x))
        x = engine.Variable(np.ones(1000))
        with counting() as count:
            outputs = run(x)
            assert outputs is not None
            return count.peak, count.live

    first_call_bytes()
    kept_kernels.clear()
    emitted.clear()
    cold = first_call_bytes()
    assert emitted
    emitted.clear()
    assert first_call_bytes() == cold
    assert not emitted


def test_the_command_lists_and_clears_them(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(kernels, "_kernels", {})
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    folder = tmp_path / "cache" / "gradmeter" / "kernels"
    assert f"0 compiled kernels, 0 B, in {folder}" in one_line(gradmeter("cache", env=environment))
    kept = kernels_of(workloads.get("squares-3").function)
    count = len(kept)
    assert f"{count} compiled kernels, " in one_line(gradmeter("cache", env=environment))
    said = one_line(gradmeter("cache", "--clear", env=environment))
    assert f"removed: {count} compiled kernels of {count}, " in said
    assert kept_kernels.listed() == []


def one_line(said):
    """The output with no line breaks: a path may be longer than a line."""
    assert said.returncode == 0, said.stderr
    return "".join(said.stdout.splitlines())
