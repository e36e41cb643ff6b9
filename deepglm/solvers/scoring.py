"""Damped Fisher scoring that turns into Newton's method with the observed information.

Levenberg's damping on a unit-diagonal scale with Nielsen's rule for the damping constant, then
Newton steps that follow negative curvature away from saddles. Everything is in log-likelihood
units: the predicted gain of a step has a statistical meaning, and so has the tolerance.

References
----------
Levenberg (1944); Marquardt (1963); Nielsen (1999), "Damping parameter in Marquardt's method".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from deepglm.errors import SpecificationError, positive_number, whole_number
from deepglm.families import Level
from deepglm.solvers.contract import Control, Outcome, Step
from deepglm.solvers.damped import Damped, damped
from deepglm.solvers.objective import Evaluation, Objective

Array = npt.NDArray[np.float64]


class Curvature(Enum):
    """Which information steers the steps."""

    FISHER = "expected information throughout (iteratively reweighted least squares)"
    NEWTON = "observed information throughout"
    BOTH = "expected information first, observed information near the optimum"


QUIET = Control()

SWITCH = 2.0
"""Twice the predicted gain below which the observed information takes over: about one unit of
log-likelihood from the mode, where it is positive and converges quadratically."""


ESCAPES = 10
"""Saddles that one run may leave."""


@dataclass(frozen=True)
class Scoring:
    """Damped scoring: each step is one reweighted least-squares fit of the linearised model.

    Parameters
    ----------
    curvature
        Expected information, observed, or the one and then the other.
    tol
        Half the undamped decrement, in log-likelihood units, at which the solver is content.
    maxiter
        Steps at most.
    damping
        Initial damping constant on the unit-diagonal scale.
    """

    curvature: Curvature = Curvature.BOTH
    tol: float = 1e-10
    maxiter: int = 300
    damping: float = 1e-2

    def __post_init__(self) -> None:
        curvature: Any = self.curvature  # annotated, but the user's
        if not isinstance(curvature, Curvature):
            accepted = ", ".join(f"Curvature.{one.name}" for one in Curvature)
            raise SpecificationError(
                f"Scoring.curvature={curvature!r}: accepted are {accepted}, from deepglm.solvers."
            )
        positive_number("Scoring.tol", self.tol)
        whole_number("Scoring.maxiter", self.maxiter, 1)
        positive_number("Scoring.damping", self.damping)

    @property
    def name(self) -> str:
        """See :class:`~deepglm.solvers.contract.Solver`."""
        return _NAMES[self.curvature]

    def minimise(
        self,
        objective: Objective,
        x: Array,
        control: Control,
        seed: np.random.SeedSequence,
        short: bool = False,
    ) -> Outcome:
        """See :class:`~deepglm.solvers.contract.Solver`; nothing is drawn."""
        return scoring(
            objective,
            x,
            self.curvature,
            tol=self.tol,
            maxiter=min(SHORT, self.maxiter) if short else self.maxiter,
            damping=self.damping,
            control=control,
            name=self.name,
        )


_NAMES = {Curvature.FISHER: "fisher", Curvature.NEWTON: "newton", Curvature.BOTH: "scoring"}

SHORT = 15
"""Steps of a short run."""


def scoring(
    objective: Objective,
    x: Array,
    curvature: Curvature = Curvature.BOTH,
    *,
    tol: float = 1e-10,
    maxiter: int = 300,
    damping: float = 1e-2,
    control: Control = QUIET,
    name: str = "scoring",
) -> Outcome:
    """Minimise an objective by damped scoring or Newton steps.

    Parameters
    ----------
    objective
        What is minimised.
    x
        (free,) where to start; the objective must be finite there.
    curvature
        Expected or observed information, or the one and then the other.
    tol
        Half the undamped decrement, in log-likelihood units, at which the solver is content.
    maxiter
        Steps tried at most.
    damping
        Initial damping constant on the unit-diagonal scale.
    control
        Asked before every step whether to stop, and told after it.
    name
        Name of the method in the outcome.
    """
    newton = curvature is Curvature.NEWTON
    level = Level.OBSERVED if newton else Level.FISHER
    now = objective.at(x, level)
    if now.gradient is None:
        return Outcome(x, np.inf, 0, name, np.inf, False)
    scale = _scale(_diagonal(objective, x, now, newton))
    mu, nu, rejected = damping, 2.0, False
    history = [Step("start", now.value, np.nan)]
    decrement, iteration, stale, escapes = np.inf, 0, 0, 0
    here = _look(now, scale, newton)
    for iteration in range(1, maxiter + 1):
        previous, decrement = decrement, here.decrement
        if decrement <= tol and curvature is Curvature.BOTH and not newton:
            # stationary, but only the observed information tells a maximum from a saddle
            newton, level = True, Level.OBSERVED
            now = objective.at(x, level)
            here = _look(now, scale, newton)
            continue
        if decrement <= tol and newton and here.lowest is not None and escapes < ESCAPES:
            escapes += 1
            direction, size = here.lowest
            away = escape(objective, x, now.value, direction / scale, size)
            if away is not None:
                x, now = away, objective.at(away, level)
                history.append(Step("escape", now.value, decrement))
                here = _look(now, scale, newton)
                continue
        if decrement <= tol and (here.convex or not newton):
            return Outcome(x, now.value, iteration - 1, name, decrement, True, tuple(history))
        precise = decrement <= 1e-11 * (1.0 + abs(now.value))
        if precise:
            stale = stale + 1 if decrement >= 0.5 * previous else 0
            if stale >= 2:
                return Outcome(x, now.value, iteration - 1, name, decrement, True, tuple(history))
        if control.stop():
            break
        scaled = here.step(0.0 if precise and here.convex else mu)
        step = scaled / scale
        gain = -float(np.dot(_gradient(now), step))
        predicted = 0.5 * mu * float(np.dot(scaled, scaled)) + 0.5 * gain
        trial_x = x + step
        if rejected:
            trial = objective.at(trial_x, Level.VALUE)
        else:
            trial = objective.at(trial_x, level)
        slack = 1e-10 * (1.0 + abs(now.value)) if precise else 0.0
        if trial.value < now.value + slack:
            if trial.gradient is None:
                trial = objective.at(trial_x, level)
            rho = (now.value - trial.value) / predicted if predicted > 0 else 1.0
            x, now, rejected = trial_x, trial, False
            history.append(Step("newton" if newton else "fisher", now.value, decrement))
            control.tell(now.value, decrement)
            mu = max(1e-12, mu * max(1.0 / 3.0, 1.0 - (2.0 * min(rho, 1.0) - 1.0) ** 3))
            nu = 2.0
            if not newton:
                scale = _scale(_information(now).diagonal())
            if curvature is Curvature.BOTH and not newton and gain < SWITCH:
                newton, level = True, Level.OBSERVED
                now = objective.at(x, level)
            here = _look(now, scale, newton)
        else:
            mu *= nu
            nu *= 2.0
            rejected = True
            if mu > 1e12:
                break
    finished = decrement <= tol
    return Outcome(x, now.value, iteration, name, decrement, finished, tuple(history))


def escape(
    objective: Objective, x: Array, value: float, direction: Array, curvature: float
) -> Array | None:
    """A point below a saddle, found along its direction of negative curvature; None for none.

    The first length tried promises about one unit of log-likelihood.

    Parameters
    ----------
    objective
        What is minimised.
    x, value
        (free,) the saddle, and the objective there.
    direction, curvature
        (free,) where it goes down, and how strongly.
    """
    length = np.sqrt(2.0 / curvature)
    for _ in range(12):
        for sign in (1.0, -1.0):
            there: Array = x + sign * length * direction
            if objective.at(there, Level.VALUE).value < value - 1e-9 * abs(value):
                return there
        length /= 3.0
    return None


def _information(now: Evaluation) -> Array:
    assert now.information is not None
    return now.information


def _diagonal(objective: Objective, x: Array, now: Evaluation, newton: bool) -> Array:
    """Diagonal for the scale: of the expected information, which is never negative."""
    own = _information(now).diagonal()
    if not newton or (own > 0).all():
        return own
    return _information(objective.at(x, Level.FISHER)).diagonal()


def _scale(diagonal: Array) -> Array:
    """Square roots of a diagonal; each on its own, so that units of measurement do not matter."""
    return np.sqrt(np.where(diagonal > 0, diagonal, 1.0))


def _gradient(now: Evaluation) -> Array:
    assert now.gradient is not None
    return now.gradient


def _look(now: Evaluation, scale: Array, newton: bool) -> Damped:
    return damped(_information(now), _gradient(now), scale, newton)
