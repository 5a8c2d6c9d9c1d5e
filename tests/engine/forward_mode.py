"""A slow reference: random programs with their derivatives, computed forward beside them."""

from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from gradmeter import engine
from gradmeter.engine import Function, Variable, no_grad, using_config

SHAPES = [(), (1,), (2,), (3,), (1, 3), (2, 1), (2, 3), (3, 2), (2, 2), (0,), (0, 3)]
ENTRIES = 160  # of all variables of a program together
GREATEST = 30.0
STEEPEST = 1e4


class Ends(Function):
    """Two outputs of different shapes; the backward writes into what it is given."""

    def forward(self, x):
        return x * 2, np.sum(x, axis=-1)

    def backward(self, gdouble, gtotal):
        gdouble *= 2
        gdouble += gtotal[..., None]
        return gdouble


class Cross(Function):
    """Two inputs, two outputs; the backward returns what it was given, and a view of it."""

    def forward(self, a, b):
        self.saved_for_backward = ()
        return b * 1.0, a * 1.0

    def backward(self, gb, ga):
        gb *= -1
        gb *= -1
        return ga, gb[...]


@dataclass
class Dual:
    """A value, and its derivatives by every entry of every variable before it.

    The value is NumPy's own, in NumPy's dtype. ``slopes`` has one more axis, over the
    entries; ``weight`` is the same with every term's absolute value, so that rounding
    errors are a few of its last places.
    """

    value: np.ndarray
    slopes: np.ndarray
    weight: np.ndarray

    @staticmethod
    def of(value, *factors):
        """The elementwise chain rule; a factor is a Dual with the derivative by it."""
        value = np.asarray(value)
        slopes = weight = np.zeros((*value.shape, ENTRIES))
        for dual, derivative in factors:
            derivative = np.asarray(derivative, np.float64)[..., None]
            lead = (1,) * (value.ndim - dual.value.ndim)
            slopes = slopes + dual.slopes.reshape(lead + dual.slopes.shape) * derivative
            weight = weight + dual.weight.reshape(lead + dual.weight.shape) * abs(derivative)
        return Dual(value, slopes, weight)

    def map(self, function, value):
        return Dual(np.asarray(value), function(self.slopes), function(self.weight))


# An operation: its engine form, and its dual numbers; a is a variable, b another or a constant.


def dual_pair(value, a, by_a, b, by_b):
    return [Dual.of(value, (a, by_a), *([(b, by_b)] if isinstance(b, Dual) else []))]


def dual_maximum(a, b, v, w):
    first = (np.sign(np.subtract(v, w, dtype=np.float64)) + 1) / 2  # a tie: half
    return dual_pair(np.maximum(v, w), a, first, b, 1 - first)


def dual_div(a, b, v, w):
    below = w * w + 1
    return dual_pair(v / below, a, 1 / below, b, -2 * (v / below) * w / below)


def dual_matmul(a, b, v, w):
    value = v @ w
    result = [np.zeros((*value.shape, ENTRIES)) for _ in range(2)]
    for i, absolute in enumerate((np.asarray, np.abs)):
        operands = (a.slopes, a.weight)[i], absolute(w).astype(np.float64)
        result[i] += np.einsum("ikp,kj->ijp", *operands)
        if isinstance(b, Dual):
            operands = absolute(v).astype(np.float64), (b.slopes, b.weight)[i]
            result[i] += np.einsum("ik,kjp->ijp", *operands)
    return [Dual(np.asarray(value), *result)]


def dual_tanh(a, v):
    y = np.tanh(v)
    exact = Dual.of(y, (a, 1 - y.astype(np.float64) ** 2))
    return [Dual(exact.value, exact.slopes, Dual.of(y, (a, 2.0)).weight)]


def dual_sum(a, v, axis, keepdims):
    axes = tuple(i % v.ndim for i in (range(v.ndim) if axis is None else (axis,)))
    by = lambda slopes: np.sum(slopes, axis=axes, keepdims=keepdims)  # noqa: E731
    return [a.map(by, np.sum(v, axis=axis, keepdims=keepdims))]


