"""The end of a fit: exact Newton steps, and the final intercept's own equation.

The best run is brought from where its solver was content to where a full Newton step would gain
nothing that matters. Each step is followed by the final intercept's score equation, so that with a
canonical link fitted and observed totals agree to rounding.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepglm.families import Level
from deepglm.solvers.certificate import spectrum
from deepglm.solvers.contract import Control, Outcome
from deepglm.solvers.irls import polish_intercept
from deepglm.solvers.objective import Objective
from deepglm.solvers.scoring import Curvature, scoring

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

STEPS = 12
"""Newton steps at most; one or two are usual."""

ENOUGH = 1e-9
"""Decrement at which no step is worth its information matrix."""


def finish(objective: Objective, params: Array, intercept: Mask, control: Control) -> Array:
    """Full vector of parameters at the optimum near by.

    Parameters
    ----------
    objective
        The joint objective.
    params
        (size,) parameters near an optimum.
    intercept
        (predictor size,) the unpenalised final intercepts.
    control
        Asked between steps whether to stop.
    """
    params = polish_intercept(objective, params, intercept)
    best, best_decrement = params, np.inf
    for _ in range(STEPS):
        here = objective.from_origin(params)
        x = params[here.free]
        now = here.at(x, Level.OBSERVED)
        if now.gradient is None or now.information is None:
            break
        curved = spectrum(now.information)
        decrement = curved.decrement(now.gradient)
        if decrement < best_decrement:
            best, best_decrement = params, decrement
        elif np.isfinite(best_decrement):  # at rounding: no step gains any more
            break
        if decrement <= ENOUGH or control.stop():
            break
        if curved.smallest <= 0:
            end = _damped(here, x, control)
            moved = here.expand(end.x)
        else:
            moved = here.expand(x - curved.metric.T @ (curved.metric @ now.gradient))
            there = here.at(moved[here.free], Level.VALUE).value
            if there > now.value + 1e-10 * (1.0 + abs(now.value)):
                end = _damped(here, x, control)
                moved = here.expand(end.x)
        if (moved == params).all():
            break
        params = polish_intercept(objective, moved, intercept)
    return best


def _damped(objective: Objective, x: Array, control: Control) -> Outcome:
    """Damped Newton steps, for where full ones lead nowhere."""
    return scoring(
        objective, x, Curvature.NEWTON, tol=1e-10, maxiter=40, damping=1e-6, control=control
    )
