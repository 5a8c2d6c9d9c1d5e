"""The residency meter and the sampler against known truth, in fresh processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from types import SimpleNamespace

import pytest

from gradmeter.bench.meters.residency import can_reset
from gradmeter.bench.runs.sampler import Sampler

from ..command import PATIENCE

MIB = 2**20

pytestmark = pytest.mark.skipif(
    not can_reset(), reason="this kernel cannot start a process's resident peak anew"
)


def measured(body: str, timeout: float = 60, before: str = "") -> dict:
    """What the meter says of a program of these lines, in a fresh process."""
    program = textwrap.indent(textwrap.dedent(body).strip(), "    ")
    code = (
        "import json, mmap, time\nfrom dataclasses import asdict\nimport numpy as np\n"
        "from gradmeter.bench.meters import residency\n\ndef program():\n    yield 'forward'\n"
        f"{program}\n    yield 'end'\n\n{before}"
        "print(json.dumps(asdict(residency.measure(program))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "NUMPY_MADVISE_HUGEPAGE": "0", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def near(found: int, expected: int) -> bool:
    """Whether the two agree within the tolerance that the meter claims."""
    return abs(found - expected) <= max(512 * 1024, expected // 100)


@pytest.mark.parametrize("mib", [1, 8, 64])
def test_an_array_that_is_written_counts_as_its_size(mib):
    found = measured(f"x = np.empty({mib} * 2**20, np.uint8); x[:] = 1")
    assert found["method"] == "reset peak"
    assert near(found["bytes"], mib * MIB), found["bytes"]


def test_pages_straight_from_the_system_count_as_they_are_touched():
    found = measured(
        """
        with mmap.mmap(-1, 48 * 2**20) as pages:
            for page in range(0, len(pages) // 2, mmap.PAGESIZE):
                pages[page] = 1
        """
    )
    assert near(found["bytes"], 24 * MIB), found["bytes"]


@pytest.mark.parametrize("make", ["zeros", "empty"])
def test_pages_that_nobody_touched_are_not_counted(make):
    found = measured(f"x = np.{make}(95 * 2**20, np.uint8)")
    assert near(found["bytes"], 0), found["bytes"]


def test_what_was_needed_before_the_run_is_not_counted():
    code = (
        "import numpy as np\nfrom gradmeter.bench.meters import residency\n"
        "x = np.ones(256 * 2**20, np.uint8); del x\n"  # a peak that is over
        "kept = np.ones(32 * 2**20, np.uint8)\n"  # and what is still there
        "def program():\n    yield 'forward'\n    y = np.ones(16 * 2**20, np.uint8)\n"
        "    yield 'end'\n"
        "found = residency.measure(program); print(found.bytes, found.before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    grown, before = map(int, done.stdout.split())
    assert near(grown, 16 * MIB), grown
    assert 32 * MIB < before < 256 * MIB


def test_a_peak_that_is_over_when_looked_for_is_counted():
    found = measured(
        """
        x = np.ones(40 * 2**20, np.uint8)
        del x
        yield 'backward'
        y = np.ones(2**20, np.uint8)
        """
    )
    assert near(found["bytes"], 40 * MIB), found["bytes"]
    assert found["started"] <= found["stopped"]


def test_what_stays_resident_when_all_is_dropped_is_told_apart_from_the_peak():
    kept = "from gradmeter import engine\nengine.{}_freed_memory()\n"
    body = "x = np.ones(8 * 2**20, np.uint8); y = np.ones(8 * 2**20, np.uint8)"
    for policy, left in (("keep", 16 * MIB), ("return", 0)):
        found = measured(body, before=kept.format(policy))
        assert near(found["bytes"], 16 * MIB), found
        assert near(found["left"], left), (policy, found)


# Said in lines: its first, when it is ready; then it holds much for a moment between two
# samples, and waits.
PEAK_BETWEEN = """
import json, sys, time
from dataclasses import asdict
import numpy as np
from gradmeter.bench.meters import residency

def program():
    yield "forward"
    x = np.ones(96 * 2**20, np.uint8)
    del x
    yield "end"

print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(asdict(residency.measure(program))), flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def child():
    """Start a child that runs this code; it is ended whatever happens."""
    children = []

    def start(code: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(process)
        return process

    yield start
    for process in children:
        process.kill()
        process.communicate()


def tell(process: subprocess.Popen) -> str:
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline()


def watch(process: subprocess.Popen, interval: float) -> Sampler:
    return Sampler(SimpleNamespace(child=process), interval)


def until(process: subprocess.Popen, samples: list, number: int) -> None:
    """Wait until there are so many samples."""
    end = time.monotonic() + PATIENCE
    while len(samples) < number and time.monotonic() < end:
        time.sleep(0.005)


def test_a_peak_between_two_samples_is_seen_by_residency_and_missed_by_the_sampler(child):
    process = child(PEAK_BETWEEN)
    assert process.stdout.readline() == "ready\n"
    sampler = watch(process, 1.5)  # one sample comes at once, the next long after the peak
    until(process, sampler._samples, 1)
    found = json.loads(tell(process))
    tell_end = time.time()
    samples = sampler.stop()
    assert near(found["bytes"], 96 * MIB)
    assert [b for t, b in samples if t <= found["stopped"]], "it did sample"
    assert max(b for _, b in samples) - found["before"] < 96 * MIB // 2
    assert all(t <= tell_end + 60 for t, _ in samples)


HOLDS = """
import sys
import numpy as np
x = np.ones(64 * 2**20, np.uint8)
print("ready", flush=True)
sys.stdin.readline()
del x
"""


def test_the_sampler_sees_what_a_process_holds_for_long(child):
    process = child(HOLDS)
    process.stdout.readline()
    started = time.time()
    sampler = watch(process, 0.005)
    until(process, sampler._samples, 5)
    samples = sampler.stop()
    assert len(samples) >= 5
    times = [t for t, _ in samples]
    assert times == sorted(times)
    assert started <= times[0]
    assert times[-1] <= time.time()
    resident = [b for _, b in samples]
    assert 64 * MIB <= min(resident) <= max(resident) < 200 * MIB
    assert process.poll() is None, "watching does no harm"


def test_the_sampler_ends_with_the_process_that_it_watches(child):
    process = child(HOLDS)
    process.stdout.readline()
    sampler = watch(process, 0.005)
    until(process, sampler._samples, 2)
    process.kill()
    process.wait()
    sampler._thread.join(timeout=10)
    assert not sampler._thread.is_alive()
    found = sampler.stop()
    assert found
    assert sampler.stop() == found


def test_a_process_that_was_never_there_gives_no_samples(child):
    process = child("")
    process.communicate()
    assert watch(process, 0.005).stop() == []


def test_stopping_at_once_is_no_error(child):
    process = child(HOLDS)
    process.stdout.readline()
    for _ in range(3):
        samples = watch(process, 0.005).stop()  # how many there are is the machine's affair
        assert all(size > 0 for _, size in samples)
        assert [t for t, _ in samples] == sorted(t for t, _ in samples)
