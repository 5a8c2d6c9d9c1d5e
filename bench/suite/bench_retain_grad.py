"""What does keeping the gradients of intermediate variables cost?"""

from gradmeter import Measure, Question, cases
from gradmeter.bench.suite import SIZES, WORKLOADS


@cases(WORKLOADS, SIZES, ["engine", "engine:retain_grad=on"])
def bench_retain_grad(measure: Measure, question: Question) -> None:
    """Off (the default) against on."""
    measure(question)
