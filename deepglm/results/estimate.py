"""The record that a fit leaves: numbers only, no methods that compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from deepglm.solvers import Certificate

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """Where a fit ended and what is known about it.

    Parameters
    ----------
    theta
        (size,) coefficients on the standardised scale, in canonical form.
    params
        (size,) coefficients in the user's units.
    free
        (size,) coefficients that were estimated; the others are pinned to remove a symmetry or set
        aside because their column is aliased.
    aliased
        (size,) coefficients set aside for aliasing.
    precision
        (size,) quadratic penalty on ``theta``.
    scale
        Dispersion used for standard errors.
    scale_kind
        "fixed", "X2" or "dev": how it came about.
    scale_objective
        Dispersion in force inside the objective.
    penalized_llf
        What was maximised.
    certificate
        The verdict on the point.
    method
        Name of the solver.
    iterations
        Steps of the best start.
    starts, hits
        Number of starts, and how many of those finished reached the best optimum.
    modes
        Objective values of the finished starts, best first (log-likelihood units above the best).
    history
        Objective after every accepted step of the best start.
    evaluations
        Passes over the rows by kind.
    """

    theta: Array
    params: Array
    free: npt.NDArray[np.bool_]
    aliased: npt.NDArray[np.bool_]
    precision: Array
    scale: float
    scale_kind: str
    scale_objective: float
    penalized_llf: float
    certificate: Certificate
    method: str
    iterations: int
    starts: int
    hits: int
    modes: tuple[float, ...] = ()
    history: tuple[float, ...] = ()
    evaluations: Mapping[str, float] = field(default_factory=dict)
