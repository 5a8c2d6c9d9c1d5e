"""A worker that fails in any way costs one WorkerError that says what happened, and no more."""

from __future__ import annotations

import os
import threading
import time

import psutil
import pytest

from gradmeter.bench.errors import WorkerError
from gradmeter.bench.runs import dialogue
from gradmeter.bench.runs.launcher import Process

from ..command import PATIENCE
from ..misbehaviour import engine_copy, gone, interpreter, spec, squares_that, within

LIMIT = 0.6  # for what never comes


def _time(process: Process) -> None:
    process.ready()
    process.ask("time", loops=1)


def outcome(limit: float = PATIENCE, **changes) -> WorkerError:
    """The error that a worker ends with; it must be gone by then, or at the latest when closed."""
    process = Process(spec(**changes), limit)
    try:
        with pytest.raises(WorkerError) as caught:
            _time(process)
    finally:
        process.close()
    assert gone(process.child.pid)
    return caught.value


def measured(**changes) -> dict:
    process = Process(spec(**changes), PATIENCE)
    try:
        process.ready()
        return process.ask("allocations")["passes"][0]
    finally:
        process.close()


# What an engine does in the middle of a program, and what is said of it.
ENDS = [
    ("os._exit(7)", "crashed", "exit code 7"),
    ("os._exit(0)", "crashed", "exit code 0"),
    ("sys.exit('enough')", "crashed", "enough"),
    ("raise KeyboardInterrupt", "crashed", "KeyboardInterrupt"),
    ("os.abort()", "crashed", "SIGABRT"),
    ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed", "SIGSEGV"),
    ("import ctypes; ctypes.string_at(0)", "crashed", "SIGSEGV"),
    ("os.kill(os.getpid(), signal.SIGKILL)", "killed", "memory"),
    ("os.kill(os.getpid(), signal.SIGTERM)", "killed", "SIGTERM"),
    ("raise MemoryError('no room')", "raised", "MemoryError: no room"),
    ("raise ValueError('two\\nlines')", "raised", "ValueError: two"),
    ("raise Exception('\\udcff' + chr(8232) + '\\x00')", "raised", "Exception"),
    ("square(x)", "raised", "RecursionError"),
]


@pytest.mark.parametrize(("does", "kind", "says"), ENDS)
def test_a_worker_that_ends_or_raises_says_how(tmp_path, does, kind, says):
    error = outcome(engine_path=engine_copy(tmp_path, squares_that(does)))
    assert error.kind == kind
    assert says in str(error)


@pytest.mark.parametrize(
    "line",
    [
        "b'hello\\n'",
        "b'\\xff\\xfe\\n'",
        "b'\\n'",
        "b'5\\n'",
        "b'null\\n'",
        "b'[\"error\"]\\n'",
        "b'\"error\"\\n'",
        "b'{}\\n'",
        "b'{\"ok\": 5}\\n'",
        "b'{\"ok\": {}'",  # half a line
        "b'9' * 10_000 + b'\\n'",
        "b'[' * 200_000 + b'\\n'",
        "b'{\"ok\":' * 200_000 + b'\\n'",
        'b\'{"ok": {"a": 1e999}}\\n\'',
        'b\'{"ok": {"a": NaN}}\\n\'',
        'b\'{"ok": {"a": 9223372036854775808}}\\n\'',
        "b'{\"ok\": {\"a\": ' + b'9' * 10_000 + b'}}\\n'",
    ],
)
def test_what_is_no_reading_is_rubbish(tmp_path, line):
    body = f"import sys; sys.stdin.readline(); sys.stdout.buffer.write({line})\n"
    assert outcome(interpreter=interpreter(tmp_path, body)).kind == "rubbish"


