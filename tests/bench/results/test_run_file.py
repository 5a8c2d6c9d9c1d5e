"""The run file: what is saved is loaded, and what is no run file is refused with a sentence."""

from __future__ import annotations

import json
import math
import re
import tempfile
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter import bench
from gradmeter.bench.errors import UsageError
from gradmeter.bench.report import markdown
from gradmeter.bench.results import run_file
from gradmeter.bench.results.readings import Failure, SelfTest
from gradmeter.bench.results.run_file import write_schema

from ...thorough import examples
from ..run_files import any_runs, case, run, runs, strong

SCHEMA = Path(bench.__file__).parent / "run.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(run_file.schema())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.json"


@pytest.fixture(scope="module")
def content():
    """A small run file as a dictionary, to be spoiled."""
    return json.loads(msgspec.json.encode(run()))


def refused(path: Path, content: object) -> str:
    """The sentence with which a content is refused; it names the file."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(raw)
    with pytest.raises(UsageError) as error:
        run_file.load(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)


@any_runs
@given(runs())
def test_what_is_saved_is_loaded_the_same_and_fits_the_schema(found):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.json")
        run_file.save(found, path)
        assert run_file.load(path) == found
        VALIDATOR.validate(json.loads(path.read_text()))


def test_the_published_schema_is_that_of_the_code(tmp_path):
    write_schema(tmp_path / "schema.json")
    assert json.loads((tmp_path / "schema.json").read_text()) == run_file.schema()
    assert json.loads(SCHEMA.read_text()) == run_file.schema()
    jsonschema.Draft202012Validator.check_schema(run_file.schema())


def test_the_schema_refuses_what_the_loader_refuses(content, path):
    for spoiled in (
        {**content, "more": 1},
        {**content, "finished": "yes"},
        {k: v for k, v in content.items() if k != "cases"},
    ):
        refused(path, spoiled)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(spoiled, run_file.schema())


@pytest.mark.parametrize(("field", "value"), [("format", "another"), ("version", 4)])
def test_the_schema_names_the_format_and_the_version_that_the_loader_takes(content, field, value):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**content, field: value}, run_file.schema())


def test_a_file_cut_off_at_any_byte_is_refused(path):
    small = msgspec.structs.replace(run(case()), self_tests=[])
    whole = msgspec.json.encode(small)
    for length in range(len(whole)):
        assert "not complete JSON" in refused(path, whole[:length])
    path.write_bytes(whole)
    assert run_file.load(path) == small


@settings(max_examples=examples(100), deadline=None)
@given(st.data())
def test_a_file_with_a_wrong_byte_is_loaded_or_refused_but_never_more(data):
    raw = bytearray(msgspec.json.encode(run(case())))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.json")
        path.write_bytes(raw)
        try:
            found = run_file.load(path)
        except UsageError:
            return
        markdown.render(found)


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        (lambda c: c["cases"][1].update(colour="red"), "$.cases[1]"),
        (lambda c: c["environment"].update(colour="red"), "$.environment"),
        (lambda c: c["cases"][0]["allocations"][2].update(peak="much"), "allocations[2].peak"),
        (lambda c: c["cases"][0]["allocations"][0].update(peak=1.5), "allocations[0].peak"),
        (lambda c: c["cases"][0].update(size=None), "$.cases[0].size"),
        (lambda c: c["cases"][0]["times"][0]["forward"].append(None), "times[0].forward"),
        (lambda c: c["options"].update(seed=True), "$.options.seed"),
        (lambda c: c["options"].update(limit=None), "$.options.limit"),
        (lambda c: c.pop("cases"), "cases"),
        (lambda c: c["cases"][0]["cycles"].pop("leaked"), "$.cases[0].cycles"),
        (lambda c: c.update(cases={}), "$.cases"),
    ],
)
def test_what_does_not_belong_is_refused_with_its_place(content, path, spoil, where):
    spoiled = json.loads(json.dumps(content))
    spoil(spoiled)
    assert where in refused(path, spoiled)


@pytest.mark.parametrize("version", [0, 1, 2, 4, "3", None, 1.5, [], True])
def test_another_version_is_refused_and_named(content, path, version):
    said = refused(path, {**content, "version": version})
    assert "version" in said


@pytest.mark.parametrize(
    "other", [{}, [], 1, "gradmeter run", None, {"format": "asv"}, {"format": []}]
)
def test_another_format_is_refused(path, other):
    assert "is no run file" in refused(path, other)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 64,
        b"\x89PNG\r\n\x1a\n\x00",
        b"\xff\xfe{\x00}\x00",
        b"not JSON",
        b'{"format": "gradmeter run", "version": 3, "x": NaN}',
        b'{"format": "gradmeter run", "version": 3, "x": Infinity}',
        b'{"format": "gradmeter run", "version": 3, "x": 1e999}',
        b'{"format": "\xff"}',
        b'{"format": "\\ud800"}',
    ],
)
def test_what_is_no_json_is_refused(path, raw):
    refused(path, raw)


def test_nesting_without_end_is_refused(path):
    refused(path, b"[" * 200_000)


def test_what_cannot_be_read_is_refused(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(UsageError, match=f"{re.escape(str(path))} cannot be read"):
            run_file.load(path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: c.update(array_bytes=0),
        lambda c: c["times"][0].update(backward=[0.01]),
        lambda c: c["times"][0].update(step=[0.0, 0.0, 0.0]),
    ],
    ids=["arrays of no bytes", "a backward missing", "a step too many"],
)
def test_figures_that_no_report_could_show_are_refused(content, path, spoil):
    spoiled = json.loads(json.dumps(content))
    for one in spoiled["cases"]:
        spoil(one)
    refused(path, spoiled)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_seconds_that_are_no_number_are_not_saved_as_something_that_cannot_be_loaded(path, value):
    run_file.save(run(), path)
    with pytest.raises(ValueError, match="seconds"):
        msgspec.structs.replace(run().options, budget=value)
    with pytest.raises(ValueError, match="JSON"):
        run_file.save(msgspec.structs.replace(run(), environment=value), path)
    run_file.load(path)


def test_a_message_that_is_not_unicode_does_not_stop_the_run_from_being_saved(path):
    failed = case(failure=Failure("check", "raised", "no file '/tmp/\udcff'"))
    run_file.save(run(failed), path)
    [loaded] = run_file.load(path).cases
    assert "no file '/tmp/" in loaded.failure.message


def test_what_is_derived_is_derived_from_the_readings():
    found = run()
    weak, other = found.cases
    assert found.case("squares-3", 1_000_000, "engine") is weak
    assert found.case("squares-3", 1, "engine") is None
    assert weak.memory == weak.allocations[-1]
    assert weak.seconds == [0.01 + 0.03, 0.02 + 0.01]
    assert weak.deterministic
    one = other.allocations[0]
    more = msgspec.structs.replace(one, held=one.held + 1)
    for passes in ([], [one], [one, one, more], [more, one, one], [one, more, one]):
        assert not strong(allocations=passes).deterministic
    assert case(allocations=[]).memory is None


@pytest.mark.parametrize(
    ("measured", "problem", "passed"),
    [(90, "", True), (110, "", True), (89, "", False), (111, "", False), (100, "none", False)],
)
def test_a_self_test_is_passed_within_its_tolerance_and_without_a_problem(
    measured, problem, passed
):
    test = SelfTest(name="n", expected=100, measured=measured, tolerance=10, problem=problem)
    assert test.passed is passed
