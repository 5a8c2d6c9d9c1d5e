"""Where does the engine stand beside those of others that are installed?"""

from gradmeter import Measure, Question, cases
from gradmeter.bench import engines
from gradmeter.bench.suite import SIZES


@cases(["goldstein_price", "training_step"], SIZES, engines.installed())
def bench_engines(measure: Measure, question: Question) -> None:
    """Ours against each of the others."""
    measure(question)
