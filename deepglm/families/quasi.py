"""Quasi-likelihood: a link and a variance function, and nothing else about the distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
from statsmodels.genmod.families import Family as StatsmodelsFamily
from statsmodels.genmod.families import links as sm_links

from deepglm.families.contract import FloatArray
from deepglm.families.laws import ExtendedQuasiLaw
from deepglm.families.variance import variance_function
from deepglm.links import Link, get

__all__ = ["Quasi"]


class _LinkObject(sm_links.Link):  # type: ignore[misc,unused-ignore]
    """One of our links with the methods of a statsmodels link."""

    def __init__(self, link: Link) -> None:
        self.ours = link

    def __call__(self, p: FloatArray) -> FloatArray:
        return np.asarray(self.ours.link(p))

    def inverse(self, z: FloatArray) -> FloatArray:
        return np.asarray(self.ours.inverse(z))

    def inverse_deriv(self, z: FloatArray) -> FloatArray:
        return np.asarray(self.ours.deriv1(z))

    def inverse_deriv2(self, z: FloatArray) -> FloatArray:
        return np.asarray(self.ours.deriv2(z))

    def deriv(self, p: FloatArray) -> FloatArray:
        return 1.0 / self.inverse_deriv(self(p))

    def deriv2(self, p: FloatArray) -> FloatArray:
        eta = self(p)
        return -self.inverse_deriv2(eta) / self.inverse_deriv(eta) ** 3


class Quasi(StatsmodelsFamily):  # type: ignore[misc,unused-ignore]
    """A family given by its link and its variance function.

    Parameters
    ----------
    link : str, statsmodels link or Link
        The link, as :func:`deepglm.links.get` reads it for a response.
    variance : str, statsmodels variance function, or callable
        ``"constant"``, ``"mu"``, ``"mu^2"``, ``"mu^3"``, ``"mu(1-mu)"``, ``"mu^2(1-mu)^2"``
        (Wedderburn), or a callable of the mean with a method ``deriv``.

    Notes
    -----
    Where statsmodels takes a family object it takes this one. The deviance is the integral of
    ``2 (y - t) / V(t)`` from the mean to the response; the log-likelihood is the extended
    quasi-likelihood of Nelder and Pregibon (1987) up to terms in the responses alone, so it
    compares models with one variance function, never two.

    Examples
    --------
    >>> quasi_poisson = Quasi("log", "mu")
    >>> float(quasi_poisson.variance(3.0))
    3.0
    """

    # statsmodels warns of any link that is not on this list; here the user has chosen it.
    safe_links = (sm_links.Link,)

    def __init__(self, link: Any = "identity", variance: Any = "constant") -> None:
        self.inverse_link = get(link, role="link")
        statsmodels_link = (
            link if isinstance(link, sm_links.Link) else _LinkObject(self.inverse_link)
        )
        super().__init__(statsmodels_link, variance_function(variance), check_link=False)
        low, high = self.variance.means
        self.valid = [low, high]

    def starting_mu(self, y: FloatArray) -> FloatArray:
        """Return means from which scoring may start."""
        return np.asarray(self.variance.start(y, np.ones_like(y), float(np.mean(y))))

    def loglike_obs(
        self, endog: FloatArray, mu: FloatArray, var_weights: Any = 1.0, scale: float = 1.0
    ) -> FloatArray:
        """Return the extended quasi-likelihood of each row."""
        law = ExtendedQuasiLaw(self.variance)
        weight = np.broadcast_to(np.asarray(var_weights, dtype=np.float64), np.shape(endog))
        return weight / scale * law.unit(endog, mu) + law.normaliser(endog, weight, scale)

    def _resid_dev(self, endog: FloatArray, mu: FloatArray) -> FloatArray:
        return np.asarray(self.variance.deviance(endog, mu))
