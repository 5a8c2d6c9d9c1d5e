"""What does recording the graph, and going back through it, cost?"""

from bench.plugin import Measure, Question, cases
from bench.suite import SIZES, WORKLOADS


@cases(WORKLOADS, SIZES, ["engine", "engine:enable_backprop=off"])
def bench_enable_backprop(measure: Measure, question: Question) -> None:
    """On (the default) against off."""
    measure(question)
