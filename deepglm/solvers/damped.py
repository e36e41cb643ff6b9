"""One damped step: an information on a unit-diagonal scale, and what it says at a point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import dpotrf, dpotrs

Array = npt.NDArray[np.float64]

PIVOT = 1e-9
"""Smallest square of a pivot of a Cholesky factor that is trusted to be positive."""


class Damped(Protocol):
    """Steps ``-(A + mu I)^-1 g`` in scaled coordinates."""

    @property
    def decrement(self) -> float:
        """Half the squared decrement, undamped."""
        ...

    @property
    def convex(self) -> bool:
        """Whether the information is positive."""
        ...

    @property
    def lowest(self) -> tuple[Array, float] | None:
        """A direction of negative curvature and its size; None if there is none."""
        ...

    def step(self, mu: float) -> Array:
        """The step under a damping constant."""
        ...


@dataclass(frozen=True)
class Factored:
    """A positive information, by its Cholesky factor: a small part of the cost of a spectrum."""

    A: Array
    g: Array
    factor: Array

    @property
    def decrement(self) -> float:
        """See :class:`Damped`."""
        return 0.5 * float(self.g @ _solved(self.factor, self.g))

    @property
    def convex(self) -> bool:
        """See :class:`Damped`."""
        return True

    @property
    def lowest(self) -> None:
        """See :class:`Damped`."""
        return None

    def step(self, mu: float) -> Array:
        """See :class:`Damped`."""
        factor: Array | None = self.factor
        if mu > 0.0:
            damped = self.A.copy()
            damped.flat[:: len(damped) + 1] += mu
            factor = _factor(damped)
        if factor is None:  # positive but for rounding, where the scale is an old one
            e, Q = np.linalg.eigh(self.A)
            return Spectral(e, Q, Q.T @ self.g, True).step(mu)
        return -_solved(factor, self.g)


@dataclass(frozen=True)
class Spectral:
    """Any information, by its spectrum.

    The observed one may be negative: such directions are followed downhill, with the length that
    the size of the curvature gives.
    """

    e: Array
    Q: Array
    gq: Array
    newton: bool

    @property
    def _sizes(self) -> Array:
        if self.newton:
            return np.where(self.e > 1e-9, self.e, np.abs(self.e) + 1e-3)
        return np.maximum(self.e, 0.0)

    @property
    def decrement(self) -> float:
        """See :class:`Damped`."""
        return 0.5 * float(np.sum(self.gq**2 / np.maximum(self._sizes, 1e-12)))

    @property
    def convex(self) -> bool:
        """See :class:`Damped`."""
        return bool((self.e > 1e-12).all())

    @property
    def lowest(self) -> tuple[Array, float] | None:
        """See :class:`Damped`."""
        return (self.Q[:, 0], float(-self.e[0])) if self.e[0] < -1e-8 else None

    def step(self, mu: float) -> Array:
        """See :class:`Damped`."""
        return np.asarray(self.Q @ (-self.gq / (self._sizes + mu)))


def damped(information: Array, gradient: Array, scale: Array, newton: bool) -> Damped:
    """Look at a point.

    Parameters
    ----------
    information
        (free, free), with the penalty.
    gradient
        (free,).
    scale
        (free,) square roots of a diagonal.
    newton
        Whether the information is the observed one.
    """
    A, g = information / scale / scale[:, None], gradient / scale
    factor = _factor(A)
    if factor is not None and (factor.diagonal() ** 2 > PIVOT).all():
        return Factored(A, g, factor)
    e, Q = np.linalg.eigh(A)
    return Spectral(e, Q, Q.T @ g, newton)


# LAPACK's own routines: for small networks scipy's wrappers take longer than the work.


def _factor(A: Array) -> Array | None:
    """Lower Cholesky factor of a symmetric matrix; None where it is not positive."""
    factor, failed = dpotrf(A.T, lower=1, clean=0)
    return None if failed else factor


def _solved(factor: Array, g: Array) -> Array:
    solution: Array = dpotrs(factor, g, lower=1)[0]
    return solution
