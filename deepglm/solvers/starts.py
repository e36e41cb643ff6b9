"""Where a fit begins: random hidden units on the data, the final layer solved by IRLS.

Units are drawn with a random direction and slope on the standardised scale of what enters them, and
placed at a weighted quantile of their own linear predictor: a weight of two is a repeated row, and
the order of the rows does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deepglm.data import Rows
from deepglm.predictor import Coefficients, Network, Predictor, forward, pack, pinned_form
from deepglm.solvers.irls import final_layer, glm
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
        B[:, 0] = -_quantiles(a, place, freq)
        if link.domain[0] >= 0:  # all linear predictors must be positive
            B[:, 0] = 1.0 - a.min(axis=1)
        if link.group == "shift":
            B[:, 0] = 0.0
        a += B[:, :1]
        z = link.evaluate(a, 0)[0]


def _quantiles(a: Array, place: Array, freq: Array) -> Array:
    """(units,) weighted quantile of each row of ``a``, one place in (0, 1) for every row.

    What ``np.quantile(method="inverted_cdf", weights=freq)`` returns, for all rows in one sort.
    """
    order = a.argsort(axis=1)
    share = freq[order].cumsum(axis=1)
    share /= share[:, -1:]
    first = (share < place[:, None]).sum(axis=1)
    ranks = np.minimum(first, a.shape[1] - 1)
    units = np.arange(len(a))
    return np.asarray(a[units, order[units, ranks]])


LINEAR = 0.3
"""Standard deviation of the linear predictor of a unit that is to be nearly linear."""

ROWS = 65_536
"""Rows that units are placed by; a start needs no more."""


def thinned(rows: Rows) -> Rows:
    """Every so-manieth row, so that about ``ROWS`` are left."""
    step = rows.n // ROWS
    if step < 2:
        return rows
    every = slice(None, None, step)
    return Rows(
        np.ascontiguousarray(rows.y[..., every]),
        tuple(np.ascontiguousarray(X[:, every]) for X in rows.designs),
        rows.offset[every],
        rows.weight[every],
        rows.freq[every],
    )


def unit_spread(predictor: Predictor, c: Coefficients, rows: Rows) -> Array:
    """(units,) standard deviation of the last hidden units of the first deep term."""
    few = thinned(rows)
    z = forward(c, predictor, few.designs, 0).passes[0].z[-1]
    return weighted_sd(z, few.freq)


def glm_directions(objective: Objective) -> list[Array]:
    """Slopes of the plain GLM on the inputs of every deep term, (inputs,) each.

    A ridge of 1 makes them exist; the final layer's own terms are in the GLM too.
    """
    rows, likelihood = thinned(objective.rows), objective.likelihood
    columns = np.concatenate(rows.designs)
    glm_likelihood = replace(
        likelihood, predictor=Predictor(len(columns), (), likelihood.predictor.k_eta)
    )
    size = glm_likelihood.size
    tail = objective.origin[likelihood.predictor.size :]
    plain = Objective(
        glm_likelihood,
        replace(rows, designs=(columns,)),
        np.r_[np.ones(size - len(tail)), np.zeros(len(tail))],
        np.r_[np.zeros(size - len(tail)), tail],
        np.ones(size, dtype=bool),
        objective.workers,
    )
    beta = plain.expand(glm(plain, tol=1e-3, maxiter=25).x)[: len(columns)]
    ends = np.cumsum([len(X) for X in rows.designs])
    return np.split(beta, ends[:-1])[1:]


def weighted_sd(z: Array, freq: Array) -> Array:
    """Standard deviation of every (feature, row) row, rows counted with their frequency."""
    total = freq.sum()
    mean = (z @ freq) / total
    moved = z - mean[:, None]
    sd: Array = np.sqrt((moved * moved) @ freq / total)
    return sd


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
        return self.completed(random_units(rng, predictor, thinned(self.objective.rows)))

    def embedded(self, seed: np.random.SeedSequence) -> Array | None:
        """Full vector around the GLM: the first unit of every layer is nearly linear along it.

        The other units are random. Its likelihood is at least nearly the GLM's. None where the
        final layer holds the columns itself, or where an inverse link has no slope at zero.
        """
        objective = self.objective
        predictor, rows = objective.likelihood.predictor, thinned(objective.rows)
        given = objective.rows.designs
        links = [link for net in predictor.networks for link in net.links]
        flat = any(
            link.across or link.domain[0] >= 0 or abs(link.evaluate(np.zeros(1), 1)[1][0]) < 0.1
            for link in links
        )
        if flat or any(np.shares_memory(X, given[0]) for X in given[1:]):
            return None
        directions = glm_directions(objective)
        theta = random_units(np.random.default_rng(seed), predictor, rows)
        for network, layers, X, w in zip(
            predictor.networks,
            predictor.unpack(theta).layers,
            rows.designs[1:],
            directions,
            strict=True,
        ):
            spread = float(weighted_sd((w @ X)[None], rows.freq)[0])
            if spread == 0.0:
                return None
            layers[0][0, 1:] = LINEAR / spread * w
            layers[0][0, 0] = -LINEAR / spread * float(w @ (X @ rows.freq)) / rows.freq.sum()
            for link, B in zip(network.links, layers[1:], strict=False):
                value, slope = (float(d[0]) for d in link.evaluate(np.zeros(1), 1))
                B[0] = 0.0
                B[0, 1] = 1.0 / slope
                B[0, 0] = -value / slope
        return self.completed(theta)

    def completed(self, theta: Array) -> Array:
        """Solve the final layer around given hidden units and restore the pins."""
        predictor = self.objective.likelihood.predictor
        theta = np.where(self.held, 0.0, theta)
        theta = pinned_form(predictor, theta, self.response_scale)
        params = self.objective.origin.copy()
        params[: predictor.size] = theta
        params = final_layer(self.objective, params, self.held)
        params[: predictor.size] = pinned_form(
            predictor, params[: predictor.size], self.response_scale
        )
        return params
