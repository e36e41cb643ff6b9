"""Means of rows and how they move with the coefficients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepglm.errors import SpecificationError
from deepglm.families import Family
from deepglm.inference.fitted import Array
from deepglm.predictor import Predictor, forward, jacobian

__all__ = [
    "WHICH",
    "eta_jacobian",
    "linear",
    "quadratic_form",
    "statistic",
    "statistic_slope",
]

WHICH = ("mean", "linear", "var_unscaled")


def linear(predictor: Predictor, theta: Array, designs: Sequence[Array], offset: Array) -> Array:
    """(m,) linear predictor of rows; NaN where an input is missing."""
    return np.asarray(forward(predictor.unpack(theta), predictor, designs, 0).eta[0] + offset)


def eta_jacobian(predictor: Predictor, theta: Array, designs: Sequence[Array]) -> Array:
    """(size, m) derivatives of the linear predictor of rows by every coefficient."""
    return jacobian(forward(predictor.unpack(theta), predictor, designs, 1), predictor)


def statistic(family: Family, eta: Array, which: str) -> Array:
    """(m,) mean, linear predictor or variance function of rows.

    Parameters
    ----------
    family
        Y given eta.
    eta
        (m,) linear predictor.
    which
        One of ``WHICH``.
    """
    if which == "linear":
        return eta
    if which == "mean":
        return np.asarray(family.mean(eta))
    if which == "var_unscaled":
        return np.asarray(family.variance(family.mean(eta)))
    accepted = ", ".join(repr(name) for name in WHICH)
    raise SpecificationError(f"which={which!r} is not known; accepted are {accepted}.")


def statistic_slope(family: Family, eta: Array, which: str) -> Array:
    """(m,) derivative of :func:`statistic` by eta."""
    if which == "linear":
        return np.ones_like(eta)
    mu, slope = family.link.evaluate(eta, 1)
    if which == "mean":
        return np.asarray(slope)
    return np.asarray(slope * family.statsmodels.variance.deriv(mu))


def quadratic_form(J: Array, V: Array) -> Array:
    """(m,) values ``J_i' V J_i`` of the columns of ``J``."""
    return np.asarray(np.einsum("jm,jm->m", J, V @ J))
