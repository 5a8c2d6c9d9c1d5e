"""Merging the runs of shards: the single run of their plan, or a sentence on why there is none."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradmeter.bench.cases.shards import Share
from gradmeter.bench.errors import UsageError
from gradmeter.bench.numbers import where_text
from gradmeter.bench.report import comparison, markdown, sentences
from gradmeter.bench.results import merging
from gradmeter.bench.results.agreement import differences
from gradmeter.bench.results.readings import Allocations, Failure, Layer, LayerPass
from gradmeter.bench.results.run import Comparison, Ground, Options, Origin, Run
from gradmeter.bench.verdicts import scaling, verdicts
from gradmeter.bench.verdicts.gates import parse
from gradmeter.bench.verdicts.regressions import judge

from ..run_files import STRONG, WEAK, case, ordinary, run, strong, times

change = msgspec.structs.replace
SIZES = (10, 20, 30, 40)
COSTS = {"squares-3 x 10": 9.0}


def whole_run(*, calls: int = 2) -> Run:
    """A run of several groups, and of a suite's calls after them."""
    cases = [make(size=size) for size in SIZES for make in (case, strong)]
    cases += [ordinary(f"test_theirs.py::test_{i}") for i in range(calls)]
    comparisons = [
        Comparison(workload="squares-3", size=size, baseline=WEAK, candidates=[STRONG])
        for size in SIZES
    ]
    return run(
        *cases,
        comparisons=comparisons,
        spent={where_text(c.workload, c.size): 0.5 for c in cases},
        grounds={
            name: Ground(engine="", python="3.11.4", numpy="2.4.6", threads=1)
            for name in (WEAK, STRONG)
        },
    )


def shards_of(whole: Run, count: int, **more: object) -> list[Run]:
    """The runs of its shards, each on a machine of its own."""
    plan = {name: name for c in whole.cases for name in [where_text(c.workload, c.size)]}
    found = []
    for number in range(1, count + 1):
        shard = Share(number, count, COSTS).of(plan, plan, "")

        def here(of, shard=shard):
            return where_text(of.workload, of.size) in shard.places

        found.append(
            change(
                whole,
                cases=list(filter(here, whole.cases)),
                comparisons=list(filter(here, whole.comparisons)),
                spent={name: s for name, s in whole.spent.items() if name in shard.places},
                environment=change(whole.environment, cpu=f"CPU {number}", cores=number),
                shard=shard,
                **more,
            )
        )
    return found


def parts(runs) -> list[merging.Part]:
    return merging.parts((f"{i}/run.json", run) for i, run in enumerate(runs))


def where_measured(of: Run) -> dict[str, set[str]]:
    """The machines on which the cases of each group were measured."""
    machines: dict[str, set[str]] = {}
    for each in of.cases:
        machines.setdefault(where_text(each.workload, each.size), set()).add(each.machine)
    return machines


@given(st.integers(1, 9), st.randoms(use_true_random=False), st.integers(0, 3))
def test_merged_shards_are_the_single_run_but_for_the_machines(count, random, calls):
    whole = whole_run(calls=calls)
    runs = shards_of(whole, count)
    random.shuffle(runs)
    given = parts(runs)
    assert merging.lacking(given) == []
    assert merging.disagreements(given) == []
    found = merging.merged(given)
    alike = change(
        found,
        environment=whole.environment,
        machines={},
        cases=[change(each, machine="") for each in found.cases],
    )
    assert alike == whole
    assert list(alike.spent) == list(whole.spent)
    assert list(alike.grounds) == list(whole.grounds)
    assert all(len(machines) == 1 for machines in where_measured(found).values())
    for each in found.cases:
        assert found.machines[each.machine].cpu == f"CPU {each.machine.split()[1].split('/')[0]}"


@given(st.sets(st.integers(1, 5), min_size=1, max_size=4))
def test_what_is_missing_is_named_and_the_rest_can_be_merged(left):
    runs = [each for each in shards_of(whole_run(), 5) if each.shard.number in left]
    given = parts(runs)
    (told,) = merging.lacking(given)
    assert {f"{n}/5" for n in range(1, 6) if n not in left} == set(
        told.replace("shards ", "").replace("shard ", "").split(" is")[0].split(" are")[0]
        .split(", ")
    )  # fmt: skip
    found = merging.merged(given)
    assert not found.finished
    assert len(found.cases) == sum(len(each.cases) for each in runs)


