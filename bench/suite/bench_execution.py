"""What does recording once and compiling save, and what do checkpoints, beside define-by-run?"""

from gradmeter import Measure, Question, cases
from gradmeter.bench.suite import SIZES


@cases(
    ["goldstein_price", "squares-30", "training_step"],
    SIZES,
    ["engine", "engine:execution=compiled"],
)
def bench_execution(measure: Measure, question: Question) -> None:
    """Eager (the default) against compiled."""
    measure(question)


@cases(["squares-30", "self_products-10"], SIZES, ["engine", "engine:checkpoint=5"])
def bench_checkpoint(measure: Measure, question: Question) -> None:
    """All that the backward needs kept, against five segments that are computed again."""
    measure(question)