@pytest.mark.parametrize("text", ["x", "x\\n", "[", "\\xff"])
def test_an_endless_answer_is_read_up_to_a_limit_and_no_further(tmp_path, text):
    body = f"import sys\nwhile True: sys.stdout.buffer.write(b'{text}' * 2**20)\n"
    before = psutil.Process().memory_info().rss
    assert outcome(interpreter=interpreter(tmp_path, body)).kind == "rubbish"
    assert psutil.Process().memory_info().rss - before < 4 * dialogue.MOST_ANSWER


def test_what_a_worker_writes_and_nobody_asked_for_is_not_kept(tmp_path):
    body = (
        "import sys, time\nsys.stdout.write('{\"ok\": {}}\\n'); sys.stdout.flush()\n"
        "while True: sys.stdout.write('x\\n' * 2**16)\n"
    )
    process = Process(spec(interpreter=interpreter(tmp_path, body)), PATIENCE)
    try:
        process.ready()
        before = psutil.Process().memory_info().rss
        time.sleep(0.5)
        assert psutil.Process().memory_info().rss - before < 2**24
        with pytest.raises(WorkerError):
            process.ask("time", loops=1)
    finally:
        process.close()


def test_after_a_worker_was_ended_no_other_file_is_read_for_it(tmp_path):
    process = Process(spec(interpreter=interpreter(tmp_path, "import time; time.sleep(99)")), 0.3)
    with pytest.raises(WorkerError, match="no answer"):
        process.ready()
    read, write = os.pipe()
    os.write(write, b'{"ok": {}}\n' * 9)
    with pytest.raises(WorkerError, match="has ended"):
        process.ask("time", loops=1)
    os.close(read)
    os.close(write)


def test_of_gigabytes_of_errors_the_last_line_is_told(tmp_path):
    body = (
        "import sys\nsys.stderr.truncate(2**33)\nsys.stderr.seek(0, 2)\n"
        "sys.stderr.write('\\nthe reason\\n'); sys.stderr.flush(); sys.exit(1)\n"
    )
    assert "the reason" in str(outcome(interpreter=interpreter(tmp_path, body)))


def test_a_worker_that_says_nothing_and_ends_has_crashed(tmp_path):
    error = outcome(interpreter=interpreter(tmp_path, "import sys; sys.exit(5)\n"))
    assert (error.kind, "exit code 5" in str(error)) == ("crashed", True)


def test_what_a_crashed_worker_said_last_is_told(tmp_path):
    body = "import sys; print('first\\nthe reason', file=sys.stderr); sys.exit(1)\n"
    assert "the reason" in str(outcome(interpreter=interpreter(tmp_path, body)))


@pytest.mark.parametrize(
    "body",
    [
        "import time; time.sleep(600)",
        "import sys, time; sys.stdout.write('{'); sys.stdout.flush(); time.sleep(600)",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
        "import os\nwhile True: os.getpid()",
    ],
)
def test_a_worker_that_hangs_is_ended_at_its_limit(tmp_path, body):
    error = outcome(limit=LIMIT, interpreter=interpreter(tmp_path, body))
    assert (error.kind, f"{LIMIT:g} seconds" in str(error)) == ("timed out", True)


def test_a_worker_that_closes_its_output_and_hangs_is_ended_too(tmp_path):
    body = "import os, time\nos.close(1); time.sleep(600)"
    found: list[WorkerError] = []
    script = interpreter(tmp_path, body)
    process = Process(spec(interpreter=script), LIMIT)

    def wait() -> None:
        try:
            process.ready()
        except WorkerError as error:
            found.append(error)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    hung = thread.is_alive()
    process.child.kill()
    thread.join(PATIENCE)
    process.close()
    assert not hung, "the runner waits for ever for a worker whose output is closed"
    assert found


@pytest.mark.parametrize(
    ("name", "mode"), [("missing", None), ("not_executable", 0o644), ("no_program", 0o755)]
)
def test_an_interpreter_that_cannot_be_started_is_named(tmp_path, name, mode):
    path = tmp_path / name
    if mode is not None:
        path.write_bytes(b"\x00\x01\x02")
        path.chmod(mode)
    with pytest.raises(WorkerError, match=name) as caught:
        Process(spec(interpreter=str(path)), PATIENCE)
    assert caught.value.kind == "crashed"