BINARY = {
    "add": (lambda a, b: a + b, lambda a, b, v, w: dual_pair(v + w, a, 1, b, 1)),
    "sub": (lambda a, b: a - b, lambda a, b, v, w: dual_pair(v - w, a, 1, b, -1)),
    "mul": (lambda a, b: a * b, lambda a, b, v, w: dual_pair(v * w, a, w, b, v)),
    "div": (lambda a, b: a / (b * b + 1), dual_div),
    "maximum": (engine.maximum, dual_maximum),
    "matmul": (engine.matmul, dual_matmul),
}
CROSS = (
    lambda a, b: Cross()(a, b),
    lambda a, b, v, w: [Dual.of(w * 1.0, (b, 1)), Dual.of(v * 1.0, (a, 1))],
)
REFLECTED = {
    "rsub": (lambda a, b: b - a, lambda a, b, v, w: [Dual.of(w - v, (a, -1))]),
    "rdiv": (
        lambda a, b: b / (engine.square(a) + 1),
        lambda a, b, v, w: [
            Dual.of(w / (v * v + 1), (a, -2 * v * (w / (v * v + 1)) / (v * v + 1)))
        ],
    ),
    "rpow": (
        lambda a, b: (abs(b) + 0.5) ** a,
        lambda a, b, v, w: [
            Dual.of((abs(w) + 0.5) ** v, (a, (abs(w) + 0.5) ** v * np.log(abs(w) + 0.5)))
        ],
    ),
}
UNARY = {
    "neg": (lambda a: -a, lambda a, v: [Dual.of(-v, (a, -1))]),
    "square": (engine.square, lambda a, v: [Dual.of(v * v, (a, 2.0 * v))]),
    "twice": (lambda a: a + a, lambda a, v: [Dual.of(v + v, (a, 2))]),
    "exp": (
        lambda a: engine.exp(a / 4),
        lambda a, v: [Dual.of(np.exp(v / 4), (a, np.exp(v / 4) / 4))],
    ),
    "log": (
        lambda a: engine.log(a * a + 1),
        lambda a, v: [Dual.of(np.log(v * v + 1), (a, 2 * v / (v * v + 1)))],
    ),
    "cube": (lambda a: a**3, lambda a, v: [Dual.of(v**3, (a, 3.0 * v * v))]),
    "tanh": (engine.tanh, dual_tanh),
    "ends": (
        lambda a: Ends()(a),
        lambda a, v: [Dual.of(v * 2, (a, 2)), *dual_sum(a, v, -1, False)],
    ),
    "sum": (engine.sum, dual_sum),
}


@dataclass
class Call:
    apply: object
    operands: list  # register numbers, or constants
    arguments: tuple
    results: list  # register numbers
    strong: bool
    recorded: bool


@dataclass
class Program:
    duals: list = field(default_factory=list)
    offsets: list = field(default_factory=list)
    calls: list = field(default_factory=list)
    makers: dict = field(default_factory=dict)  # of recorded registers
    leaves: int = 0
    single: bool = False  # whether some number is of float32

    def add(self, dual):
        """Give a new register entries of its own; whether there were enough left."""
        used = self.offsets[-1] + self.duals[-1].value.size if self.duals else 0
        if used + dual.value.size > ENTRIES:
            return False
        for k, at in enumerate(np.ndindex(dual.value.shape)):
            dual.slopes[at][used + k] = dual.weight[at][used + k] = 1.0
        self.duals.append(dual)
        self.offsets.append(used)
        self.single |= dual.value.dtype == np.float32
        return True

    def gradient(self, root, register, seed, weights=False):
        dual, shape = self.duals[root], self.duals[register].value.shape
        start = self.offsets[register]
        slopes = (dual.weight if weights else dual.slopes)[
            ..., start : start + np.prod(shape, dtype=int)
        ]
        seed = abs(seed) if weights else seed
        axes = tuple(range(seed.ndim))
        return (np.asarray(seed, np.float64)[..., None] * slopes).sum(axis=axes).reshape(shape)

    def visited(self, root):
        """The registers that a sweep from root reaches."""
        reached, stack = set(), [root]
        while stack:
            register = stack.pop()
            if register not in reached:
                reached.add(register)
                if register in self.makers:
                    call = self.makers[register]
                    reached.update(call.results)
                    stack += [o for o in call.operands if type(o) is int]
        return reached


