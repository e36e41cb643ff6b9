"""One damped step: an information on a unit-diagonal scale, and what it says at a point."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import dpotrf, dpotrs, dsyevx

Array = npt.NDArray[np.float64]

PIVOT = 1e-9
"""Smallest square of a pivot of a Cholesky factor that is trusted to be positive."""

POSITIVE = 1e-9
"""Eigenvalue of an observed information up to which a direction is not followed as it is."""

FOLDED = 1e-3
"""What the size of the curvature of such a direction is taken to be larger."""


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


class Factored(NamedTuple):
    """A positive information, by its Cholesky factor: a small part of the cost of a spectrum.

    An observed one that was made positive, see :func:`_folded`, knows what it was before.
    """

    A: Array
    g: Array
    factor: Array
    convex: bool = True
    lowest: tuple[Array, float] | None = None

    @property
    def decrement(self) -> float:
        """See :class:`Damped`."""
        return 0.5 * float(np.dot(self.g, _solved(self.factor, self.g)))

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


class Spectral(NamedTuple):
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
            return np.where(self.e > POSITIVE, self.e, np.abs(self.e) + FOLDED)
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
        return _downhill(self.e, self.Q)

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
    if factor is not None and float(factor.diagonal().min()) ** 2 > PIVOT:
        return Factored(A, g, factor)
    folded = _folded(A, g) if newton else None
    if folded is not None:
        return folded
    e, Q = np.linalg.eigh(A)
    return Spectral(e, Q, Q.T @ g, newton)


def _folded(A: Array, g: Array) -> Factored | None:
    """What :class:`Spectral` says of an observed information, by the negative part of its spectrum.

    Few directions curve the wrong way, and they are found in a third of the time of all. With the
    sizes of their curvatures in place of these, the information is positive and has a factor. None
    where it is not finite, or where rounding is in the way.
    """
    bound = math.sqrt(np.vdot(A, A))
    if not math.isfinite(bound):
        return None
    e, Q, found, _, failed = dsyevx(A.T, range="V", vl=-1.0 - bound, vu=POSITIVE, lower=1)
    if failed:
        return None
    e, Q = e[:found], Q[:, :found]
    A = A + np.dot(Q * (np.abs(e) - e + FOLDED), Q.T)
    factor = _factor(A)
    if factor is None:
        return None
    return Factored(A, g, factor, bool((e > 1e-12).all()), _downhill(e, Q))


def _downhill(e: Array, Q: Array) -> tuple[Array, float] | None:
    """The direction of the most negative curvature and its size, if one is negative."""
    return (Q[:, 0], float(-e[0])) if len(e) and e[0] < -1e-8 else None


# LAPACK's own routines: for small networks scipy's wrappers take longer than the work.


def _factor(A: Array) -> Array | None:
    """Lower Cholesky factor of a symmetric matrix; None where it is not positive."""
    factor, failed = dpotrf(A.T, lower=1, clean=0)
    return None if failed else factor


def _solved(factor: Array, g: Array) -> Array:
    solution: Array = dpotrs(factor, g, lower=1)[0]
    return solution
