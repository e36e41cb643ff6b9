"""Where a fit begins: random hidden units on the data, the final layer solved by IRLS.

Units are drawn with a random direction and slope on the standardised scale of what enters them, and
placed at a weighted quantile of their own linear predictor: a weight of two is a repeated row, and
the order of the rows does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepglm.data import Rows
from deepglm.predictor import Network, Predictor, pack, pinned_form
from deepglm.solvers.irls import final_layer
from deepglm.solvers.objective import Objective

Array = npt.NDArray[np.float64]

SLOPES = {"exp": (0.1, 0.4), "square": (0.2, 0.8), "identity": (0.5, 1.5)}
"""Norm of the slopes of a new unit on standardised inputs; others get (0.5, 2.5)."""


def random_units(rng: np.random.Generator, predictor: Predictor, rows: Rows) -> Array:
    """Coefficients with random hidden units and an empty final layer.

    Parameters
    ----------
    rng
        Source of randomness.
    predictor
        Shape of the predictor.
    rows
        Data, standardised.
    """
    c = predictor.unpack(np.zeros(predictor.size))
    for network, layers, X in zip(predictor.networks, c.layers, rows.designs[1:], strict=True):
        _draw_network(rng, network, layers, X, rows.freq)
    return pack(c)


def _draw_network(
    rng: np.random.Generator, network: Network, layers: Sequence[Array], X: Array, freq: Array
) -> None:
    z = X
    for link, B in zip(network.links, layers, strict=True):
        q, p = B.shape[0], B.shape[1] - 1
        sd = weighted_sd(z, freq)
        direction = rng.standard_normal((q, p))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        low, high = SLOPES.get(link.name, (0.5, 2.5))
        norm = rng.uniform(low, high, size=(q, 1))
        place = rng.uniform(size=(q,))
        # columns without spread are aliased; their slopes are held at zero
        slopes = np.where(sd > 0, direction * norm / np.where(sd > 0, sd, 1.0), 0.0)
        B[:, 1:] = slopes
        a = slopes @ z
        for k in range(q):
            B[k, 0] = -weighted_quantile(a[k], freq, place[k])
        if link.domain[0] >= 0:  # all linear predictors must be positive
            B[:, 0] = 1.0 - a.min(axis=1)
        if link.group == "shift":
            B[:, 0] = 0.0
        a += B[:, :1]
        z = link.evaluate(a, 0)[0]


def weighted_sd(z: Array, freq: Array) -> Array:
    """Standard deviation of every (feature, row) row, rows counted with their frequency."""
    total = freq.sum()
    mean = (z @ freq) / total
    moved = z - mean[:, None]
    sd: Array = np.sqrt((moved * moved) @ freq / total)
    return sd


def weighted_quantile(values: Array, freq: Array, level: float) -> float:
    """Smallest value at which the share of the frequencies reaches ``level``."""
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(freq[order])
    at = int(np.searchsorted(cumulative, level * cumulative[-1]))
    return float(values[order[min(at, len(order) - 1)]])


@dataclass(frozen=True)
class Starts:
    """Makes starting values for one objective.

    Parameters
    ----------
    objective
        The joint objective.
    held
        (size,) coefficients held at zero because their columns are aliased.
    response_scale
        Magnitude of pinned coefficients of the final layer.
    """

    objective: Objective
    held: npt.NDArray[np.bool_]
    response_scale: float

    def random(self, seed: np.random.SeedSequence) -> Array:
        """Full vector of parameters from one seed, final layer solved, pins in place."""
        predictor = self.objective.likelihood.predictor
        rng = np.random.default_rng(seed)
        return self.completed(random_units(rng, predictor, self.objective.rows))

    def completed(self, theta: Array) -> Array:
        """Solve the final layer around given hidden units and restore the pins."""
        predictor = self.objective.likelihood.predictor
        theta = np.where(self.held, 0.0, theta)
        theta = pinned_form(predictor, theta, self.response_scale)
        params = self.objective.origin.copy()
        params[: predictor.size] = theta
        params = final_layer(self.objective, params)
        params[: predictor.size] = pinned_form(
            predictor, params[: predictor.size], self.response_scale
        )
        return params
