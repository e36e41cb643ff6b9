"""The record that a fit leaves: numbers only, no methods that compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from deepglm.solvers import Certificate, Mode, PenaltyChoice, Start, Status, Step

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """Where a fit ended and what is known about it.

    Parameters
    ----------
    theta
        (size,) coefficients on the standardised scale, in canonical form, then auxiliary parameters
        other than a dispersion.
    params
        (size,) reported parameters, see :class:`deepglm.inference.units.Units`.
    aux
        Auxiliary parameters of the family, a dispersion among them.
    free
        (size,) which of ``theta`` were estimated; the others are pinned to remove a symmetry or set
        aside because their column is aliased.
    aliased
        (size,) which of them were set aside for aliasing.
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
    reason
        Why this solver.
    starts
        Every start and where it ended.
    modes
        Distinct optima within a few log-likelihood units of the best, this one first: parameters
        in the user's units, penalised log-likelihood, and the runs that ended there.
    history
        Accepted steps, or rounds of them, of the best start.
    evaluations
        Passes over the rows by kind.
    choice
        How the data chose the penalty; None for a penalty that was given.
    stopped
        What ended the search before all its starts were made, if anything did.
    """

    theta: Array
    params: Array
    aux: Array
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
    reason: str
    starts: tuple[Start, ...] = ()
    modes: tuple[Mode, ...] = ()
    history: tuple[Step, ...] = ()
    evaluations: Mapping[str, float] = field(default_factory=dict)
    choice: PenaltyChoice | None = None
    stopped: Status | None = None

    @property
    def hits(self) -> int:
        """How many of the finished starts reached the best optimum."""
        return sum(start.optimum == 1 for start in self.starts)
