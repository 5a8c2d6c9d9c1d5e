"""The pytest-benchmark modules, one per question."""

WORKLOADS = (
    "squares-3",
    "squares-30",
    "step17_loop",
    "constant_sums-10",
    "self_products-10",
    "diamond",
    "matyas",
    "goldstein_price",
    "training_step",
)
SIZES = (10_000, 1_000_000)
