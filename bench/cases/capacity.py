"""What a plan takes before it is measured: the seconds of each group, the memory of each case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradmeter.bench.cases.plan import Group, memory
from gradmeter.bench.results import laws as law_file
from gradmeter.bench.results.run import Options

# Rough: of squares-3 at 1,000 to 10,000,000 elements, on a busy core. Estimates show one digit.
EXACT_SECONDS, RESIDENT_SECONDS, COUNTED_SECONDS, SET_SECONDS = 0.3, 0.5, 8.0, 0.2
BYTES_PER_SECOND = 1e9  # of its peak that a program goes through
MEMORY_RUNS, RUNS_OF_A_SET = 8, 3  # besides the rounds that are timed


@dataclass(frozen=True)
class Needed:
    """What measuring a group takes.

    Attributes:
        seconds: what it took in an earlier run, or else an estimate.
        known: whether an earlier run says so.
        memory: the bytes of each case, by its variant; of the peak, predicted or estimated. None
            of an ordinary test's call.
    """

    title: str
    seconds: float
    known: bool
    memory: Mapping[str, int]

    @property
    def most(self) -> int:
        """The most memory that one of its cases takes, in bytes."""
        return max(self.memory.values(), default=0)


def needed(groups: Sequence[Group], options: Options, seconds: Mapping[str, float]) -> list[Needed]:
    """What each group of a plan takes.

    Args:
        seconds: those of an earlier run, by the groups' titles.

    Raises:
        UsageError: the prediction of a workload raises, or is none.
    """
    laws = law_file.committed()
    found = []
    for group in groups:
        bytes_of = {str(variant): memory(group, variant, laws)[0] for variant in group.variants}
        took = seconds.get(group.title)
        guess = sum(_seconds(options, each) for each in bytes_of.values())
        guess += options.sets * SET_SECONDS
        found.append(
            Needed(group.title, guess if took is None else took, took is not None, bytes_of)
        )
    return found


def of_call(test: str, seconds: Mapping[str, float], budget: float) -> Needed:
    """What the call of an ordinary test takes, whose memory is not known before it is measured.

    Args:
        seconds: those of an earlier run, by test.
        budget: seconds of timing; 0 where the test makes no call.
    """
    took = seconds.get(test)
    guess = budget + EXACT_SECONDS if budget else 0.0
    return Needed(test, guess if took is None else took, took is not None, {})


def _seconds(options: Options, memory: int) -> float:
    """Estimate the seconds of one case, its share of the sets apart."""
    passes = EXACT_SECONDS
    passes += 0.0 if options.exact else RESIDENT_SECONDS
    passes += COUNTED_SECONDS if options.instructions else 0.0
    runs = MEMORY_RUNS
    if options.sets:
        passes += options.budget
        runs += options.min_rounds + RUNS_OF_A_SET * options.sets
    return passes + runs * memory / BYTES_PER_SECOND
