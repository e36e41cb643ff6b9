"""Starts under a stronger penalty that is relaxed in steps.

A strong penalty leaves of a network what the data say loudest, and few optima. Let go step by step,
it leads from there to an optimum of the objective itself, often one that random units seldom find:
the first structures are in place before the small ones compete for units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from deepglm.solvers.contract import Outcome
from deepglm.solvers.objective import Objective
from deepglm.solvers.starts import Starts

Array = npt.NDArray[np.float64]

FACTORS = (1000.0, 100.0, 10.0)
"""Factors of the penalty, one after the other."""

ALIVE, BALANCED = 1e-2, 1e-3
"""Output weight that the largest must exceed, in units of the response, and share of it that the
smallest must, or else the penalty was too strong: it has put units out, and they stay out."""


def possible(starts: Starts) -> bool:
    """Whether there is a penalty on hidden layers to relax."""
    objective = starts.objective
    predictor = objective.likelihood.predictor
    return bool(objective.precision[: predictor.size][~predictor.final].any())


def relaxed(
    starts: Starts, seed: np.random.SeedSequence, short: Callable[[Objective, Array], Outcome]
) -> Array:
    """Full vector of parameters from random units, under penalties from strong to weak.

    Parameters
    ----------
    starts
        Makes random units.
    seed
        Seeds them.
    short
        Takes a few steps downhill.
    """
    params = starts.random(seed)
    for factor in FACTORS:
        here = starts.objective.from_origin(params)
        stronger = replace(here, precision=factor * here.precision, memory={})
        outcome = short(stronger, params[here.free])
        moved = here.expand(outcome.x)
        if np.isfinite(outcome.value) and _alive(starts, moved):
            params = moved
    return params


def _alive(starts: Starts, params: Array) -> bool:
    predictor = starts.objective.likelihood.predictor
    outputs = predictor.output_weights & ~starts.held
    v = np.abs(params[: predictor.size][outputs]) / starts.response_scale
    return bool(v.max() > ALIVE and v.min() > BALANCED * v.max())


__all__ = ["possible", "relaxed"]
