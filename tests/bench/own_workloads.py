"""Files with workloads, as a user writes them."""

from __future__ import annotations

from pathlib import Path

# What a page of docs/how-to shows; test_own_workloads.py holds the two together.
README = '''
import gradmeter

def inputs(size, generator):
    return {"x": generator.uniform(-1, 1, size), "t": generator.uniform(0, 1, size)}

@gradmeter.workload(inputs, constants={"t"})
def softplus_loss(operations, x, t):
    """the squared error of log(1 + exp(x)) against t"""
    error = operations.log(1 + operations.exp(x)) - t
    return error * error
'''

# Whatever a workload can say, beside one that only engines with a cosine can compute.
FULL = '''
"""Workloads with a sibling, a depth, exact gradients and a prediction."""
import numpy as np
import sibling
from gradmeter import Chain, Prediction, Workload, workload
print("this is no part of any command's output")

def fourths(depth):
    """A chain, which takes its depth from its name."""
    return Workload(
        name="whatever",
        meaning=f"{depth} times the square of a square",
        function=Chain(lambda operations, x: operations.square(operations.square(x)), depth),
        inputs=sibling.inputs,
    )

def exact(x):
    return {"x": 4 * x**3}

def predict(settings):
    return Prediction(3, 3, 3, 0) if settings["output_references"] == "weak" else None

@workload(sibling.inputs, exact=exact, predict=predict)
def fourth(operations, x):
    """the square of a square.

    More that nobody prints.
    """
    import late_sibling
    return operations.square(operations.square(x))

@workload(sibling.inputs)
def wave(operations, x):
    return operations.cos(x)
'''
SIBLING = """
def inputs(size, generator):
    return {"x": generator.uniform(0.5, 1.5, size)}
"""


def workload_file(folder: Path, text: str = README, name: str = "own.py") -> Path:
    """A file with workloads."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def full_file(folder: Path) -> Path:
    """The file with everything, and what it imports."""
    workload_file(folder, SIBLING, "sibling.py")
    workload_file(folder, "", "late_sibling.py")
    return workload_file(folder, FULL, "full.py")
