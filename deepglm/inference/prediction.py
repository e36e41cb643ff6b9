"""Statistics of rows, and how they move with the parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from deepglm.errors import SpecificationError
from deepglm.families import Family, with_limits
from deepglm.inference.fitted import Array, channel_jacobian
from deepglm.inference.uncertainty import Functional, Uncertainty
from deepglm.predictor import Predictor, forward

__all__ = [
    "PROBABILITIES",
    "Points",
    "accepted",
    "channel_covariances",
    "linear",
    "statistic",
    "variances",
]

PROBABILITIES = ("prob", "cumprob", "prob_uncensored")
"""Statistics between 0 and 1, whose errors are taken on the scale of the logit."""

_BLOCK = 2**20
"""Numbers in the derivatives of a block of rows."""


def linear(predictor: Predictor, theta: Array, designs: Sequence[Array], offset: Array) -> Array:
    """(k_eta, m) linear predictors of rows; NaN where an input is missing."""
    coefficients = predictor.unpack(theta[: predictor.size])
    return np.asarray(forward(coefficients, predictor, designs, 0).eta + offset)


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


@dataclass(frozen=True, eq=False)
class Points:
    """Rows at which something is predicted, on the scale of a fit.

    Parameters
    ----------
    predictor
        Eta given x.
    family
        Y given eta and the auxiliary parameters.
    designs
        Standardised columns, as in :class:`deepglm.data.Rows`.
    offset
        (m,) added to eta.
    limits
        (m,) lower and upper limits of a censored response; None where there are none.
    level_slopes
        (size,) derivatives of what a linear predictor is reported without.
    """

    predictor: Predictor
    family: Family
    designs: tuple[Array, ...]
    offset: Array
    limits: tuple[Array | None, Array | None]
    level_slopes: Array

    @property
    def m(self) -> int:
        """Number of rows."""
        return len(self.offset)

    @property
    def channel_count(self) -> int:
        """Number of linear predictors and of auxiliary parameters other than a dispersion."""
        return self.family.k_eta + len(self.level_slopes) - self.predictor.size

    def take(self, where: slice) -> Points:
        """Some of the rows, as views."""
        lower, upper = (None if limit is None else limit[where] for limit in self.limits)
        return replace(
            self,
            designs=tuple(X[:, where] for X in self.designs),
            offset=self.offset[where],
            limits=(lower, upper),
        )

    def blocks(self) -> Iterator[tuple[slice, Points]]:
        """Walk the rows; the derivatives of a block fit into memory."""
        size = max(16, _BLOCK // (len(self.level_slopes) * self.channel_count))
        for start in range(0, self.m, size):
            where = slice(start, min(start + size, self.m))
            yield where, self.take(where)

    def etas(self, theta: Array) -> Array:
        """(k_eta, m) linear predictors."""
        return linear(self.predictor, theta, self.designs, self.offset)

    def jacobian(self, theta: Array) -> Array:
        """(channels, size, m) derivatives of linear predictors and auxiliary parameters."""
        coefficients = self.predictor.unpack(theta[: self.predictor.size])
        state = forward(coefficients, self.predictor, self.designs, 1)
        return channel_jacobian(state, self.predictor, len(theta) - self.predictor.size)

    def values(self, which: str, theta: Array) -> Array:
        """(m, S) statistic of the rows, S being 1 for one number."""
        found = np.atleast_2d(statistic(self._family, self.etas(theta), self._aux(theta), which)).T
        return found - float(self.level_slopes @ theta) if which == "linear" else found

    def slopes(self, which: str, theta: Array) -> Array:
        """(m, S, size) its derivatives by the parameters."""
        eta, aux = self.etas(theta), self._aux(theta)
        with np.errstate(invalid="ignore"):
            by_channel = self._family.statistic_slopes(which, eta, aux)
        if by_channel.ndim == 2:
            by_channel = by_channel[None]
        G = np.einsum("scm,cjm->msj", by_channel, self.jacobian(theta))
        return np.asarray(G - self.level_slopes if which == "linear" else G)

    def each(self, which: str) -> Functional:
        """The statistic row after row; probabilities by their logits."""
        if which in PROBABILITIES:
            return self._logits(which)
        return Functional(
            lambda theta, _: self.values(which, theta).reshape(-1),
            lambda theta: self.slopes(which, theta).reshape(-1, len(theta)),
        )

    def _logits(self, which: str) -> Functional:
        def value(theta: Array, _: Array) -> Array:
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.asarray(special.logit(self.values(which, theta)).reshape(-1))

        def jacobian(theta: Array) -> Array:
            p = self.values(which, theta)[:, :, None]
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.asarray(self.slopes(which, theta) / (p * (1.0 - p))).reshape(
                    -1, len(theta)
                )

        return Functional(value, jacobian)

    def average(self, which: str, weights: Array) -> Functional:
        """The statistic summed with (m,) weights, as a statement about these rows."""
        return Functional(
            lambda theta, _: self._sum(lambda block: block.values(which, theta), weights),
            lambda theta: self._sum(lambda block: block.slopes(which, theta), weights),
        )

    def population(self, which: str, share: Array) -> Functional:
        """Its average over the rows of the model, for the population that they come from.

        Parameters
        ----------
        which
            The statistic.
        share
            (m,) share of every row in the fit.
        """

        def rows(theta: Array) -> Array:
            parts = [block.values(which, theta) for _, block in self.blocks()]
            return np.concatenate(parts).T

        return replace(
            self.average(which, share), value=lambda theta, given: rows(theta) @ given, rows=rows
        )

    def channels(self) -> Functional:
        """Linear predictors and auxiliary parameters, row after row."""

        def value(theta: Array, _: Array) -> Array:
            aux = np.repeat(self._aux(theta)[:, None], self.m, axis=1)
            return np.concatenate((self.etas(theta), aux)).T.reshape(-1)

        def jacobian(theta: Array) -> Array:
            return self.jacobian(theta).transpose(2, 0, 1).reshape(-1, len(theta))

        return Functional(value, jacobian)

    def _sum(self, of: Callable[[Points], Array], weights: Array) -> Array:
        total = sum(np.tensordot(weights[where], of(b), 1) for where, b in self.blocks())
        return np.asarray(total)

    @property
    def _family(self) -> Family:
        return with_limits(self.family, *self.limits)

    def _aux(self, theta: Array) -> Array:
        return theta[self.predictor.size :]


def variances(uncertainty: Uncertainty, points: Points, which: str) -> Array:
    """(m, S) variances of the statistic of every row, of its logit for a probability."""
    parts = [
        uncertainty.within(block.each(which)).reshape(block.m, -1) for _, block in points.blocks()
    ]
    return np.concatenate(parts)


def channel_covariances(uncertainty: Uncertainty, points: Points) -> Array:
    """(m, C, C) covariances of linear predictors and auxiliary parameters within every row."""
    C = points.channel_count
    parts = [uncertainty.within(block.channels(), C) for _, block in points.blocks()]
    return np.concatenate(parts)