def test_what_a_workload_prints_does_not_mix_with_the_answers(tmp_path):
    noise = "print('{\"ok\": 5}', flush=True); os.write(1, b'noise'); os.system('echo noise')"
    assert measured(engine_path=engine_copy(tmp_path, squares_that(noise))) == measured()


def test_the_engine_of_the_given_path_is_the_one_measured(tmp_path):
    # A copy of the engine whose square keeps one array more.
    path = engine_copy(tmp_path, squares_that("KEPT.append(x.data + 1)") + "KEPT = []\n")
    assert measured(engine_path=path)["held"] == measured()["held"] + 3 * 16 * 8


def test_an_engine_that_is_not_python_raises_with_the_place(tmp_path):
    error = outcome(engine_path=engine_copy(tmp_path, "def ("))
    assert error.kind == "raised"
    assert "SyntaxError" in str(error)
    assert "__init__.py" in str(error)


def test_an_engine_path_without_an_engine_is_refused_and_not_replaced_by_ours(tmp_path):
    assert "engine" in str(outcome(engine_path=str(tmp_path)))


@pytest.mark.parametrize("changes", [{"workload": "no"}, {"engine": "no"}, {"core": 10_000}])
def test_a_case_that_cannot_be_built_raises(changes):
    assert outcome(**changes).kind == "raised"


def test_the_self_test_passes_in_every_fresh_process():
    failed = []
    for core in sorted(os.sched_getaffinity(0)) * 4:
        process = Process(spec(core=core, small_pages=True), PATIENCE)
        try:
            process.ready()
            tests = process.ask("selftest")["tests"]
        finally:
            process.close()
        failed += [t for t in tests if abs(t["measured"] - t["expected"]) > t["tolerance"]]
    assert not failed


def test_a_meter_that_does_not_exist_raises_and_the_worker_goes_on():
    process = Process(spec(), PATIENCE)
    try:
        process.ready()
        with pytest.raises(WorkerError):
            process.ask("no_such_meter")
        assert process.ask("time", loops=1).keys() >= {"forward", "backward", "step", "cpu"}
    finally:
        process.close()


def test_asking_a_worker_that_has_ended_is_a_worker_error(tmp_path):
    process = Process(spec(interpreter=interpreter(tmp_path, "")), 2)
    try:
        for _ in range(2):
            with pytest.raises(WorkerError) as caught:
                process.ask("time", loops=1)
            assert caught.value.kind == "crashed"
    finally:
        process.close()


def test_closing_is_quick_final_and_may_be_repeated():
    process = Process(spec(), PATIENCE)
    process.ready()
    for _ in range(3):
        process.close()
    assert process.child.returncode is not None


def test_many_workers_leave_no_thread_no_descriptor_and_no_child(tmp_path):
    path = interpreter(tmp_path, "", "/bin/true")
    others = set(psutil.Process().children())  # such as the driver of a browser
    before = None
    for _ in range(4):
        process = Process(spec(interpreter=path), PATIENCE)
        process.close()
        now = (threading.active_count(), len(os.listdir("/proc/self/fd")))
        before = before or now
    assert now == before
    assert within(lambda: set(psutil.Process().children()) <= others)


def test_closing_ends_a_worker_in_an_endless_loop(tmp_path):
    path = engine_copy(tmp_path, squares_that("while True: pass"))
    process = Process(spec(engine_path=path), PATIENCE)
    process.ready()
    process.send({"meter": "time", "loops": 1})
    time.sleep(0.1)
    process.child.stdin.close()  # what happens too when the parent dies
    try:
        assert process.child.wait(PATIENCE) == 0
    finally:
        process.close()
