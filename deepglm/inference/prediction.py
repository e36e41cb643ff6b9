"""Means of rows and how they move with the coefficients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepglm.errors import SpecificationError
from deepglm.families import Family
from deepglm.inference.fitted import Array, channel_jacobian
from deepglm.predictor import Predictor, forward

__all__ = [
    "accepted",
    "channels",
    "linear",
    "quadratic_form",
    "statistic",
]


def linear(predictor: Predictor, theta: Array, designs: Sequence[Array], offset: Array) -> Array:
    """(k_eta, m) linear predictors of rows; NaN where an input is missing."""
    coefficients = predictor.unpack(theta[: predictor.size])
    return np.asarray(forward(coefficients, predictor, designs, 0).eta + offset)


def channels(predictor: Predictor, theta: Array, designs: Sequence[Array]) -> Array:
    """(channels, size, m) derivatives of linear predictors and auxiliary parameters of rows."""
    coefficients = predictor.unpack(theta[: predictor.size])
    state = forward(coefficients, predictor, designs, 1)
    return channel_jacobian(state, predictor, len(theta) - predictor.size)


def statistic(family: Family, eta: Array, aux: Array, which: str | None) -> Array:
    """(m,) or (S, m) statistic of rows; None is the family's first.

    Parameters
    ----------
    family
        Y given eta.
    eta
        (k_eta, m) linear predictors; NaN where an input is missing.
    aux
        Auxiliary parameters other than a dispersion.
    which
        One of the family's ``statistics``.
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(family.statistic(accepted(family, which), eta, aux))


def accepted(family: Family, which: str | None) -> str:
    """The statistic of that name, if the family has one; None is its first."""
    known = family.statistics
    if which is None:
        return known[0]
    if which not in known:
        names = ", ".join(repr(name) for name in known)
        raise SpecificationError(
            f"which={which!r} is not known; accepted for the {family.name} family are {names}."
        )
    return which


def quadratic_form(J: Array, V: Array) -> Array:
    """(m,) values ``J_i' V J_i`` of the columns of ``J``."""
    return np.asarray(np.einsum("jm,jm->m", J, V @ J))
