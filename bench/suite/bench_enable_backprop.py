"""What does recording the graph, and going back through it, cost?"""

from gradmeter import Measure, Question, cases
from gradmeter.bench.suite import SIZES, WORKLOADS


@cases(WORKLOADS, SIZES, ["engine", "engine:enable_backprop=off"])
def bench_enable_backprop(measure: Measure, question: Question) -> None:
    """On (the default) against off."""
    measure(question)
