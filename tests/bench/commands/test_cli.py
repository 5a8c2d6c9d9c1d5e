"""The gradmeter command: what it says, what it refuses, and that refusing changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata

import pytest

from gradmeter.bench import cli, engines, workloads
from gradmeter.bench.commands.reading import read_size
from gradmeter.bench.results import run_file
from gradmeter.bench.results.readings import Allocations

from ..command import GRADMETER, TINY, gradmeter
from ..run_files import ordinary, run

PEAKS = {
    n: [Allocations(forward=0, backward=0, peak=peak, held=1)] * 3
    for n, peak in ((1, 2000), (2, 1000), (3, 3000))
}


def called(monkeypatch, capfd, *arguments) -> tuple[int, str, str]:
    """Exit code, output and errors of the command, called in this process."""
    monkeypatch.setattr(sys, "argv", ["gradmeter", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capfd.readouterr()
    return ended.value.code, out, err


def refused(monkeypatch, capfd, *arguments) -> str:
    code, out, err = called(monkeypatch, capfd, *arguments)
    assert (code, out) == (2, "")
    assert err.strip()
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--workload", "cubes-3"], "there is no workload 'cubes-3'; the workloads are squares-N"),
        (["--workload", "sqares-3"], "there is no workload 'sqares-3'; did you mean squares-3?"),
        (["--workload", "squares"], "the workload squares takes a depth; write squares-3"),
        (["--workload", "squares-0"], "did you mean squares-3?"),
        (["--workload", "diamond-3"], "the workload diamond takes no depth; write diamond"),
        (["--workload", ""], "squares-N"),
        (["--variant", "dezero2"], "there is no engine 'dezero2'; did you mean dezero?"),
        (["--variant", ""], "the engines are engine"),
        (["--variant", "engine:nope=on"], "retain_grad"),
        (["--variant", "engine:retian_grad=on"], "did you mean retain_grad?"),
        (["--variant", "engine:retain_grad"], "name=value"),
        (["--variant", "engine:retain_grad=maybe"], "on"),
        (["--variant", "engine:output_references=srong"], "did you mean strong?"),
        (["--variant", "engine:retain_grad=on,retain_grad=on"], "twice"),
        (["--variant", "[bold]"], "[bold]"),
        (["--baseline", "nope"], "nope"),
        (["--size", "0"], "positive"),
        (["--size", "-1"], "positive"),
        (["--size", "1000000000000"], "GB"),
        (["--size", "1" + 400 * "0"], "--size"),
        (["--size", "many"], "--size"),
        (["--size", "12.5"], "write 1000000 or 1e6"),
        (["--collector", "maybe"], "on or off"),
        (["--sets", "-1"], "--sets"),
        (["--min-rounds", "0"], "--min-rounds"),
        (["--budget", "-1"], "--budget"),
        (["--budget", "nan"], "--budget"),
        (["--limit", "-1"], "--limit"),
        (["--limit", "nan"], "--limit"),
        (["--seed", "-1"], "--seed"),
        (["--nonsense"], "run has no option --nonsense; gradmeter run --help lists them"),
        (["--vairant", "engine"], "run has no option --vairant; did you mean --variant?"),
        (["--size"], "gradmeter: --size takes a value"),
        (["--allocator", "kep"], "did you mean kept?"),
        (["sqares-30"], "there is no workload or engine 'sqares-30'; did you mean squares-30?"),
        (["dezer"], "there is no workload or engine 'dezer'; did you mean dezero?"),
        (["dezer:retain_grad=on"], "did you mean dezero:retain_grad=on?"),
        (["unheard"], "there is no workload or engine 'unheard'; gradmeter list names them"),
        (["1e6"], "1e6 names no workload; write a size as --size 1e6"),
        (["own.py"], "own.py is a file; name a workload in it as own.py:NAME"),
        (["-k", "strnog"], "-k 'strnog' selects no case; did you mean strong?"),
        (["-k", "unheard"], "-k 'unheard' selects no case; the cases are squares-3 x 16 engine;"),
        (["-k", "a and"], "-k 'a and' does not parse at character 6"),
        (["-k", "squares(n=3)"], "-k 'squares(n=3)' does not parse at character"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_a_call_that_makes_no_sense_is_refused_with_a_sentence_and_nothing_is_overwritten(
    tmp_path, monkeypatch, capfd, arguments, says
):
    file = tmp_path / "run.json"
    file.write_bytes(b"somebody's work")
    error = refused(monkeypatch, capfd, "run", *TINY, "--out", tmp_path, *arguments)
    assert says in error
    assert file.read_bytes() == b"somebody's work"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    "extreme", [("--limit", "inf"), ("--limit", "1e300"), ("--workload", "squares-1024")], ids=str
)
def test_an_extreme_is_refused_or_works(tmp_path, monkeypatch, capfd, extreme):
    arguments = ("run", *TINY, "--variant", "engine", "--out", tmp_path, *extreme)
    monkeypatch.setattr(sys, "argv", ["gradmeter", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code in (0, 2)
    if ended.value.code == 0:
        assert run_file.load(tmp_path / "run.json").finished


def test_a_budget_without_end_is_refused_or_its_run_can_be_shown(tmp_path, monkeypatch, capfd):
    arguments = ("run", *TINY, "--variant", "engine", "--budget", "inf", "--out", tmp_path)
    code, _, _ = called(monkeypatch, capfd, *arguments)
    if code != 2:
        run_file.load(tmp_path / "run.json")


@pytest.mark.parametrize("where", ["a file", "below a file", "/proc/nowhere"])
def test_a_folder_that_cannot_be_written_is_refused(tmp_path, monkeypatch, capfd, where):
    file = tmp_path / "file"
    file.write_text("mine")
    out = {"a file": file, "below a file": file / "out"}.get(where, where)
    error = refused(monkeypatch, capfd, "run", *TINY, "--out", out)
    assert "--out" in error
    assert file.read_text() == "mine"


NOT_RUN_FILES = {
    "truncated": lambda good: good[: len(good) // 2],
    "without its last byte but one": lambda good: good[:-2],
    "empty": lambda good: b"",
    "of another version": lambda good: good.replace(b'"version": 3', b'"version": 1'),
    "another's JSON": lambda good: b'{"benchmarks": [], "version": 3}',
    "a JSON list": lambda good: b"[]",
    "no text": lambda good: bytes(range(256)),
    "without environment": lambda good: json.dumps(
        {k: v for k, v in json.loads(good).items() if k != "environment"}
    ).encode(),
    "nested without end": lambda good: b"[" * 200_000,
}


@pytest.mark.parametrize("command", ["show", "baseline", "resume"])
@pytest.mark.parametrize("broken", NOT_RUN_FILES)
def test_a_file_that_is_no_run_is_refused_and_kept(
    tmp_path, monkeypatch, capfd, finished, broken, command
):
    path = tmp_path / "run.json"
    path.write_bytes(NOT_RUN_FILES[broken]((finished[0] / "run.json").read_bytes()))
    before = path.read_bytes()
    arguments = {
        "show": ("show", path),
        "baseline": ("baseline", path, "--out", tmp_path / "baseline.json"),
        "resume": ("run", *TINY, "--out", tmp_path, "--resume"),
    }[command]
    assert str(path) in refused(monkeypatch, capfd, *arguments)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("command", ["show", "baseline"])
@pytest.mark.parametrize("path", ["missing.json", "."])
def test_a_run_that_is_not_there_is_refused(tmp_path, monkeypatch, capfd, command, path):
    assert "run.json" in refused(monkeypatch, capfd, command, tmp_path / path) or path != "."


def test_a_refusal_is_one_sentence_on_stderr_for_the_whole_program_too():
    done = gradmeter("run", "--workload", "cubes-3")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("gradmeter: there is no workload 'cubes-3'")


def test_the_version_is_that_of_the_package():
    done = gradmeter("--version")
    assert (done.returncode, done.stdout) == (0, f"gradmeter {metadata.version('gradmeter')}\n")


@pytest.fixture(scope="module")
def listed():
    return gradmeter("list")


def test_what_is_listed_can_be_run(listed):
    assert listed.returncode == 0
    for name in workloads.names():
        assert name in listed.stdout
    for name in engines.names():
        for setting in engines.get(name).settings:
            assert setting.name in listed.stdout


def test_the_list_is_one_screen_that_breaks_no_name(listed):
    lines = listed.stdout.splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 80
    assert "…" not in listed.stdout
    assert "cannot" not in listed.stdout


def test_what_an_engine_cannot_is_told_to_who_asks():
    told = " ".join(gradmeter("list", "engines", "-v").stdout.split())
    for name in engines.names():
        for case, reason in engines.get(name).cannot.items():
            assert f"{name} cannot {case}: {reason}" in told


def test_a_list_for_programs_has_what_the_tables_have():
    found = json.loads(gradmeter("list", "--json").stdout)
    assert [each["name"] for each in found["workloads"]] == workloads.names()
    assert [each["name"] for each in found["engines"]] == engines.names()
    strong = next(each for each in found["settings"] if each["name"] == "output_references")
    assert (strong["values"], strong["default"]) == (["weak", "strong"], "weak")
    assert strong["engines"] == ["engine"]
    settings = json.loads(gradmeter("list", "settings", "--json").stdout)
    assert settings == {"settings": found["settings"]}


FIRST_MISTAKES = [
    (["rum"], "there is no command 'rum'; did you mean run?"),
    (["squares-3"], "there is no command 'squares-3'; gradmeter run squares-3 measures it"),
    (["engine:retain_grad=on"], "gradmeter run engine:retain_grad=on measures it"),
    (["train.py"], "gradmeter lines train.py measures the lines of a script"),
    (["unheard-of"], "there is no command 'unheard-of'; gradmeter --help lists them"),
    (["--size", "3", "run"], "--size follows its command: gradmeter run --size"),
    (["list", "workload"], "there is no list of 'workload'; did you mean workloads?"),
    (["show", "nowhere"], "there is no run nowhere; gradmeter run makes one"),
    (["compare", "engine"], "compare takes two different variants at least"),
    (["compare", "squares-3", "engine"], "compare takes two different variants at least"),
    (
        ["compare", "engin", "dezero"],
        "there is no workload or engine 'engin'; did you mean engine?",
    ),
    (["compare", "engine", "dezero", "--fail-on", "peek>0"], "no gate 'peek'; did you mean peak?"),
    (
        ["compare", "engine", "dezero", "--fail-on", "peak[sqares-3]>0"],
        "could never fail; did you mean squares-3?",
    ),
    (["compare", "engine", "dezero", "-k", "engine"], "selects a baseline alone"),
    (["compare", "--bench-test", "own"], "has no option --bench-test; did you mean --bench-tests?"),
    (["compare", "--quiet", "--markdown", "engine", "dezero"], "exclude each other"),
    (["compare", "--rev", "HEAD", "--bench-tests", "had", "--", "pytest"], "did you mean head?"),
    (["compare", "--with", "a", "-k", "x", "--", "pytest"], "-k chooses what gradmeter measures"),
    (["check", "--fail-on", "cylce>0"], "there is no gate 'cylce'; did you mean cycle?"),
    (["trace", "sqares-3"], "there is no workload 'sqares-3'; did you mean squares-3?"),
    (["trace", "squares-3", "--against", "matias"], "nor a variant; did you mean matyas?"),
    (["lines", "trainpy"], "gradmeter list workloads names them, and a script ends with .py"),
    (["lines", "squares-3", "--count", "arays"], "did you mean arrays?"),
    (["law", "squares-3", "--variant", "dezeroo"], "no engine 'dezeroo'; did you mean dezero?"),
    (["accept"], "accept needs STEP|RUN; gradmeter accept --help says more"),
    (["accept", "abc"], "accept needs --because REASON"),
    (["gates", "peak"], "gates takes no further argument 'peak'"),
    (["check", "--against"], "--against takes a value; gradmeter check --help says more"),
    (["compare", "engine,dezero"], "is several names; write them apart: engine dezero"),
    (["merge", "here", "there"], "there is no run here; gradmeter run makes one"),
    (["record", "nowhere"], "there is no run nowhere"),
    (["fill"], "fill needs A..B"),
]


@pytest.mark.parametrize(
    ("arguments", "says"), FIRST_MISTAKES, ids=[" ".join(words) for words, _ in FIRST_MISTAKES]
)
def test_a_first_mistake_is_answered_with_one_sentence(
    tmp_path, monkeypatch, capfd, arguments, says
):
    monkeypatch.chdir(tmp_path)
    error = refused(monkeypatch, capfd, *arguments)
    assert says in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments", [["list"], ["--help"], ["list", "settings"], ["list", "engines", "-v"]]
)
def test_output_fits_eighty_columns(arguments):
    done = gradmeter(*arguments)
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_help_teaches_an_example_and_the_exit_code():
    text = gradmeter("run", "--help").stdout
    assert "gradmeter run squares-30" in text
    assert "Exit code 3" in text.replace("\n", " ")


def test_a_run_shown_later_is_the_run_as_it_was_shown(finished):
    folder, said = finished
    shown = gradmeter("show", folder)
    assert shown.returncode == 0
    assert shown.stdout
    assert said.stdout.startswith(shown.stdout)
    assert gradmeter("show", folder / "run.json").stdout == shown.stdout


def test_a_run_fits_eighty_columns_and_no_figure_is_cut(finished):
    lines = gradmeter("show", finished[0]).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if "…" in line]


def test_a_run_of_calls_is_shown_sorted_and_as_long_as_is_asked(tmp_path):
    calls = [ordinary(f"a/test.py::test[{n}]", allocations=peaks) for n, peaks in PEAKS.items()]
    run_file.save(run(*calls, comparisons=[]), tmp_path / "run.json")

    def rows(*options: object) -> list[str]:
        lines = gradmeter("show", tmp_path, *options).stdout.splitlines()
        return [line.split()[0] for line in lines if line.startswith("  test[")]

    assert rows() == ["test[3]", "test[1]", "test[2]"]
    assert rows("--sort", "name", "--top", 2) == ["test[1]", "test[2]"]
    refused = gradmeter("show", tmp_path, "--sort", "size")
    assert refused.returncode == 2
    assert "--sort 'size': calls are sorted by peak, held, time, name" in refused.stderr
    assert len(gradmeter("show", tmp_path, "-v").stdout) > len(gradmeter("show", tmp_path).stdout)


def test_a_baseline_holds_every_case_and_is_the_same_every_time(finished, tmp_path):
    out = tmp_path / "baseline.json"
    assert gradmeter("baseline", finished[0], "--out", out).returncode == 0
    first = out.read_bytes()
    assert len(json.loads(first)["cases"]) == 4
    assert gradmeter("baseline", finished[0], "--out", out).returncode == 0
    assert out.read_bytes() == first


def test_a_baseline_is_not_written_over_the_run_it_is_made_of(finished, tmp_path):
    path = tmp_path / "run.json"
    path.write_bytes((finished[0] / "run.json").read_bytes())
    gradmeter("baseline", path, "--out", path)
    run_file.load(path)


def test_a_reader_who_stops_reading_gets_no_traceback(finished):
    with subprocess.Popen(
        [GRADMETER, "show", str(finished[0])], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.parametrize("text", ["1000", "1_000", "1e3", "1E3", "1000.0", "1k", "0.001M", 1000])
def test_a_size_is_read_as_people_write_it(text):
    assert read_size(text) == 1000
