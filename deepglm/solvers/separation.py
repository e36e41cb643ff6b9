"""Directions of the final layer along which the likelihood never falls (separation).

Where a linear combination of columns is never negative for responses at the upper end of their
range, never positive for those at the lower end and zero for all others, the likelihood rises
without end along it and its maximum does not exist (Albert and Anderson 1984). A linear programme
finds such a combination or proves that there is none (Konis 2007). The programme sees few rows: a
direction that a handful of them rules out is ruled out, and one that they allow is tried on all,
which gives the next handful.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from deepglm.families import MeanFamily
from deepglm.predictor import final_jacobian, forward
from deepglm.solvers.objective import Objective

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

EXTREME, CLOSE = 12.0, 1e-8
"""Absolute eta, or distance of a mean from its range's end, at which the programme is solved."""

AGAINST, ALONG = 1e-6, 1e-3
"""How far a row may lie on the wrong side of a separating direction, and how far one must lie on
the right side, on columns scaled to one."""

MINOR = 0.05
"""Share of the largest coefficient, on columns scaled to one, below which those of columns that
vary are left out if the others separate without them."""

ROUNDS = 200
"""Handfuls of rows at most; fewer than ten are usual."""

TIED = 1e-11
"""Eigenvalue, relative to the largest, below which rows between the ends leave a direction free."""


class _Block(NamedTuple):
    """Rows as the programme sees them, in coefficients and thresholds that nothing holds back."""

    signed: Array
    """(columns, m) combinations that must not be negative along a separating direction."""
    fitted: Array
    """(m,) their values at the fit."""
    tied: Array
    """(columns, m) combinations that must stay zero."""


@dataclass(frozen=True)
class _Ends:
    """The rows as the programme sees them, block by block.

    Parameters
    ----------
    objective
        The objective that was minimised.
    params
        (size,) full vector of parameters.
    columns
        (final + thresholds,) coefficients of the final layer that nothing holds back.
    """

    objective: Objective
    params: Array
    columns: Mask

    def blocks(self) -> Iterator[_Block]:
        """Rows that count, some at a time."""
        likelihood = self.objective.likelihood
        predictor, family = likelihood.predictor, likelihood.family
        coefficients, aux = likelihood.split(self.params)
        thresholds = family.thresholds(aux)
        for block in self.objective.rows.blocks():
            state = forward(coefficients, predictor, block.designs, 1)
            eta = state.eta + block.offset
            channels = [final_jacobian(state, predictor, k) for k in range(predictor.k_eta)]
            for comparison in family.comparisons(block.y):
                counted = (block.freq > 0) & comparison.used
                factors = comparison.factors[:, counted]
                k = predictor.k_eta
                J = sum(J[:, counted] * f for J, f in zip(channels, factors[:k], strict=True))
                J = np.concatenate((J, factors[k:]))[self.columns]
                fitted = (eta[:, counted] * factors[:k]).sum(axis=0) + thresholds @ factors[k:]
                tied = comparison.tied[counted]
                yield _Block(J[:, ~tied], fitted[~tied], J[:, tied])


def separating_direction(objective: Objective, params: Array) -> Array:
    """Find a direction along which the responses are separated.

    Parameters
    ----------
    objective
        The objective that was minimised.
    params
        (size,) full vector of parameters.

    Returns
    -------
    ndarray
        (size,) direction; zeros where there is none, which is usual.
    """
    direction = np.zeros_like(params)
    likelihood, rows = objective.likelihood, objective.rows
    predictor, family = likelihood.predictor, likelihood.family
    if not family.comparisons(rows.y[..., :1]) or not _extreme(objective, params):
        return direction
    open_ended = (objective.free & (objective.precision == 0))[: predictor.size]
    columns = open_ended[predictor.final]
    if not columns.any():
        return direction
    thresholds = len(family.thresholds(params[predictor.size :]))
    ends = _Ends(objective, params, np.concatenate((columns, np.ones(thresholds, dtype=bool))))
    found = _direction(ends)
    direction[np.flatnonzero(predictor.final & open_ended)] = found[: len(found) - thresholds]
    return direction