def array(draw, shape, dtype):
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    return np.asarray(rng.integers(-6, 7, shape) / (1 if dtype == "i8" else 4), dtype)


@st.composite
def programs(draw):
    program = Program()
    dtypes = draw(st.sampled_from([("f8",), ("f4",), ("f8", "f4"), ("f8", "f4", "i8")]))
    for _ in range(draw(st.integers(1, 4))):
        value = array(draw, draw(st.sampled_from(SHAPES)), draw(st.sampled_from(dtypes)))
        program.add(Dual.of(value))
    program.leaves = len(program.duals)
    for _ in range(draw(st.integers(1, 10))):
        append_call(draw, program, dtypes)
    return program


def draw_operand(draw, program, name, a, dtypes):
    """Another register, by its number, or a constant."""
    registers = range(len(program.duals))
    shapes = [dual.value.shape for dual in program.duals]
    if name == "matmul":
        registers = [j for j in registers if len(shapes[j]) == 2 and shapes[j][0] == a.shape[1]]
    constants_only = name in REFLECTED or not registers
    if constants_only or (name != "cross" and draw(st.integers(0, 3)) == 0):
        numbers = [0.5, 2, np.float32(1.5), np.float64(-2), None]
        b = draw(st.sampled_from(numbers)) if name != "matmul" else None
        shape = (a.shape[1], 2) if name == "matmul" else a.shape[-1:]
        return array(draw, shape, dtypes[0]) if b is None else b, None
    j = draw(st.sampled_from(registers))
    return program.duals[j], j


def append_call(draw, program, dtypes):
    """Add a random operation to a program, unless its shapes or values do not allow it."""
    i = draw(st.sampled_from(range(len(program.duals))))
    name = draw(st.sampled_from([*BINARY, *BINARY, *REFLECTED, *UNARY, "cross", "matmul"]))
    a, arguments = program.duals[i], ()
    if (name == "matmul" and a.value.ndim != 2) or (name in ("sum", "ends") and not a.value.ndim):
        name = "maximum"
    apply, rule = {**BINARY, **REFLECTED, **UNARY, "cross": CROSS}[name]
    if name in UNARY:
        operands, inputs = [i], (a, a.value)
        if name == "sum":
            axes = st.none() | st.integers(-a.value.ndim, a.value.ndim - 1)
            arguments = draw(st.tuples(axes, st.booleans()))
    else:
        b, j = draw_operand(draw, program, name, a.value, dtypes)
        operands = [i, {"constant": b} if j is None else j]
        inputs = (a, b, a.value, b if j is None else b.value)
        program.single |= getattr(b, "dtype", None) == np.float32
    recorded, strong = draw(st.integers(0, 7)) > 0, draw(st.booleans())
    try:
        with np.errstate(all="ignore"):
            duals = rule(*inputs, *arguments)
    except ValueError:  # these do not broadcast
        return
    if not recorded:
        duals = [Dual.of(dual.value) for dual in duals]
    if any((abs(d.value) > GREATEST).any() or (d.weight > STEEPEST).any() for d in duals):
        return
    first = len(program.duals)
    if all(program.add(dual) for dual in duals):
        results = list(range(first, first + len(duals)))
        call = Call(apply, operands, arguments, results, strong, recorded)
        program.calls.append(call)
        program.makers.update(dict.fromkeys(results if recorded else [], call))
    else:
        del program.duals[first:], program.offsets[first:]


def run(program, weak):
    """The program's variables, computed by the engine."""
    variables = [Variable(dual.value.copy()) for dual in program.duals[: program.leaves]]
    for call in program.calls:
        operands = [variables[o] if type(o) is int else o["constant"] for o in call.operands]
        kind = "strong" if call.strong and not weak else "weak"
        with using_config("output_references", kind):
            if call.recorded:
                results = call.apply(*operands, *call.arguments)
            else:
                with no_grad():
                    results = call.apply(*operands, *call.arguments)
        variables += results if type(results) is tuple else (results,)
    return dict(enumerate(variables))