def test_a_shard_that_was_not_finished_is_named_unless_another_run_of_it_was():
    one, two = shards_of(whole_run(), 2)
    begun = change(two, cases=[change(c, finished=False) for c in two.cases[:1]], finished=False)
    assert merging.lacking(parts([one, begun])) == ["1/run.json (shard 2/2) was not finished"]
    for runs in ([one, begun, two], [one, two, begun]):
        given = parts(runs)
        assert merging.lacking(given) == []
        found = merging.merged(given)
        assert [c.key for c in found.cases] == [c.key for c in whole_run().cases]
        assert all(each.finished for each in found.cases)


def test_of_two_runs_of_a_shard_each_group_is_taken_whole_from_one():
    (first,) = (second,) = shards_of(whole_run(), 1)
    # Of the first group the first run has but the baseline, of the others all.
    begun = [c for c in first.cases if (c.size, c.variant) != (SIZES[0], STRONG)]
    begun = [change(c, finished=c.size != SIZES[0]) for c in begun]
    found = merging.merged(parts([change(first, cases=begun, finished=False), second]))
    assert all(len(machines) == 1 for machines in where_measured(found).values())
    assert where_measured(found)[f"squares-3 x {SIZES[0]}"] == {"shard 1/1, run 2"}
    assert where_measured(found)[f"squares-3 x {SIZES[1]}"] == {"shard 1/1"}


@pytest.mark.parametrize(
    ("changes", "figures"),
    [
        ({"allocations": [Allocations(forward=0, backward=0, peak=1, held=0)] * 3}, {"peak"}),
        ({"array_bytes": 16}, {"array"}),
        ({"failure": Failure("check", "raised", "why")}, {"outcome", "peak"}),
        (
            {
                "allocations": [
                    Allocations(forward=0, backward=0, peak=n, held=0) for n in (1, 2, 1)
                ]
            },
            {"outcome"},
        ),
        ({"times": [times([9.0], [9.0])], "first_run": 7.0, "residency": None}, set()),
        ({"finished": False, "allocations": []}, set()),
    ],
)
def test_a_case_measured_twice_agrees_to_the_byte_or_is_named_with_both_files(changes, figures):
    (one,) = shards_of(whole_run(), 1)
    key = one.cases[3].key
    cases = [change(c, **changes) if c.key == key else c for c in one.cases]
    told = merging.disagreements(parts([one, change(one, cases=cases)]))
    assert {line.split(": ")[1].split(" is ")[0] for line in told} >= figures
    assert bool(told) == bool(figures)
    for line in told:
        assert line.startswith(f"{one.cases[3].title}: ")
        assert "0/run.json (shard 1/1)" in line
        assert "1/run.json (shard 1/1)" in line


def test_layers_of_other_versions_are_not_held_against_each_other():
    def layered(peak, python):
        layer = Layer(passes=[LayerPass(peak=peak, held=0)] * 2, ground={"python": python})
        return ordinary(layers={"python": layer})

    assert differences(layered(1, "3.11"), layered(2, "3.12")) == []
    assert [name for name, *_ in differences(layered(1, "3.11"), layered(2, "3.11"))] == [
        "python_peak"
    ]
    assert differences(layered(1, "3.11"), layered(1, "3.11")) == []
    assert differences(layered(1, "3.11"), ordinary()) == []


ORIGIN = Origin(meaning="", where="mine.py:mine", digest="1")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"options": Options(collector="off", seed=0, sets=5, budget=1.0, min_rounds=5,
                             limit=60.0)}, "another collector: on, and off"),
        ({"environment": {"gradmeter": "9.0"}}, "another gradmeter: 0.1.0, and 9.0"),
        ({"environment": {"commit": "beef"}}, "commit of gradmeter"),
        ({"environment": {"python": "3.12.1"}}, "another Python: 3.11.4, and 3.12.1"),
        ({"environment": {"versions": {"numpy": "1"}}}, "another numpy: 2.4.6, and 1"),
        ({"environment": {"repository_commit": "beef"}}, "another commit: None, and beef"),
        ({"environment": {"repository_dirty": True}}, "changed or not"),
        ({"environment": {"system": "Linux aarch64"}}, "another system"),
        ({"revisions": {"old": "main"}}, "another revisions"),
        ({"grounds": {WEAK: Ground(engine="2", python="3", numpy="", threads=1)}},
         "versions of engine"),
        ({"shard": {"count": 3}}, "another number of shards: 2, and 3"),
        ({"shard": {"plan": "other"}}, "their plans differ"),
        ({"shard": {"spread": "other"}}, "--shard-by"),
        ({"shard": {"settings": "layers heap"}}, "another settings"),
        ({"workloads": {"mine": change(ORIGIN, digest="2")}}, "file of the workload mine"),
    ],
)  # fmt: skip
def test_runs_that_are_not_of_one_plan_are_refused_with_the_reason(changes, why):
    one, two = shards_of(whole_run(), 2, workloads={"mine": ORIGIN})
    changes = {
        name: change(getattr(two, name), **value) if name in ("environment", "shard") else value
        for name, value in changes.items()
    }
    assert parts([one, two])
    with pytest.raises(UsageError, match=why) as error:
        parts([one, change(two, **changes)])
    assert "0/run.json (shard 1/2)" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_run_of_a_whole_plan_is_no_part():
    with pytest.raises(UsageError, match=r"1/run\.json is the run of a whole plan"):
        parts([shards_of(whole_run(), 2)[0], whole_run()])


