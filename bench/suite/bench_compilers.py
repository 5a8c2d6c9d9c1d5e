"""Where does a compiled program stand beside those of other compilers, on one core and two?"""

from gradmeter import Measure, Question, cases
from gradmeter.bench.cases.variants import parse
from gradmeter.bench.suite import SIZES

WANTED = (
    "engine",
    "engine:execution=compiled",
    "engine:execution=compiled,threads=2",
    "torch",
    "torch:execution=compiled",
    "torch:execution=compiled,threads=2",
    "jax",
    "jax:threads=2",
)
VARIANTS = [v for v in WANTED if parse(v).engine.version is not None]


@cases(["goldstein_price", "squares-30"], (*SIZES, 10_000_000), VARIANTS)
def bench_compilers(measure: Measure, question: Question) -> None:
    """Ours, eager, against each of the others."""
    measure(question)


@cases(["training_step"], SIZES, VARIANTS)
def bench_compiled_training(measure: Measure, question: Question) -> None:
    """The same for a training step, with its matrix products and sums."""
    measure(question)
