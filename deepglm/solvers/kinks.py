"""One-sided derivatives where rows lie on the kink of a piecewise-linear unit.

There the objective has no gradient, but a derivative in every direction. With ``g`` the gradient on
the lower side of every kink and ``c_i`` the jump to the upper side of the i-th it is, where every
kink is convex,

    g'd + sum_i max(c_i'd, 0),

and no direction leads downhill if and only if ``g + sum_i s_i c_i = 0`` for some shares ``s_i``
between 0 and 1 (Clarke 1983, chapter 2). The shares that come closest solve a bounded least-squares
problem. A concave kink can always be left downhill.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import lsq_linear

from deepglm.data import Rows
from deepglm.families import Level
from deepglm.predictor import forward
from deepglm.solvers.objective import Objective

Array = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.intp]

EXACTLY = 1e-13
"""Relative size of a linear predictor that is zero but for rounding."""

NEARLY = 1e-6
"""Relative size of one that an iteration left beside a kink because it could not pass it."""


@dataclass(frozen=True)
class Kink:
    """Rows with the same inputs on the kink of one unit.

    Parameters
    ----------
    intercept
        Where the unit's intercept stands in the vector of parameters.
    rows
        Their numbers.
    shift
        Added to the intercept or taken from it, it brings all of them to one side.
    """

    intercept: int
    rows: Numbers
    shift: float


def find_kinks(objective: Objective, params: Array, near: float) -> list[Kink]:
    """Find the rows that lie on a kink.

    Parameters
    ----------
    objective
        The objective that was minimised.
    params
        (size,) full vector of parameters.
    near
        Largest absolute linear predictor of such a row, relative to the unit's largest.
    """
    largest: dict[int, float] = {}
    for unit, _, _, a in _kinked_units(objective, params):
        largest[unit] = max(largest.get(unit, 0.0), float(np.abs(a).max()))
    rows: dict[tuple[int, bytes], list[int]] = {}
    shift: dict[tuple[int, bytes], float] = {}
    for unit, lo, X, a in _kinked_units(objective, params):
        for i in np.flatnonzero(np.abs(a) <= near * largest[unit]):
            key = (unit, X[:, i].tobytes())
            rows.setdefault(key, []).append(lo + int(i))
            shift[key] = max(shift.get(key, 0.0), 2 * abs(float(a[i])) + 1e-14 * largest[unit])
    return [Kink(key[0], np.array(rows[key]), shift[key] or 1e-14) for key in rows]


def _kinked_units(objective: Objective, params: Array) -> Iterator[tuple[int, int, Array, Array]]:
    """Units with a kink, block by block: (intercept, first row, inputs, linear predictor)."""
    predictor = objective.likelihood.predictor
    c, _ = objective.likelihood.split(params)
    numbers = predictor.unpack(np.arange(predictor.size, dtype=float))
    lo = 0
    for block in objective.rows.blocks():
        for t, one in enumerate(forward(c, predictor, block.designs, 0).passes):
            for level, link in enumerate(predictor.networks[t].links):
                if link.kinked:
                    B = one.layers[level]
                    a = B[:, 1:] @ one.z[level] + B[:, :1]
                    for k, number in enumerate(numbers.layers[t][level][:, 0]):
                        yield int(number), lo, one.z[0], a[k]
        lo += block.n


def smallest_gradient(
    objective: Objective, params: Array, kinks: list[Kink], gradient: Array, metric: Array
) -> Array | None:
    """Gradient of (free,) length that is smallest in a metric, between the sides of all kinks.

    Parameters
    ----------
    objective
        The objective that was minimised.
    params
        (size,) full vector of parameters.
    kinks
        What :func:`find_kinks` returned.
    gradient
        (free,) gradient as computed, on whatever side rounding has put the rows.
    metric
        (free, free) matrix ``M``: the length of ``M g`` is what is minimised.

    Returns
    -------
    ndarray or None
        None where a kink is concave, or where there are more of them than parameters: the units on
        them are then no isolated optimum.
    """
    if len(kinks) > objective.size:
        return None
    jumps = []
    for kink in kinks:
        rows = _selected(objective.rows, kink.rows)
        here, below, above = (
            _row_gradient(objective, params, kink.intercept, move, rows)
            for move in (0.0, -kink.shift, kink.shift)
        )
        jump = above - below
        if jump[kink.intercept] < 0:
            return None
        gradient = gradient + (below - here)[objective.free]
        jumps.append(jump[objective.free])
    C = np.array(jumps).T
    shares = lsq_linear(metric @ C, -metric @ gradient, (0.0, 1.0), method="bvls").x
    return np.asarray(gradient + C @ shares)


def _row_gradient(
    objective: Objective, params: Array, intercept: int, move: float, rows: Rows
) -> Array:
    """(size,) gradient that some rows contribute, with an intercept moved a little."""
    params = params.copy()
    params[intercept] += move
    score = objective.likelihood.chunk(params, rows, Level.SCORE).score
    return np.zeros_like(params) if score is None else -score


def _selected(rows: Rows, which: Numbers) -> Rows:
    return replace(
        rows,
        y=rows.y[..., which],
        designs=tuple(X[:, which] for X in rows.designs),
        offset=rows.offset[which],
        weight=rows.weight[which],
        freq=rows.freq[which],
        constant=None if rows.constant is None else rows.constant[which],
    )
