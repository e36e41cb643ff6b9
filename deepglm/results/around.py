"""Prediction intervals of responses around means that are not known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from deepglm.families import MeanFamily
from deepglm.inference.fitted import Array, Codes, Mask
from deepglm.inference.mixture import (
    FEW,
    MANY,
    NARROW,
    Interval,
    Nodes,
    gaussian_interval,
    has_mass,
    interval,
    over_normal,
)
from deepglm.results.distributions import Responses

__all__ = ["Around"]

_ROWS = 2**14
"""Rows whose prediction intervals are computed at once."""


@dataclass(frozen=True)
class Around:
    """What prediction intervals need beside the linear predictors.

    Parameters
    ----------
    responses
        How responses are distributed around their means.
    df
        Degrees of freedom of an estimated dispersion; infinite for one that is known.
    """

    responses: Responses
    df: float

    @property
    def has_mass(self) -> bool:
        """Whether single responses may have a probability."""
        return has_mass(self.responses.make(np.zeros((1, 0)), slice(0, 0)))

    def interval(self, eta: Array, error: Array, alpha: float) -> Interval:
        """Prediction intervals of (m,) linear predictors with their standard errors."""
        ends = np.full((3, len(eta)), np.nan)
        known = np.flatnonzero(np.isfinite(error))
        for k in range(0, len(known), _ROWS):
            where = known[k : k + _ROWS]
            for rows, nodes in self._by_rule(eta, error, where):
                found = self._block(eta[rows], error[rows], rows, nodes, alpha)
                ends[:, rows] = found.lower, found.upper, found.probability
        with np.errstate(divide="ignore", invalid="ignore"):
            ends[:2] /= self.responses.units
        return Interval(*ends)

    def _by_rule(self, eta: Array, error: Array, rows: Codes) -> Iterator[tuple[Codes, Nodes]]:
        """Rows by the rule that is exact enough for them."""
        with np.errstate(all="ignore"):
            narrow = error[rows] > NARROW * self._spread(eta[rows], rows)
        for some, nodes in ((rows[~narrow], FEW), (rows[narrow], MANY)):
            if len(some):
                yield some, nodes

    def _spread(self, eta: Array, rows: Codes) -> Array:
        """(k,) standard deviation of a response on the scale of eta, roughly."""
        family, law = self.responses.family, self.responses.make(eta[None], rows)
        if not isinstance(family, MeanFamily):
            return np.full(len(eta), law.latent.std() if hasattr(law, "latent") else law.std())
        slope = family.link.evaluate(eta, 1)[1] * self.responses.units[rows]
        return np.asarray(law.std() / np.abs(slope))

    def _block(self, eta: Array, error: Array, rows: Codes, nodes: Nodes, alpha: float) -> Interval:
        family = self.responses.family
        at = self.responses.make(eta[None], rows)
        normal = isinstance(family, MeanFamily) and _name(at) == "norm"
        if normal and family.link.name == "identity":
            return gaussian_interval(eta, at.var() + error**2, self.df, alpha)

        def law(eta: Array) -> Any:
            found = self.responses.make(eta[None], rows)
            return stats.t(self.df, found.mean(), found.std()) if normal else found

        with np.errstate(all="ignore"):
            return interval(over_normal(law, eta, error, self._possible, nodes), alpha)

    def _possible(self, eta: Array) -> Mask:
        family = self.responses.family
        if not isinstance(family, MeanFamily):
            return np.isfinite(eta)
        low, high = family.mean_range
        mu = family.mean(eta)
        return np.asarray((mu > low) & (mu < high))


def _name(law: Any) -> str:
    """What scipy calls a frozen distribution."""
    return str(getattr(getattr(law, "dist", None), "name", ""))
