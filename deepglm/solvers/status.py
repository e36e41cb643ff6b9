"""How a fit ended: named values, each with its sentence and its remedy."""

from __future__ import annotations

from dataclasses import dataclass, field
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
        "a saddle point: the likelihood is stationary, and curves upwards along a direction",
        "try another seed or more starts, fewer units, or a penalty",
    )
    FLAT = (
        "the likelihood is flat along a direction, so that some coefficients are not determined",
        "use fewer units or terms, or a penalty that acts on hidden intercepts as well: "
        "penalty='weak' (the default) or L2(alpha, intercepts='hidden')",
    )
    AT_A_KINK = (
        "at a kink: the optimum lies where a piecewise-linear unit bends and has no derivative",
        "use activation='smooth_tobit', the smooth twin, for inference",
    )
    STUCK_AT_A_KINK = (
        "stuck at a kink, short of the optimum: a piecewise-linear unit bends there",
        "try another seed or more starts; activation='smooth_tobit' is the smooth twin, for "
        "inference as well",
    )
    SEPARATED = (
        "the responses are separated: the likelihood rises without end along a combination of "
        "columns that tells their extremes apart",
        "merge levels, leave columns out, or use penalty=L2(alpha), which acts on GLM terms too",
    )
    SATURATED = (
        "the likelihood has no maximum: it rises without end as a hidden unit turns into a step",
        "use penalty='weak' (the default) or fewer units",
    )
    ENDLESS = (
        "the likelihood has no maximum: it rises without end as hidden coefficients grow",
        "use penalty='weak' (the default) or fewer units",
    )
    EXACT_FIT = (
        "the likelihood has no maximum: the response is fitted exactly, and the dispersion goes "
        "to zero",
        "check whether the response is a formula of the inputs, use fewer units or terms, or hold "
        "the dispersion with scale= if the family has one",
    )
    AT_AN_END = (
        "a parameter of the family lies at the end of its range: the alpha of a negative binomial "
        "at zero, or the power of a Tweedie at 1 or 2",
        "use the family at that end: Poisson() where alpha is zero or the power 1, Gamma() where "
        "it is 2",
    )
    OUT_OF_TIME = (
        "stopped by max_seconds before the optimum",
        "raise max_seconds, or start from these estimates with start_params=results.params",
    )
    INTERRUPTED = (
        "stopped by the keyboard before the optimum",
        "start from these estimates with start_params=results.params",
    )

    @property
    def sentence(self) -> str:
        """What happened."""
        return str(self.value[0])

    @property
    def cause(self) -> str:
        """What ended a fit before its time, in a word."""
        return {Status.OUT_OF_TIME: "max_seconds", Status.INTERRUPTED: "Ctrl-C"}.get(self, "")

    @property
    def remedy(self) -> str:
        """What to do about it; empty when nothing needs doing."""
        return str(self.value[1])

    @property
    def no_maximum(self) -> bool:
        """Whether the likelihood rises without end, so that there is nothing to converge to."""
        return self in (
            Status.SEPARATED,
            Status.SATURATED,
            Status.ENDLESS,
            Status.EXACT_FIT,
            Status.AT_AN_END,
        )


@dataclass(frozen=True)
class DegenerateUnits:
    """Hidden units that do not do a unit's work, by name.

    Parameters
    ----------
    saturated
        Bounded units that are a step function on the rows.
    dead
        Units that do not vary over the rows, or whose effect is nothing.
    duplicate
        Groups of units of one layer that say the same.
    """

    saturated: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()
    duplicate: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, eq=False)
class Certificate:
    """What is known about the point that a fit returned.

    Parameters
    ----------
    status
        The verdict.
    decrement
        ``g' (H + S)^-1 g / 2`` with the exact observed information ``H`` and the penalty ``S``, in
        log-likelihood units: what a full Newton step would still gain. Where rows lie on the kink
        of a piecewise-linear unit, ``g`` is the smallest of the gradients between its sides.
    smallest_eigenvalue
        Of ``H + S`` scaled to a unit diagonal.
    condition
        Ratio of its largest to its smallest eigenvalue; infinite where that is not positive.
    rank, size
        Rank of the scaled ``H + S``, to 1e-7 of its largest eigenvalue, and number of free
        parameters.
    units
        Hidden units that are saturated, dead or duplicate.
    separation
        (parameters,) direction of the final layer's coefficients along which the responses are
        separated, on the scale of the fit; zeros where they are not.
    weakest
        (parameters,) vector of the smallest eigenvalue, of length one on the unit-diagonal scale:
        the combination of coefficients about which least is known.
    """

    status: Status
    decrement: float = np.inf
    smallest_eigenvalue: float = np.nan
    condition: float = np.inf
    rank: int = 0
    size: int = 0
    units: DegenerateUnits = DegenerateUnits()
    separation: Array = field(default_factory=lambda: np.zeros(0))
    weakest: Array = field(default_factory=lambda: np.zeros(0))

    @property
    def certified(self) -> bool:
        """Whether standard errors may be given."""
        return self.status is Status.CERTIFIED

    @property
    def separating(self) -> tuple[int, ...]:
        """Numbers of the coefficients along which the responses are separated."""
        return tuple(np.flatnonzero(self.separation).tolist())

    def __str__(self) -> str:
        text = (
            f"{self.status.sentence} (decrement {self.decrement:.1e}, smallest eigenvalue "
            f"{self.smallest_eigenvalue:.1e})"
        )
        return text if not self.status.remedy else f"{text}; {self.status.remedy}"
