"""Diagnostics of a fit: identification, residuals, influence, checks of the distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from deepglm.errors import NotAvailableError, whole_number
from deepglm.families import MeanFamily
from deepglm.inference import residuals
from deepglm.inference.fitted import Array
from deepglm.inference.probabilities import quantile_residuals
from deepglm.results import equivalent
from deepglm.results.checks import Checks
from deepglm.results.identification import NamedIdentification, named_identification
from deepglm.results.influence import NetworkInfluence

__all__ = ["Diagnostics"]


class Diagnostics(Checks):
    """Members of a result that question it."""

    @property
    def identification(self) -> NamedIdentification:
        """Whether the data determine the single coefficients: rank, condition, units."""
        found = self._numbers.identification
        return named_identification(self._model, self._estimate, found)

    # -- residuals --------------------------------------------------------------------------

    def resid_quantile(self, seed: int = 0, draws: int | None = None) -> Any:
        """Randomised quantile residuals: standard normal if the model is right, for any family.

        They are normal quantiles of the fitted distribution functions at the responses. Where a
        response has a probability of its own (counts, classes, a zero amount, a censored outcome)
        the residual is drawn within the jump of the function there; several draws show what is due
        to that.

        Parameters
        ----------
        seed
            Seed of the draws.
        draws
            How many; by default one.

        Returns
        -------
        Series or DataFrame
            A Series for one draw, and with `draws` a frame with a column for each.

        Notes
        -----
        Estimates are taken as known, so residuals of a small sample vary a little less than normal
        ones. Those of unordered classes follow the order in which the classes are reported.

        References
        ----------
        Dunn and Smyth (1996), Journal of Computational and Graphical Statistics 5, 236-244.

        Examples
        --------
        >>> import deepglm as dg
        >>> yarn = dg.datasets.load("warpbreaks")
        >>> fit = dg.DeepGLM("breaks ~ wool + tension", yarn, dg.Poisson(), hidden=()).fit()
        >>> fit.resid_quantile(draws=4).shape
        (54, 4)
        """
        rng = np.random.default_rng(whole_number("seed", seed, 0))
        if draws is None:
            return self._row_wise(quantile_residuals(self._jumps, rng))
        found = {
            k: quantile_residuals(self._jumps, rng)
            for k in range(1, whole_number("draws", draws, 1) + 1)
        }
        return pd.DataFrame(found, index=self._model._data.index)

    @property
    def resid_studentized(self) -> pd.Series:
        """Pearson residuals over the roots of the dispersion and of one minus the leverage."""
        return self._row_wise(self._studentized("resid_studentized")[0])

    @property
    def resid_deviance_studentized(self) -> pd.Series:
        """Deviance residuals over the roots of the dispersion and of one minus the leverage."""
        return self._row_wise(self._studentized("resid_deviance_studentized")[1])

    @property
    def resid_likelihood(self) -> pd.Series:
        """Roots of how far the deviance would fall without the row, to first order, signed.

        ``sign(y - mu) sqrt((1 - h) d**2 + h p**2)`` with the studentized deviance and Pearson
        residuals ``d`` and ``p``; R's ``rstudent`` with the dispersion of the whole fit.

        References
        ----------
        Williams (1987), Applied Statistics 36, 181-191.
        """
        pearson, deviance, h = self._studentized("resid_likelihood")
        size = np.sqrt((1.0 - h) * deviance**2 + h * pearson**2)
        return self._row_wise(np.sign(deviance) * size)

    def _studentized(self, what: str) -> tuple[Array, Array, Array]:
        """(n,) studentized Pearson and deviance residuals and leverages of single copies."""
        fitted = self._numbers.fitted
        if not isinstance(fitted.given, MeanFamily):
            raise NotAvailableError(
                f"{what}: a {fitted.family.name} response has no single residual that a leverage "
                "belongs to. resid_quantile() has one for every row, normal under the model."
            )
        freq = fitted.rows.freq
        with np.errstate(divide="ignore", invalid="ignore"):
            h = self._numbers.leverage(False) / np.where(freq > 0.0, freq, 1.0)
            unit = np.sqrt(self.scale * (1.0 - h))
            return residuals.pearson(fitted) / unit, residuals.deviance(fitted) / unit, h

    # -- influence --------------------------------------------------------------------------

    def get_influence(self, observed: bool = True) -> Any:
        """Influence of rows by one step without each of them.

        Parameters
        ----------
        observed
            Whether by the observed information (a step of Newton's method) or the expected one.

        Returns
        -------
        GLMInfluence or NetworkInfluence
            statsmodels' class for a GLM by maximum likelihood; otherwise one of ours with its
            names: ``cooks_distance``, ``hat_matrix_diag``, ``resid_studentized``,
            ``d_fittedvalues``, ``d_linpred``, ``d_params``, ``summary_frame()``, and ``d_effects``
            for what can be interpreted.

        Examples
        --------
        >>> import deepglm as dg
        >>> trees = dg.datasets.load("trees")
        >>> fit = dg.DeepGLM("Volume ~ Girth + Height", trees, dg.Gamma(), hidden=()).fit()
        >>> int(fit.get_influence().summary_frame()["cooks_d"].idxmax())
        30
        """
        mean = isinstance(self._numbers.fitted.given, MeanFamily)
        if self._deep or self._estimate.precision.any() or not mean:
            return NetworkInfluence(self, observed)
        self._check_equivalent("get_influence")
        return equivalent.influence(self, observed)
