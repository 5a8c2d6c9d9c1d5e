"""Gates with formulas: what they allow at any size and depth, and what a breach says."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradmeter.bench.errors import UsageError
from gradmeter.bench.verdicts import breaches, gate_checks, gates

from ..run_files import MB, case, ordinary, strong

SIZES = st.integers(1, 10**9)
DEPTHS = st.integers(1, 999)


@settings(deadline=None)
@given(SIZES, DEPTHS, st.sampled_from([2, 4, 8]), st.integers(-1, 1))
def test_a_budget_is_the_formulas_value_at_the_size_and_depth_of_the_case(size, depth, width, more):
    key = (f"squares-{depth}", size, "engine")
    for text, limit in (
        ("peak<=(n+2)arrays", width * size * (depth + 2)),
        ("peak <= 8 N (n + 2) + 1 kB", 8 * size * (depth + 2) + 1000),
        ("peak<=max(N, n^2) KiB", 1024 * max(size, depth**2)),
        ("peak<=N/2 + 0.5", Fraction(size, 2) + Fraction(1, 2)),
        ("peak<=1 array + 2arrays", 3 * width * size),
    ):
        gate = gates.parse(text)
        assert gate.limit(key, width * size) == limit
        assert gate.exceeded(int(limit) + more, None, width * size, key) == (more > 0)


@settings(deadline=None)
@given(SIZES, DEPTHS, st.integers(0, 2**40), st.integers(0, 2**40))
def test_a_growth_by_a_formula_is_judged_at_the_case(size, depth, before, after):
    gate = gates.parse("held>N n")
    key = (f"squares-{depth}", size, "engine")
    assert gate.exceeded(after, before, 8 * size, key) == (after - before > size * depth)
    assert not gate.exceeded(after, None, 8 * size, key)


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("peak<=(n+2arrays", "the end", ")"),
        ("peak<=(n+2)array s", "character 18, 's'", "a unit: B"),
        ("peak<=8 M", "character 9, 'M'", "N (the size) or n (the depth)"),
        ("peak<=M + 1", "character 7, 'M + 1'", "a number, or a formula in N"),
        ("peak<=8 N,", "character 10, ','", "commas are between values of max or min"),
        ("peak>N%", "character 7, '%'", "a number"),
        ("peak<=-N", "character 7, '-N'", "a number"),
        ("time>N", "character 6, 'N'", "a number"),
        ("instructions>N", "character 14, 'N'", "a number"),
        ("allocations<=3 n kB", "character 18, 'kB'", "a number, without a unit; or N"),
    ],
)
def test_a_formula_that_does_not_parse_is_said_with_its_place(text, at, expected):
    with pytest.raises(UsageError) as refused:
        gates.parse(text)
    sentence = str(refused.value)
    assert sentence.startswith(f"--fail-on {text!r} does not parse at {at}: expected ")
    assert expected in sentence


def broken(text, *cases, before=None):
    figures = {c.key: before for c in cases} if before else {}
    criteria = [gates.parse(text)]
    gate_checks.check_names(criteria, [c.key for c in cases])
    return [
        b.what for b in breaches.on_bytes(criteria, [(c, figures.get(c.key)) for c in cases])
    ] + [b.what for b in breaches.on_layers(criteria, [(c, None) for c in cases])[0]]


def test_a_breach_says_the_formula_its_value_at_the_case_and_the_figure():
    assert broken("peak<=(n+2)arrays", case(), strong()) == [
        "peak 48,000,000 B (6.00 arrays), budget (n+2)arrays = 40,000,000 B at n = 3, "
        "arrays of 8,000,000 B, 8,000,000 B over it"
    ]
    assert broken("held<=8 N (n - 1) + 8MB", case()) == []
    (sentence,) = broken("held<=8 N (n - 1) + 7.5 MB", case())
    assert sentence == (
        "held 24,000,000 B (3.00 arrays), budget 8 N (n - 1) + 7.5 MB = 23,500,000 B at "
        "N = 1,000,000, n = 3, 500,000 B over it"
    )
    before = {**case().figures, "peak": 38 * MB}
    assert broken("peak>2N", case(), before=before) == []
    (sentence,) = broken("peak>2N - 1", case(), before=before)
    assert sentence.endswith(
        "(+0.25 arrays, +5.3%), more than 2N - 1 = 1,999,999 B at N = 1,000,000"
    )
    (sentence,) = broken("peak<=1 MB + 5 kB - 6 kB", ordinary())
    assert (
        sentence == "peak 3,000,000 B, budget 1 MB + 5 kB - 6 kB = 999,000 B, 2,001,000 B over it"
    )


def test_numbers_of_allocations_have_formulas_without_units():
    passes = [msgspec.structs.replace(case().allocations[0], number=10, allocated=80)] * 3
    counted = case(allocations=passes)
    assert broken("allocations<=3n+1", counted) == []
    assert broken("allocations<=3 n", counted) == ["allocations 10, budget 3 n = 9 at n = 3"]


def test_a_case_without_the_name_is_refused_before_anything_is_measured():
    depth, size = gates.parse("peak<=(n+2)arrays"), gates.parse("peak<=8 N")
    flat = ("goldstein_price", 1000, "engine")
    gate_checks.check_names([depth, size], [case().key])
    gate_checks.check_names([size], [case().key, flat])
    with pytest.raises(UsageError) as refused:
        gate_checks.check_names([size, depth], [case().key, flat])
    assert str(refused.value) == (
        "--fail-on 'peak<=(n+2)arrays' has no value for goldstein_price x 1,000 engine, whose name "
        "ends with no depth, as in squares-30; name the cases that have n: peak[squares-*]<=..."
    )
    gate_checks.check_names([gates.parse("peak[squares-*]<=(n+2)arrays")], [case().key, flat])
    with pytest.raises(UsageError, match="has no value for squares-3 x 1,000,000 engine"):
        gate_checks.check_names([gates.parse("peak<=8/(n-3)")], [case().key])


def test_a_size_is_nothing_that_a_test_has():
    for text in ("peak<=8 N", "peak<=n kB", "peak>1 array + 5", "allocations<=N"):
        gate = gates.parse(text)
        assert not gate.applies(ordinary().key)
        (sentence,) = gate_checks.inapplicable([gate], [ordinary().key])
        assert sentence.startswith(f"{text} does not apply to ordinary tests")
        with pytest.raises(UsageError, match="could never fail"):
            gate_checks.check_terms([gate], [ordinary().key])
    assert gates.parse("peak<=1MB + 1kB").applies(ordinary().key)
