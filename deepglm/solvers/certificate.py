"""What is known about the point that a fit returned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepglm.families import Level
from deepglm.solvers.degenerate import degenerate_units, unit_sd
from deepglm.solvers.kinks import EXACTLY, NEARLY, Kink, find_kinks, smallest_gradient
from deepglm.solvers.objective import Objective
from deepglm.solvers.separation import separating_direction
from deepglm.solvers.status import Certificate, DegenerateUnits, Status

Array = npt.NDArray[np.float64]

DECREMENT = 1e-6
"""Largest decrement of a certified fit, in log-likelihood units: every estimable direction is then
within .0014 standard errors of the stationary point."""

EIGENVALUE = 1e-9
"""Smallest eigenvalue of the scaled information of a certified fit."""

RANK = 1e-7
"""Eigenvalue, relative to the largest, above which a direction counts for the rank."""

ROUNDING = 1e-15
"""Square root of a curvature, relative to that of the largest, which is nothing but rounding."""

RUNAWAY = 50.0
"""Standardised coefficient beyond which an unpenalised fit that has no optimum is running away."""

NO_DISPERSION = 1e-20
"""Dispersion, relative to that of the mean alone, below which the fit is exact."""


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues of an information on a unit-diagonal scale.

    Parameters
    ----------
    scale
        (free,) square roots of the diagonal.
    values
        (free,) eigenvalues, smallest first.
    vectors
        (free, free) their vectors, as columns.
    """

    scale: Array
    values: Array
    vectors: Array

    @property
    def smallest(self) -> float:
        """Smallest eigenvalue."""
        return float(self.values[0])

    @property
    def condition(self) -> float:
        """Largest over smallest eigenvalue; infinite where that is not positive."""
        return float(self.values[-1]) / self.smallest if self.smallest > 0 else np.inf

    @property
    def rank(self) -> int:
        """Number of directions with a curvature worth counting."""
        return int((self.values > RANK * self.values[-1]).sum())

    @property
    def positive(self) -> bool:
        """Whether every direction has a curvature, downwards from the point."""
        return self.smallest > EIGENVALUE

    @property
    def flat(self) -> bool:
        """Whether none curves the wrong way, but one has no curvature."""
        return abs(self.smallest) <= EIGENVALUE

    @property
    def weakest(self) -> Array:
        """(free,) vector of the smallest eigenvalue, its largest entry positive."""
        v = self.vectors[:, 0]
        return np.asarray(v if v[np.abs(v).argmax()] > 0 else -v)

    @property
    def metric(self) -> Array:
        """(free, free) ``M`` such that half the squared length of ``M g`` is the decrement."""
        root = np.sqrt(np.maximum(np.abs(self.values), EIGENVALUE))
        return np.asarray((self.vectors / root).T / self.scale)

    def remaining(self, gradient: Array) -> float:
        """Half the squared Newton decrement, with absolute eigenvalues, none below 1e-9."""
        return 0.5 * float(np.sum((self.metric @ gradient) ** 2))

    def decrement(self, gradient: Array) -> float:
        """The same, but infinite where the information is not positive: no Newton step is full."""
        return self.remaining(gradient) if self.positive or self.flat else np.inf


def spectrum(information: Array) -> Spectrum:
    """Eigenvalues and vectors of an information, scaled so that units of measurement do not matter.

    A coefficient without curvature of its own is scaled by its largest cross term; one that has
    nothing but rounding there as well stays a flat direction.
    """
    own = np.sqrt(np.abs(np.diag(information)))
    largest = float(own.max()) or 1.0
    nothing = ROUNDING * largest
    scale = np.where(own > nothing, own, largest)
    cross = np.abs(information / scale).max(axis=1)
    scale = np.where((own <= nothing) & (cross > nothing), cross, scale)
    e, Q = np.linalg.eigh(information / scale / scale[:, None])
    return Spectrum(scale, e, Q)


def decrement_and_spectrum(gradient: Array, information: Array) -> tuple[float, Array]:
    """Decrement and eigenvalues, see :class:`Spectrum`."""
    curved = spectrum(information)
    return curved.decrement(gradient), curved.values


@dataclass(frozen=True)
class _Point:
    """A point and what was computed there."""

    objective: Objective
    params: Array
    gradient: Array
    curved: Spectrum
    units: DegenerateUnits
    separation: Array

    @property
    def kinked(self) -> bool:
        """Whether a unit is piecewise linear."""
        networks = self.objective.likelihood.predictor.networks
        return any(link.kinked for network in networks for link in network.links)

    @property
    def unpenalised(self) -> bool:
        """Whether slopes of hidden units are free to grow without end."""
        predictor = self.objective.likelihood.predictor
        slopes = ~predictor.final & ~predictor.hidden_intercepts
        open_ended = self.objective.free & (self.objective.precision == 0)
        return bool((slopes & open_ended[: predictor.size]).any())