# What reads a merged run.


def timed(number: int, seconds: float):
    return [times([seconds], [seconds], n) for n in range(number)]


@pytest.fixture(scope="module")
def merged() -> Run:
    """A run of two machines: the second one takes ten times as long, and is noisier."""
    runs = []
    for slow, each in zip((1, 10), shards_of(whole_run(), 2), strict=True):
        cases = [
            change(
                c,
                times=timed(9, 0.01 * slow),
                again=timed(9, 0.01 * slow * (1 + slow / 20)) if c.variant == WEAK else [],
            )
            if c.size
            else c
            for c in each.cases
        ]
        runs.append(change(each, cases=cases))
    return merging.merged(parts(runs))


def test_the_noise_floors_of_machines_are_apart(merged):
    floors = {name: verdicts.noise(merged, name) for name in merged.machines}
    assert floors["shard 1/2"].ratio == pytest.approx(1.05)
    assert floors["shard 2/2"].ratio == pytest.approx(1.5)
    text = sentences.noise_text(merged)
    for name in merged.machines:
        assert f"noise floor of {name}: " in text


def test_no_growth_of_time_is_drawn_through_two_machines(merged):
    series = scaling.series(merged)
    assert series
    for each in series:
        assert len({c.machine for _, c in each.points}) == 1


def test_times_of_two_machines_have_no_ratio(merged):
    one, two = (c for c in merged.cases if c.size == SIZES[0])
    assert verdicts.time(two, one, merged.options) is not None
    elsewhere = next(name for name in merged.machines if name != one.machine)
    assert verdicts.time(change(two, machine=elsewhere), one, merged.options) is None


def test_reports_say_which_machine_timed_what(merged):
    report = markdown.render(merged)
    for name, machine in merged.machines.items():
        assert f"measured on {name}" in report
        assert machine.cpu in report
    rows = comparison.document(merged, [])["comparisons"]
    assert {row["machine"] for row in rows} == {*merged.machines}
    for row in rows:
        assert any(f"({row['machine']})" in sentence for sentence in row["sentences"])


def test_a_shard_misses_no_case_of_another_one():
    from gradmeter.bench.results.known import Known

    whole = whole_run()
    known = Known({c.key: c.figures for c in whole.cases})
    gone = {("squares-3", 999, WEAK): whole.cases[0].figures}
    criteria = [parse("peak>0"), parse("vanished")]
    for each in shards_of(whole, 12):  # more than there are groups
        outcome = judge(each, known, criteria, None)
        assert (outcome.exit_code, outcome.vanished) == (0, [])
    full = judge(whole, Known({**known.figures, **gone}), criteria, None)
    assert full.exit_code == 1
    part = shards_of(whole, 2)[0]
    lost = change(part, cases=[c for c in part.cases if c.key != part.cases[0].key])
    assert judge(lost, known, criteria, None).vanished == [part.cases[0].key]


def test_a_self_test_that_failed_on_one_machine_has_failed(merged):
    one, two = shards_of(whole_run(), 2)
    wrong = [change(test, measured=4) for test in two.self_tests]
    for tests, passed in ((two.self_tests, True), (wrong, False)):
        found = merging.merged(parts([one, change(two, self_tests=tests)]))
        assert [test.passed for test in found.self_tests] == [passed]


def test_a_machine_that_a_run_does_not_have_is_refused():
    with pytest.raises(ValueError, match="a machine that the run does not have"):
        run(case(machine="nowhere"))