def _extreme(objective: Objective, params: Array) -> bool:
    """Whether a row is so nearly certain that the programme is worth its time."""
    likelihood, rows = objective.likelihood, objective.rows
    family, counted = likelihood.family, rows.freq > 0
    eta = likelihood.eta(params, rows)
    if isinstance(family, MeanFamily):
        low, high = family.mean_range
        mean = family.mean(eta[0])[counted]
        near = (mean < low + CLOSE) | (mean > high - CLOSE)
    else:
        _, aux = likelihood.split(params)
        near = family.deviance_rows(rows.y, eta, aux, np.ones(rows.n))[counted] < CLOSE
    return bool(near.any() or (np.abs(eta[:, counted]) > EXTREME).any())


def _direction(ends: _Ends) -> Array:
    """(columns,) separating direction, or zeros; no columns of which the others have no need."""
    highest = np.zeros(int(ends.columns.sum()))  # of absolute values: rows are signed
    lowest = np.full_like(highest, np.inf)
    for block in ends.blocks():
        for J in (block.signed, block.tied):
            highest = np.maximum(highest, np.abs(J).max(axis=1, initial=0.0))
            lowest = np.minimum(lowest, np.abs(J).min(axis=1, initial=np.inf))
    scale = np.where(highest == 0.0, 1.0, highest)
    found = _solve(ends, scale)
    needed = (np.abs(found) > MINOR * np.abs(found).max(initial=0.0)) | (highest == lowest)
    if found.any() and not needed.all():
        columns = ends.columns.copy()
        columns[columns] = needed
        fewer = _solve(replace(ends, columns=columns), scale[needed])
        if fewer.any():
            found = np.zeros_like(found)
            found[needed] = fewer
    return np.asarray(found / scale)


def _solve(ends: _Ends, scale: Array) -> Array:
    """(columns,) separating direction on columns divided by a scale, or zeros."""
    free, total = _first_pass(ends, scale)
    none = np.zeros(len(scale))
    if not free.shape[1] or not total.any():
        return none
    few = 50 + 5 * free.shape[1]
    rows, _, _ = _least(ends, None, few)  # where the fit itself is on the wrong side
    for _ in range(ROUNDS):
        A = (rows / scale) @ free
        found = linprog(
            -total @ free, A_ub=-A, b_ub=np.zeros(len(A)), bounds=(-1, 1), method="highs"
        )
        if found.status != 0 or found.x is None or np.abs(found.x).max() < 0.5:
            return none  # a direction, where there is one, is as long as the bounds allow
        tried = free @ found.x
        against, lowest, highest = _least(ends, tried / scale, few)
        if lowest >= -AGAINST:
            return np.where(np.abs(tried) > AGAINST, tried, 0.0) if highest > ALONG else none
        rows = np.concatenate((rows, against))
    return none


def _first_pass(ends: _Ends, scale: Array) -> tuple[Array, Array]:
    """Directions that tied rows leave free, as columns, and the signed sum of the others.

    Rows between the ends are tied: a separating direction is zero on all of them, so it lies in the
    null space of their cross-products.
    """
    p = len(scale)
    tied, total = np.zeros((p, p)), np.zeros(p)
    for block in ends.blocks():
        between = block.tied / scale[:, None]
        tied += between @ between.T
        total += block.signed.sum(axis=1) / scale
    e, Q = np.linalg.eigh(tied)
    return Q[:, e <= TIED * max(float(e[-1]), 1e-300)], total


def _least(ends: _Ends, direction: Array | None, few: int) -> tuple[Array, float, float]:
    """Signed rows (few, columns) that lie least far along a direction, and the extremes of all.

    The direction None is the fitted linear predictor.
    """
    rows, along = np.zeros((0, int(ends.columns.sum()))), np.zeros(0)
    highest = -np.inf
    for block in ends.blocks():
        signed = block.signed
        value = block.fitted if direction is None else direction @ signed
        highest = max(highest, float(np.max(value, initial=-np.inf)))
        rows, along = np.concatenate((rows, signed.T)), np.concatenate((along, value))
        if len(along) > few:
            kept = np.argpartition(along, few)[:few]
            rows, along = rows[kept], along[kept]
    return rows, float(along.min()), highest