def certify(objective: Objective, x: Array, *, stopped: Status | None = None) -> Certificate:
    """Judge a point by the exact score and the exact observed information over all rows.

    Parameters
    ----------
    objective
        The objective that was minimised, at its free parameters.
    x
        (free,) parameters.
    stopped
        What ended the run early, if anything did.
    """
    params = objective.expand(x)
    coefficients, _ = objective.likelihood.split(params)
    units = degenerate_units(objective.likelihood.predictor, coefficients, objective.rows)
    here = objective.at(x, Level.OBSERVED)
    if here.gradient is None or here.information is None:
        return Certificate(Status.STALLED, size=len(x), units=units)
    if not np.isfinite(here.information).all():
        return Certificate(Status.STALLED, size=len(x), units=units)
    curved = spectrum(here.information)
    separation = separating_direction(objective, params)
    point = _Point(objective, params, here.gradient, curved, units, separation)
    status, decrement = _verdict(point, stopped)
    weakest = np.zeros_like(params)
    weakest[objective.free] = curved.weakest
    return Certificate(
        status,
        decrement,
        curved.smallest,
        curved.condition,
        curved.rank,
        len(x),
        units,
        separation,
        weakest,
    )


def _verdict(point: _Point, stopped: Status | None) -> tuple[Status, float]:
    """Status and decrement of a point."""
    curved = point.curved
    decrement = curved.decrement(point.gradient)
    stationary = decrement < DECREMENT
    endless = _endless(point)
    if endless is not None:
        return endless, decrement
    on_kink = find_kinks(point.objective, point.params, EXACTLY) if point.kinked else []
    if stationary and not on_kink and (curved.positive or (curved.flat and point.kinked)):
        return Status.CERTIFIED, decrement
    if point.unpenalised and _runs_away(point):
        return Status.ENDLESS, decrement
    if stopped is not None:
        return stopped, decrement
    if point.kinked and (kinks := find_kinks(point.objective, point.params, NEARLY)):
        return _at_kinks(point, kinks)
    if stationary:
        return Status.FLAT, decrement
    saddle = curved.remaining(point.gradient) < DECREMENT
    return Status.SADDLE if saddle else Status.NOT_STATIONARY, decrement


def _endless(point: _Point) -> Status | None:
    """What makes the likelihood rise without end, if anything that can be named does."""
    if _no_dispersion(point):
        return Status.EXACT_FIT
    if point.separation.any():
        return Status.SEPARATED
    objective = point.objective
    aux = point.params[objective.likelihood.predictor.size :]
    if objective.likelihood.family.at_an_end(aux, objective.rows.y):
        return Status.AT_AN_END
    if point.unpenalised and point.units.saturated:
        return Status.SATURATED
    return None


def _no_dispersion(point: _Point) -> bool:
    """Whether an estimated dispersion is nothing beside that of the mean alone."""
    family, rows = point.objective.likelihood.family, point.objective.rows
    power = next((_POWERS[name] for name in family.aux_names[:1] if name in _POWERS), None)
    if power is None:
        return False
    now = point.params[point.objective.likelihood.predictor.size]
    gone = now - family.start_aux(rows.y, rows.weight)[0]
    return bool(power * gone < np.log(NO_DISPERSION))


_POWERS = {"log_scale": 1.0, "log_sigma": 2.0}
"""Auxiliary parameters that go to minus infinity in an exact fit, as powers of a dispersion."""


def _runs_away(point: _Point) -> bool:
    """Whether a coefficient that has no unit of measurement is very large."""
    predictor, family = point.objective.likelihood.predictor, point.objective.likelihood.family
    in_units = family.link.group in ("linear", "scale")
    judged = ~predictor.final if in_units else np.ones(predictor.size, dtype=bool)
    return bool(np.abs(point.params[: predictor.size][judged]).max() > RUNAWAY)


def _at_kinks(point: _Point, kinks: list[Kink]) -> tuple[Status, float]:
    """Status and decrement where rows lie on kinks: from the gradients between their sides."""
    metric = point.curved.metric
    gradient = smallest_gradient(point.objective, point.params, kinks, point.gradient, metric)
    if gradient is None:
        return Status.STUCK_AT_A_KINK, point.curved.decrement(point.gradient)
    decrement = point.curved.decrement(gradient)
    return Status.AT_A_KINK if decrement < DECREMENT else Status.STUCK_AT_A_KINK, decrement


__all__ = ["DECREMENT", "EIGENVALUE", "certify", "spectrum", "unit_sd"]
