"""What a solver is asked for, what it reports on the way, and the record that it leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from deepglm.solvers.objective import Objective

Array = npt.NDArray[np.float64]


class Step(NamedTuple):
    """One accepted step."""

    phase: str
    """What steered it: "fisher", "newton", "gradient", ..."""
    value: float
    """Objective after it: minus the penalised log-likelihood."""
    decrement: float
    """Half the squared Newton decrement in the metric of the step."""


@dataclass(frozen=True)
class Outcome:
    """Where a solver stopped.

    Parameters
    ----------
    x
        (free,) parameters.
    value
        Objective there.
    iterations
        Steps taken.
    method
        Name of the solver.
    decrement
        Half the squared Newton decrement in the solver's own metric.
    finished
        Whether the solver met its own tolerance (a certificate is a separate matter).
    history
        Accepted steps, or rounds of them.
    """

    x: Array
    value: float
    iterations: int
    method: str
    decrement: float
    finished: bool
    history: tuple[Step, ...] = ()


class Progress(NamedTuple):
    """How far a fit is."""

    stage: str
    """What it is doing: "GLM", "start", "evidence", "validation", "certificate"."""
    done: int
    """Number of the start (or update, or grid point) that is under way."""
    total: int
    """How many there will be at most; 0 where that is not known."""
    value: float = np.nan
    """Penalised log-likelihood reached."""
    decrement: float = np.nan
    """Decrement in the metric in use."""

    def __str__(self) -> str:
        text = f"{self.stage} {self.done}" if self.done else self.stage
        if self.total:
            text += f" of {self.total}"
        if not np.isnan(self.value):
            text += f": penalised log-likelihood {self.value:.3f}"
        if not np.isnan(self.decrement):
            text += f", decrement {self.decrement:.1e}"
        return text


def never() -> bool:
    """Do not stop early."""
    return False


def silent(progress: Progress) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Control:
    """Who may end a run early, and who is told how far it is.

    Parameters
    ----------
    stop
        Asked between steps; true ends the run at the best point so far.
    report
        Told after every step or round.
    progress
        Where the fit as a whole stands.
    """

    stop: Callable[[], bool] = never
    report: Callable[[Progress], None] = silent
    progress: Progress = Progress("start", 1, 0)

    def at(self, stage: str, done: int = 0, total: int = 0) -> Control:
        """The same control at another stage of the fit, which is told."""
        moved = replace(self, progress=Progress(stage, done, total))
        moved.report(moved.progress)
        return moved

    def tell(self, value: float, decrement: float) -> None:
        """Report an objective reached and its decrement."""
        self.report(self.progress._replace(value=-value, decrement=decrement))


class Solver(Protocol):
    """Minimises an objective from one start. Options are the solver's own fields."""

    @property
    def name(self) -> str:
        """Name of the method, as the summary prints it."""
        ...

    def minimise(
        self,
        objective: Objective,
        x: Array,
        control: Control,
        seed: np.random.SeedSequence,
        short: bool = False,
    ) -> Outcome:
        """Go downhill from ``x``.

        Parameters
        ----------
        objective
            What is minimised.
        x
            (free,) where to start; the objective must be finite there.
        control
            Limits and reports.
        seed
            For whatever the solver draws.
        short
            Only the first few rounds: enough to drop the worst starts.
        """
        ...
