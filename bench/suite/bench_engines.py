"""Where does the engine stand beside those of others that are installed?"""

from bench import engines
from bench.plugin import Measure, Question, cases
from bench.suite import SIZES


@cases(["goldstein_price", "training_step"], SIZES, engines.installed())
def bench_engines(measure: Measure, question: Question) -> None:
    """Ours against each of the others."""
    measure(question)
