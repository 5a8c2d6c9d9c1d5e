"""Format numbers for people, with no digit that the figure does not support."""

from __future__ import annotations

import math


def bytes_text(count: int) -> str:
    """Format a number of bytes: exact below 10 kB, then in powers of 1000."""
    if abs(count) < 10_000:
        return f"{count:,} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if abs(value) < 999.95:  # a value that rounds to 1000.0 is 1.0 of the next unit
            return f"{value:.1f} {unit}"
    return f"{value / 1000:,.1f} TB"


def apart(a: int, b: int) -> tuple[str, str]:
    """Format two numbers of bytes as texts that differ if the numbers do."""
    texts = bytes_text(a), bytes_text(b)
    return texts if texts[0] != texts[1] or a == b else (f"{a:,} B", f"{b:,} B")


def where_text(workload: str, size: int) -> str:
    """Format a workload at a size; a call has none, see gradmeter.bench.results.run.ORDINARY."""
    return f"{workload} x {size:,}" if size else workload


def title_text(workload: str, size: int, variant: str) -> str:
    """Format the name of a case: workload, size and variant."""
    return f"{where_text(workload, size)} {variant}".rstrip()


def in_arrays(count: int, array_bytes: int) -> str:
    """Format bytes as a suffix in arrays of the workload's size; empty for a case without one."""
    return f" ({arrays_text(count, array_bytes)} arrays)" if array_bytes > 1 else ""


def more_arrays(difference: int, array_bytes: int) -> str:
    """Format a difference as a suffix in arrays; empty for a case without an array size."""
    return f" ({signed_arrays(difference, array_bytes)} arrays)" if array_bytes > 1 else ""


def arrays_text(count: int, array_bytes: int) -> str:
    """Format bytes as a number of arrays of the workload's size."""
    return f"{count / array_bytes:.2f}"


def signed_arrays(difference: int, array_bytes: int) -> str:
    """Format a difference of bytes as a number of arrays, with its sign."""
    return f"{difference / array_bytes:+.2f}"


def seconds_text(seconds: float, digits: int = 3) -> str:
    """Format a duration in the largest unit of which it has at least one."""
    for unit, scale in (("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3)):
        # A value that rounds to 1000 is 1 of the next unit.
        if float(f"{seconds / scale:.{digits}g}") < 1000:
            return f"{_plain(seconds / scale, digits)} {unit}"
    return f"{_plain(seconds, digits)} s"


def _plain(value: float, digits: int) -> str:
    """Format a number to this many significant digits, without an exponent."""
    if value <= 0:
        return "0"
    rounded = float(f"{value:.{digits}g}")
    decimals = max(0, digits - 1 - math.floor(math.log10(rounded)))
    return f"{rounded:,.{decimals}f}"


def significant(relative: float) -> int:
    """Return how many significant digits a value with this relative uncertainty supports."""
    return min(3, max(1, 1 - math.floor(math.log10(max(relative, 1e-9)))))


def ratio_digits(low: float, high: float) -> int:
    """Return the decimals that an interval of ratios supports: its half width shows in the last."""
    half = (high - low) / 2
    return min(4, max(1, -math.floor(math.log10(max(half, 1e-9)))))


def ratio_span(ratio: float, low: float, high: float, sets: int | None = None) -> tuple[str, str]:
    """Format a ratio and its interval; for the extremes of ``sets`` sets, with fewer decimals."""
    digits = ratio_digits(low, high)
    if sets is not None:
        digits = min(digits, 1 if sets < 3 else 2)
    return f"{ratio:.{digits}f}", span_text(low, high, digits)


def span_text(low: float, high: float, digits: int) -> str:
    """Format an interval, rounded outwards so that the printed one contains it."""
    scale = 10.0**digits
    return (
        f"{math.floor(low * scale) / scale:.{digits}f}-{math.ceil(high * scale) / scale:.{digits}f}"
    )


def percent(fraction: float) -> str:
    """Format a fraction in per cent: three significant digits, none after the point from 1000%."""
    return f"{fraction * 100:.{3 if fraction < 10 else 0}{'g' if fraction < 10 else 'f'}}%"
