"""gradmeter trace and gradmeter_.trace(): workloads, scripts and blocks, as a user starts them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tracemalloc

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradmeter as gradmeter_
from gradmeter import engine
from gradmeter.bench import cli
from gradmeter.bench.commands import trace as trace_command
from gradmeter.bench.errors import WorkerError
from gradmeter.bench.meters.python_allocators import UnavailableError
from gradmeter.bench.results import run_file
from gradmeter.bench.runs.launcher import Process
from gradmeter.bench.runs.spec import Spec
from gradmeter.bench.timelines import explain
from gradmeter.engine import ObserverError, Variable

from ..command import GRADMETER, PATIENCE, gradmeter
from ..misbehaviour import within
from ..throwaway import adapter

STRONG = "engine:output_references=strong"
LOOP = "Variable ._edge -> Square ._outputs[0] -> Variable"


def words(text: str) -> str:
    """As one line: where it is wrapped does not matter."""
    return " ".join(text.split())


def traced(*arguments, code=0, **options) -> str:
    found = gradmeter("trace", *arguments, **options)
    assert found.returncode == code, found.stdout + found.stderr
    return words(found.stdout)


@pytest.fixture
def script(tmp_path):
    """Write a script that begins with the usual imports; its path."""

    def write(text: str, name: str = "train.py"):
        path = tmp_path / name
        head = (
            "import sys\nimport numpy as np\n"
            "from gradmeter import engine\nfrom gradmeter.engine import Variable\n"
        )
        path.write_text(head + text)
        return path

    return write


GRAPH = "y = engine.square(Variable(np.ones(1000), 'w'))\ny.backward()\n"


def test_a_workload_is_told_the_same_every_time():
    said = traced("squares-3", "--size", "1000", "--operations")
    assert "squares-3 x 1,000 engine: 7 operations" in said
    assert "peak 32.0 kB (32,000 B) in square#3 forward (3 of 7)" in said
    assert "the graph holds 1 saved array, 8,000 B, until backward reaches them" in said
    assert "4 square#3 backward 32,000 32,000 32,000 0" in said
    assert "x input 8,000 at the start" in said
    again = gradmeter("trace", "squares-3", "--size", "1000", "--operations").stdout
    assert said == words(again)
    assert max(map(len, again.splitlines())) <= 80


def test_a_variant_is_told_with_its_cycle():
    said = traced("squares-3", "--size", "1000", "--variant", STRONG)
    assert f"cycle: {LOOP}; in such cycles 40.0 kB wait for the collector" in said


@pytest.mark.parametrize(
    ("against", "says"),
    [
        (STRONG, ["the first difference is at operation 4", "B alive at the end"]),
        ("diamond", ["only A has 1 array: grad of square#3, 8 B", "only B has 2 arrays: add#4"]),
        ("squares-3", ["every operation is the same in both, to the byte"]),
    ],
)
def test_two_are_compared(against, says):
    said = traced("squares-3", "--size", "1000", "--against", against)
    assert "A squares-3 x 1,000 engine peak 32.0 kB" in said
    for sentence in says:
        assert sentence in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nope.py"], "nope.py cannot be read"),
        (["/tmp"], "/tmp cannot be read"),
        (["cubes-3"], "there is no workload 'cubes-3'"),
        (["squares-3", "more"], "only a script takes arguments"),
        (["squares-3", "--size", "0"], "not positive"),
        (["squares-3", "--size", "1000000000000"], "smaller --size"),
        (["squares-3", "--variant", "nope"], "no engine"),
        (["squares-3", "--against", "nope"], "neither a workload"),
        (["--size", "3", "x.py"], "--size is for workloads"),
        (["--against", "diamond", "x.py"], "a script takes a variant"),
        (["--variant", "autograd", "x.py"], "x.py cannot be read"),
        (["--variant", "autograd:enable_backprop=off", "x.py"], "a script uses the engine that it"),
        (["--variant", "autograd", "--against", "engine", "x.py"], "of autograd no settings are"),
        (["--variant", "torch", "x.py"], "torch allocates the memory of its arrays itself"),
        *(
            ([option, f"engine:{setting}", "x.py"], f"{setting.partition('=')[0]} is for workloads")
            for option in ("--variant", "--against")
            for setting in ("execution=compiled", "checkpoint=2", "threads=2", "python=/bin/true")
        ),
        (["x.py", f"--variant={STRONG}"], "--variant=engine:output_references=strong follows"),
        *(
            (["--seed", "1", "x.py", "a", option, "3"], f"{option} follows the program x.py")
            for option in ("--variant", "--against", "--size", "--seed", "--operations")
        ),
        ([], "trace needs WORKLOAD|SCRIPT"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_call_that_makes_no_sense_is_refused(monkeypatch, capfd, arguments, says):
    monkeypatch.setattr(sys, "argv", ["gradmeter", "trace", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, error = capfd.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert says in words(error)
    assert "Traceback" not in error


def test_a_workload_whose_worker_fails_costs_exit_code_3(monkeypatch, capfd):
    def fail(*_):
        raise WorkerError("killed", "it was [red]killed")

    monkeypatch.setattr(trace_command, "Process", fail)
    assert trace_command._trace("squares-3", [], 16, None, None, None, False) == 3
    out, error = capfd.readouterr()
    assert out == ""
    assert words(error) == (
        "gradmeter: squares-3 x 16 engine could not be traced: it was [red]killed"
    )


def test_a_script_runs_as_python_runs_it(script):
    script("value = 42\n", "beside.py")
    path = script(
        "import beside, pickle\n"
        "class Here: pass\n"
        "pickle.loads(pickle.dumps(Here()))\n"
        "print(sys.argv, sys.path[0], __name__, __file__, beside.value)\n" + GRAPH
    )
    arguments = ["-h", "--help", "--epochs=3", "x"]
    said = traced("--operations", path, *arguments)
    told = [str(path), *arguments]
    assert words(f"{told} {path.parent} __main__ {path} 42") in said
    assert "3 operations" in said
    assert "1 square#1 forward 8,000 16,000 16,000 0" in said


@pytest.mark.parametrize(
    ("end", "code", "says"),
    [
        ("raise ValueError('boom')", 3, "ValueError: boom"),
        ("sys.exit('not today')", 3, "not today"),
        ("sys.exit(KeyError('now'))", 3, "the script exited with code 1"),
        ("sys.exit(7)", 3, "the script exited with code 7"),
        ("sys.exit(0)", 0, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", 130, "interrupted"),
        ("this is no Python", 3, "SyntaxError"),
    ],
)
def test_however_a_script_ends_what_was_traced_is_kept(script, end, code, says):
    path = script(GRAPH + end + "\n")
    found = gradmeter("trace", path)
    assert found.returncode == code
    assert says in found.stderr
    assert "bench" not in found.stderr  # the harness has no part in its traceback
    if says == "SyntaxError":
        assert "no operation of the engine was called" in found.stdout
    else:
        assert "3 operations" in found.stdout
        assert f"{Variable(np.ones(1000)).data.nbytes:,}" in found.stdout
    assert ("until then" in found.stderr) == (code != 0)


@settings(deadline=None)
@given(words=st.lists(st.sampled_from(["--variant", "--size=3", "-h", "--", "x", "--other"])))
def test_what_follows_two_dashes_is_the_scripts(words):
    command = cli.typer.main.get_command(cli.app).commands["trace"]
    for before, after in ((["x.py", "--"], []), (["--", "x.py"], []), (["x.py", "a", "--"], ["a"])):
        context = command.make_context("trace", ["--operations", *before, *words])
        assert context.params["target"] == "x.py"
        assert [*context.params["arguments"]] == [*after, *words]
        assert context.params["operations"]


def test_an_options_value_with_a_slash_is_no_script():
    command = cli.typer.main.get_command(cli.app).commands["trace"]
    context = command.make_context("trace", ["--variant", "engine:python=/a/b", "diamond",
                                             "--size", "3"])  # fmt: skip
    assert (context.params["target"], context.params["size"]) == ("diamond", 3)


def test_a_script_runs_under_the_settings_of_a_variant_in_every_thread(script):
    path = script(
        "import threading\n"
        "told = []\n"
        "class Told(threading.Thread):\n"
        "    def run(self): told.append(engine.Config.output_references)\n"
        "def tell(): told.append(engine.Config.output_references)\n"
        "for thread in (Told(), threading.Thread(target=tell)):\n"
        "    thread.start(); thread.join()\n"
        "tell()\n"
        "print(told, engine.Config.retain_grad)\n" + GRAPH
    )
    assert "['strong', 'strong', 'strong'] False" in traced("--variant", STRONG, path)
    assert f"cycle: {LOOP}" in traced("--variant", STRONG, path)
    assert "['weak', 'weak', 'weak'] False" in traced(path)
    assert engine.Config.output_references == "weak"


def test_a_script_is_compared_under_two_variants_each_in_a_fresh_process(script):
    path = script(
        "import os\nprint('process', os.getpid(), sys.argv[1:])\n"
        "engine.square(engine.square(Variable(np.ones(1000)))).backward()\n"
    )
    said = traced("--against", STRONG, path, "--", "--size", "3")
    assert f"A {path} engine peak" in said
    assert f"B {path} {STRONG} peak" in said
    assert "alive at the end" in said
    pids = re.findall(r"process (\d+) \['--size', '3'\]", said)
    assert len(set(pids)) == 2
    same = traced("--against", "engine", path)
    assert "every operation is the same in both, to the byte" in same


@pytest.mark.parametrize(
    ("end", "code", "says"),
    [
        ("raise ValueError('boom')", 3, "ValueError: boom"),
        ("import os; os._exit(5)", 3, "exit code 5"),
        ("raise KeyboardInterrupt", 130, "interrupted"),
    ],
)
def test_a_script_that_fails_in_its_own_process_is_told_as_in_ours(script, end, code, says):
    found = gradmeter("trace", "--against", STRONG, script(GRAPH + end + "\n"))
    assert found.returncode == code
    assert says in found.stderr
    assert "bench" not in found.stderr


def test_a_script_that_never_uses_the_engine_is_no_success_under_two_variants(script):
    said = traced("--against", STRONG, script("mine = np.empty(5000)\n"), code=3)
    assert "no operation of the engine was called" in said
    assert "without --against it is traced by lines" in said
    assert "peak 40.0 kB (40,000 B) in no operation" in said


def test_a_script_that_never_uses_the_engine_is_traced_by_lines(script):
    said = traced(script("print('ran')\nmine = np.empty(5000)\nmore = mine + 1\n"))
    assert said.count("ran") == 1
    assert "the program runs once more" in said
    assert re.search(r"peak 80.0 kB \(80,0\d\d B\) in \S+train.py:7 ", said)
    assert "more = mine + 1" in said
    assert "40.0 kB that line itself" in said


def test_a_script_of_another_engine_runs_once_and_its_package_is_watched(script, tmp_path):
    """An engine of a file is what is installed here for certain."""
    path = script(
        "import adapter\nx = adapter.Tensor(np.ones(1000))\n"
        "y = adapter.square(adapter.square(x))\nprint('ran', y.data.sum())\n"
    )
    words = ("--engine", adapter(tmp_path), "--operations", path)
    said = traced(*words)
    assert said.count("ran 1000.0") == 1
    assert "traced by lines" in said
    assert "return Tensor(x.data * x.data, lambda g: x.add_grad" in said


def test_cycles_and_threads_of_a_script_are_told(script):
    path = script(
        "import threading, time\n"
        "def work():\n"
        "    time.sleep(0.2)\n"
        "    with engine.using_config('output_references', 'strong'):\n"
        "        engine.square(Variable(np.ones(1000)))\n"
        "mine = np.ones(1000)\n"  # held by a module that is in a cycle with its functions
        "threading.Thread(target=work).start()\n"
    )
    said = traced(path)
    assert f"cycle: {LOOP}; in such cycles 16.0 kB wait" in said


def test_hostile_names_in_a_script_are_text(script):
    path = script(
        "x = Variable(np.ones(1000), 'evil\\n\\x1b[2J[red]\\ud800')\n"
        "kind = type('Bad\\n\\x1b[31m', (engine.Function,), dict(forward=lambda s, x: x * 2))\n"
        "kind()(x)\n"
    )
    found = gradmeter("trace", "--operations", path)
    assert found.returncode == 0, found.stderr
    assert "\x1b" not in found.stdout
    assert "evil\\x0a\\x1b" in found.stdout


def test_a_script_that_stops_tracemalloc_is_told_so(script):
    path = script(
        "import tracemalloc\nx = engine.exp(Variable(np.ones(9)))\ntracemalloc.stop()\n"
        + GRAPH
        + "print('went on')\n"
    )
    found = gradmeter("trace", path)
    assert found.returncode == 3
    assert "stopped tracemalloc" in words(found.stderr)
    assert "went on" in found.stdout
    assert "1 operation\n" in found.stdout


def test_tracing_that_python_was_started_with_is_told(script):
    found = gradmeter("trace", script(GRAPH), env={"PYTHONTRACEMALLOC": "1"})
    assert (found.returncode, found.stdout) == (2, "")
    assert "tracemalloc is tracing already" in words(found.stderr)


def test_a_run_carries_the_timelines_of_its_cases(finished):
    folder, _ = finished
    cases = run_file.load(folder / "run.json").cases
    assert len(cases) == 4
    for case in cases:
        assert explain.peak(case.timeline)[0] == case.memory.peak
        assert case.timeline.levels[-1] == case.memory.held
        assert case.timeline.dropped == case.cycles.dropped


def test_a_timeline_with_more_operations_than_asked_for_is_left_out():
    spec = Spec("squares-3", 16, "engine", (), "on", 0)
    worker = Process(spec, 60.0)
    try:
        worker.ready()
        assert worker.ask("timeline", most=6) == {"timeline": None}
        assert len(worker.ask("timeline", most=7)["timeline"]["operations"]) == 7
    finally:
        worker.close()


def test_ctrl_c_while_a_workload_is_traced_is_no_error():
    with subprocess.Popen(
        [GRADMETER, "trace", "squares-3000", "--size", "10000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert within(lambda: psutil.Process(process.pid).children())  # its worker
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in said


def test_a_block_is_traced_and_prints_as_the_command_does():
    x = Variable(np.ones(1000), "x")
    with gradmeter_.trace() as timeline:
        with pytest.raises(AttributeError, match="when its block has ended"):
            timeline.operations  # noqa: B018
        y = engine.square(x)
        y.backward()
    assert [o.name for o in timeline.operations] == ["square", "square", "store"]
    assert timeline.levels[-1] == 16_000
    assert "peak 16.0 kB" in str(timeline)
    assert "born before, and not counted" in str(timeline)


def test_a_block_that_raises_keeps_what_was_traced_and_its_error():
    def run():
        engine.square(Variable(np.ones(1000)))
        raise KeyError

    with pytest.raises(KeyError), gradmeter_.trace() as timeline:
        run()
    assert len(timeline.operations) == 1
    assert not tracemalloc.is_tracing()


def test_a_trace_inside_of_a_trace_is_refused_and_the_outer_one_goes_on():
    with gradmeter_.trace() as timeline:
        with pytest.raises(UnavailableError), gradmeter_.trace():
            pass
        y = engine.square(Variable(np.ones(1000)))
        assert tracemalloc.is_tracing()
    assert [o.name for o in timeline.operations] == ["square"]
    assert timeline.levels[-1] == 16_000
    assert y.data.nbytes == 8000


def test_a_block_is_traced_under_the_settings_that_hold():
    with engine.no_grad(), gradmeter_.trace() as timeline:
        y = engine.square(Variable(np.ones(1000)))
    assert y.creator is None
    assert [life.saved for life in timeline.arrays] == [None, None]


def test_a_block_that_stops_tracemalloc_goes_on_and_is_told():
    made = []

    def run():
        made.append(engine.square(Variable(np.ones(1000))))
        tracemalloc.stop()
        made.append(engine.square(made[0]))

    with pytest.raises(ObserverError, match="stopped tracemalloc"), gradmeter_.trace() as timeline:
        run()
    assert len(made) == 2
    assert len(timeline.operations) == 1


def test_importing_gradmeter_imports_no_engine():
    code = "import gradmeter, sys; assert 'gradmeter.engine' not in sys.modules; gradmeter.trace"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    with pytest.raises(AttributeError, match="nothing"):
        gradmeter_.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("variant", "said"),
    [
        ("engine:execution=compiled", "runs as one program"),
        ("torch", "torch allocates the memory of its arrays itself"),
    ],
)
def test_a_variant_of_which_nothing_is_known_is_refused(variant, said):
    done = gradmeter("trace", "squares-3", "--size", "10", "--variant", variant)
    assert done.returncode == 2
    assert said in done.stderr


def test_an_engine_of_a_file_is_traced_by_lines(tmp_path):
    words = ("squares-3", "--size", "1000", "--engine", adapter(tmp_path))
    said = traced(*words, "--operations", cwd=tmp_path)
    assert "squares-3 x 1,000 mine: traced by lines" in said
    assert re.search(r"peak \d+.0 kB \([\d,]+ B\) in the backward, in adapter.py:\d+ ", said)
    assert re.search(r"adapter.py:\d+ square", said)
    assert "the workload's inputs" in said
    assert said == traced(*words, "--operations", cwd=tmp_path)
    against = traced(*words, "--against", "engine", cwd=tmp_path)
    assert "B squares-3 x 1,000 engine peak 32.0 kB (32,000 B) in the forward" in against
    assert "return x * x" in against


def test_a_variant_with_checkpoints_and_threads_is_traced():
    done = gradmeter(
        "trace", "squares-4", "--size", "1000", "--variant", "engine:checkpoint=2,threads=1"
    )
    assert done.returncode == 0, done.stderr
    assert "checkpoint" in done.stdout
