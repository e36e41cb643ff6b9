"""Gradient descent: the plainest method, for comparison and for teaching.

Steps along the gradient in coordinates scaled by the diagonal of the expected information, with
Barzilai and Borwein's length, shortened until the objective falls enough.

References
----------
Barzilai and Borwein (1988), "Two-point step size gradient methods"; Raydan (1997).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepglm.errors import positive_number, whole_number
from deepglm.families import Level
from deepglm.solvers.contract import Control, Outcome, Step
from deepglm.solvers.objective import Objective

Array = npt.NDArray[np.float64]

MEMORY = 10
"""Steps back that the objective may not rise above."""

SUFFICIENT = 1e-4
"""Share of the fall predicted by the gradient that a step must bring."""

SHORT = 50
"""Steps of a short run."""


@dataclass(frozen=True)
class GradientDescent:
    """Gradient descent on all rows.

    Parameters
    ----------
    tol
        Half the squared gradient, in coordinates scaled by the diagonal of the expected
        information, at which the solver is content.
    maxiter
        Steps at most.
    step
        First length in the scaled coordinates; later ones follow from the last two gradients.
    """

    tol: float = 1e-8
    maxiter: int = 5000
    step: float = 0.1

    def __post_init__(self) -> None:
        positive_number("GradientDescent.tol", self.tol)
        whole_number("GradientDescent.maxiter", self.maxiter, 1)
        positive_number("GradientDescent.step", self.step)

    @property
    def name(self) -> str:
        """See :class:`~deepglm.solvers.contract.Solver`."""
        return "gradient"

    def minimise(
        self,
        objective: Objective,
        x: Array,
        control: Control,
        seed: np.random.SeedSequence,
        short: bool = False,
    ) -> Outcome:
        """See :class:`~deepglm.solvers.contract.Solver`; nothing is drawn."""
        start = objective.at(x, Level.FISHER)
        if start.gradient is None or start.information is None:
            return Outcome(x, np.inf, 0, self.name, np.inf, False)
        diagonal = np.diag(start.information)
        scale = 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        value, g, length = start.value, start.gradient * scale, self.step
        history = [Step("start", value, 0.5 * float(g @ g))]
        for _ in range(min(SHORT, self.maxiter) if short else self.maxiter):
            if history[-1].decrement <= self.tol or control.stop():
                break
            highest = max(step.value for step in history[-MEMORY:])
            moved = _shortened(objective, x, g, scale, length, highest)
            if moved is None:
                break
            new_x, value, gradient, length = moved
            new_g = gradient * scale
            change, bend = (new_x - x) / scale, new_g - g
            curved = float(change @ bend)
            length = float(change @ change) / curved if curved > 0 else 10.0 * length
            x, g = new_x, new_g
            history.append(Step("gradient", value, 0.5 * float(g @ g)))
            control.tell(value, history[-1].decrement)
        last = history[-1].decrement
        done = last <= self.tol
        return Outcome(x, value, len(history) - 1, self.name, last, done, tuple(history))


def _shortened(
    objective: Objective, x: Array, g: Array, scale: Array, length: float, highest: float
) -> tuple[Array, float, Array, float] | None:
    """The first point along the gradient that is low enough; None when rounding is reached."""
    fall = SUFFICIENT * float(g @ g)
    for _ in range(60):
        there: Array = x - length * scale * g
        here = objective.at(there, Level.SCORE)
        if here.gradient is not None and here.value <= highest - length * fall:
            return there, here.value, here.gradient, length
        length /= 3.0
    return None
