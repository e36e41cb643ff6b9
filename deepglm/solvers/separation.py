"""Directions of the final layer along which the likelihood never falls (separation).

Where a linear combination of columns is never negative for responses at the upper end of their
range, never positive for those at the lower end and zero for all others, the likelihood rises
without end along it and its maximum does not exist (Albert and Anderson 1984). A linear programme
finds such a combination or proves that there is none (Konis 2007).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from deepglm.predictor import final_jacobian, forward
from deepglm.solvers.objective import Objective

Array = npt.NDArray[np.float64]

BOTH_ENDS = ("logistic", "probit", "cloglog", "loglog", "cauchit", "tanh")
"""Inverse links whose mean reaches both ends of a bounded range as eta goes to infinity."""

LOWER_END = ("exp", "cloglog", "logistic")
"""Inverse links whose mean falls to zero as eta goes to minus infinity."""

EXTREME, CLOSE = 12.0, 1e-8
"""Absolute eta, or distance of a mean from its range's end, at which the programme is solved."""


def separating_columns(objective: Objective, params: Array) -> npt.NDArray[np.intp]:
    """Coefficients that take part in a separation of the responses, their numbers; none is usual.

    Parameters
    ----------
    objective
        The objective that was minimised.
    params
        (size,) full vector of parameters.
    """
    none = np.zeros(0, dtype=np.intp)
    likelihood, rows = objective.likelihood, objective.rows
    predictor, family = likelihood.predictor, likelihood.family
    low, high = family.mean_range
    upper = np.isfinite(high) and family.link.name in BOTH_ENDS
    lower = low == 0.0 and family.link.name in (*BOTH_ENDS, *LOWER_END)
    if predictor.k_eta != 1 or not (upper or lower):
        return none
    eta = likelihood.eta(params, rows)[0][rows.freq > 0]
    mean = family.mean(eta)
    near = (mean < low + CLOSE) | (mean > high - CLOSE) | (np.abs(eta) > EXTREME)
    if not near.any():
        return none
    open_ended = objective.free & (objective.precision == 0)
    where = np.flatnonzero(predictor.final & open_ended[: predictor.size])
    coefficients, _ = likelihood.split(params)
    state = forward(coefficients, predictor, rows.designs, 1)
    X = final_jacobian(state, predictor)[open_ended[: predictor.size][predictor.final]].T
    counted = rows.freq > 0
    sign = np.where(rows.y == low, -1.0, np.where(rows.y == high, 1.0, 0.0))
    if not upper:
        sign = np.minimum(sign, 0.0)
    return where[_direction(X[counted], sign[counted])]


def _direction(X: Array, sign: Array) -> npt.NDArray[np.bool_]:
    """Columns with a non-zero entry in a separating direction, (columns,) booleans."""
    scale = np.abs(X).max(axis=0)
    scale[scale == 0] = 1.0
    Z = X / scale
    signed = Z[sign != 0] * sign[sign != 0, None]
    tied = Z[sign == 0]
    found = linprog(
        -signed.sum(axis=0),
        A_ub=-signed if len(signed) else None,
        b_ub=np.zeros(len(signed)) if len(signed) else None,
        A_eq=tied if len(tied) else None,
        b_eq=np.zeros(len(tied)) if len(tied) else None,
        bounds=(-1, 1),
        method="highs",
    )
    if found.status != 0 or found.fun is None or found.fun > -1e-7:
        return np.zeros(X.shape[1], dtype=bool)
    columns: npt.NDArray[np.bool_] = np.abs(np.asarray(found.x)) > 1e-7
    return columns
