"""The objective that every package minimises, written once and judged by it alone.

Minus the log-likelihood (without terms of the response alone) plus ``ridge / 2`` times the squares
of all slopes. Intercepts, hidden and final, are free of it for everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

Array = npt.NDArray[np.float64]
Family = Literal["gaussian", "binomial", "poisson"]

BLOCK = 8192
"""Rows at a time, so that judging a million of them does not take their memory again."""


@dataclass(frozen=True)
class Case:
    """A model and its data, as every package is given them.

    Parameters
    ----------
    name, title
        Short and long.
    X, y
        (n, p) inputs, already standardised, and (n,) response.
    family
        With its canonical link. The dispersion of a Gaussian response is held at one.
    hidden
        Units per hidden layer; empty for a GLM.
    activation
        "tanh" or "logistic".
    ridge
        See the module.
    offset
        (n,) known part of the linear predictor: the logarithm of an exposure.
    seeds
        Fits per package.
    seconds
        After so long a fit of another package is cut off; its best point so far counts.
    """

    name: str
    title: str
    X: Array
    y: Array
    family: Family
    hidden: tuple[int, ...] = ()
    activation: Literal["tanh", "logistic"] = "tanh"
    ridge: float = 0.0
    offset: Array | None = None
    seeds: int = 5
    seconds: float = 60.0

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.y)

    @property
    def widths(self) -> tuple[int, ...]:
        """Inputs, units of every layer, one output."""
        return (self.X.shape[1], *self.hidden, 1)


class Net(NamedTuple):
    """Slopes and intercepts, layer by layer."""

    weights: Sequence[Array]
    """(inputs, units) of every layer."""
    biases: Sequence[Array]
    """(units,) of every layer."""


def linear_predictor(case: Case, net: Net, rows: slice = slice(None)) -> Array:
    """Eta of some rows, offset included."""
    z = case.X[rows]
    inverse_link = np.tanh if case.activation == "tanh" else expit
    for W, b in zip(net.weights[:-1], net.biases[:-1], strict=True):
        z = inverse_link(z @ W + b)
    eta: Array = (z @ net.weights[-1] + net.biases[-1])[:, 0]
    return eta if case.offset is None else eta + case.offset[rows]


def objective(case: Case, net: Net) -> float:
    """What is minimised; see the module."""
    total = 0.5 * case.ridge * sum(float((W * W).sum()) for W in net.weights)
    for low in range(0, case.n, BLOCK):
        rows = slice(low, low + BLOCK)
        eta, y = linear_predictor(case, net, rows), case.y[rows]
        if case.family == "gaussian":
            loss = 0.5 * (y - eta) ** 2
        elif case.family == "binomial":
            loss = np.logaddexp(0.0, eta) - y * eta
        else:
            loss = np.exp(eta) - y * eta
        total += float(loss.sum())
    return total


def largest_score(case: Case, net: Net) -> float:
    """Largest entry of the score of a GLM, intercept included, summed over rows."""
    eta = linear_predictor(case, net)
    mean = {"gaussian": lambda a: a, "binomial": expit, "poisson": np.exp}[case.family](eta)
    residual = case.y - mean
    return float(max(np.abs(case.X.T @ residual).max(), abs(residual.sum())))
