"""How a fit ended: named values, each with its sentence and its remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Status(Enum):
    """The end of a fit. The value is the sentence that the summary prints, and the remedy."""

    CERTIFIED = ("certified maximum", "")
    NOT_STATIONARY = (
        "not a stationary point: the iterations ended before the optimum",
        "raise maxiter, or start from these estimates with start_params=results.params",
    )
    STALLED = (
        "no step improves the likelihood, though the decrement is not small",
        "try another seed, more starts, or method='scoring'",
    )
    SADDLE = (
        "a saddle or flat point: the information has a direction without curvature",
        "try another seed or more starts, fewer units, or a penalty",
    )
    AT_A_KINK = (
        "at a kink: the optimum lies where a piecewise-linear unit bends and has no derivative",
        "use activation='smooth_tobit', the smooth twin, for inference",
    )
    NO_MAXIMUM = (
        "the likelihood has no maximum: it rises without end along a direction",
        "for hidden units use penalty='weak' (the default) or fewer units; for separated responses "
        "merge levels, leave columns out, or use penalty=L2(alpha)",
    )
    INTERRUPTED = (
        "stopped by the keyboard before the optimum",
        "start from these estimates with start_params=results.params",
    )
    OUT_OF_TIME = (
        "stopped by max_seconds before the optimum",
        "raise max_seconds, or start from these estimates with start_params=results.params",
    )

    @property
    def sentence(self) -> str:
        """What happened."""
        return str(self.value[0])

    @property
    def remedy(self) -> str:
        """What to do about it; empty when nothing needs doing."""
        return str(self.value[1])


@dataclass(frozen=True)
class Certificate:
    """What is known about the point that a fit returned.

    Parameters
    ----------
    status
        The verdict.
    decrement
        ``g' (H + S)^-1 g / 2`` with the exact observed information ``H`` and the penalty ``S``, in
        log-likelihood units: what a full Newton step would still gain.
    smallest_eigenvalue
        Of ``H + S`` scaled to a unit diagonal.
    condition
        Ratio of its largest to its smallest eigenvalue.
    rank, size
        Rank of the scaled ``H + S`` and number of free parameters.
    saturated
        Hidden units, by name, that are a step function on these data.
    separating
        Numbers of the final layer's coefficients along which the responses are separated.
    """

    status: Status
    decrement: float
    smallest_eigenvalue: float
    condition: float
    rank: int
    size: int
    saturated: tuple[str, ...] = ()
    separating: tuple[int, ...] = ()

    @property
    def certified(self) -> bool:
        """Whether standard errors may be given."""
        return self.status is Status.CERTIFIED

    def __str__(self) -> str:
        text = (
            f"{self.status.sentence} (decrement {self.decrement:.1e}, smallest eigenvalue "
            f"{self.smallest_eigenvalue:.1e})"
        )
        return text if not self.status.remedy else f"{text}; {self.status.remedy}"
