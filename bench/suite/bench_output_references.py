"""What do strong references from an operation to its outputs cost, beside weak ones?"""

from gradmeter import Measure, Question, cases
from gradmeter.bench.suite import SIZES, WORKLOADS


@cases(WORKLOADS, SIZES, ["engine", "engine:output_references=strong"])
def bench_output_references(measure: Measure, question: Question) -> None:
    """Weak (the default) against strong."""
    measure(question)
