"""How well a model fits: log-likelihood, deviance, criteria, degrees of freedom."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from deepglm.errors import NotAvailableError
from deepglm.inference import criteria
from deepglm.results.frozen import Frozen


class Goodness(Frozen):
    """Members of a result that are about the fit as a whole."""

    # -- counts -----------------------------------------------------------------------------

    @property
    def nobs(self) -> int:
        """Rows that were used."""
        return int(self._model.nobs)

    @property
    def edf(self) -> float:
        """Effective number of estimated coefficients: ``tr[(F + S)^-1 F]``."""
        return self._numbers.edf

    @property
    def df_model(self) -> float:
        """``edf - 1``: statsmodels does not count the intercept, whether there is one or not."""
        k = self.edf - 1.0
        return int(k) if k.is_integer() else k

    @property
    def df_resid(self) -> float:
        """Observations, counted with their frequencies, minus ``edf``."""
        return self._numbers.fitted.wnobs - self.edf

    @property
    def k_constant(self) -> int:
        """Whether the final layer has an intercept, as 0 or 1."""
        return int(self._model._intercept is not None)

    # -- the fit ----------------------------------------------------------------------------

    @property
    def converged(self) -> bool:
        """Whether the fit is certified: a strict local maximum, to 1e-6 log-likelihood units."""
        return bool(self._estimate.certificate.certified)

    @property
    def method(self) -> str:
        """How the maximum was found."""
        return (
            "IRLS" if self._estimate.method == "irls" and not self._deep else self._estimate.method
        )

    @property
    def fit_history(self) -> dict[str, Any]:
        """Iterations of the best start, and the objective after each accepted step."""
        return {
            "iteration": self._estimate.iterations,
            "objective": list(self._estimate.history),
        }

    @property
    def mle_settings(self) -> dict[str, Any]:
        """How the maximum was looked for: solver, starts, and passes over the rows."""
        estimate = self._estimate
        return {
            "optimizer": estimate.method,
            "starts": estimate.starts,
            "hits": estimate.hits,
            "evaluations": dict(estimate.evaluations),
        }

    # -- likelihood -------------------------------------------------------------------------

    @property
    def scale(self) -> float:
        """Dispersion in standard errors.

        Fixed, Pearson's chi-square over ``df_resid`` (the default where it is estimated), or the
        deviance over it. For overdispersed binomial counts (``scale="X2"``) statsmodels divides by
        the number of trials as well; this is the value without that, as R's quasibinomial.
        """
        return self._numbers.scale

    @cached_property
    def llf(self) -> float:
        """Log-likelihood, without the penalty, constants included.

        As statsmodels: at ``scale``, and with the dispersion profiled out for a Gaussian with the
        identity link. A weighted binomial includes its binomial coefficient (statsmodels leaves it
        out for ``var_weights``).
        """
        return self._numbers.llf(None)

    def llf_scaled(self, scale: float | None = None) -> float:
        """Log-likelihood at a given dispersion; None is the choice of ``llf``."""
        return self._numbers.llf(scale)

    @property
    def penalized_llf(self) -> float:
        """What was maximised: the log-likelihood minus the penalty, at the scale in force."""
        return self._estimate.penalized_llf

    @property
    def null(self) -> pd.Series:
        """Fitted values of the model with an intercept and the offset only."""
        return self._row_wise(self._numbers.null_mean)

    @property
    def llnull(self) -> float:
        """Log-likelihood of that model, at the dispersion of this one."""
        return self._numbers.llnull

    @property
    def deviance(self) -> float:
        """Deviance at dispersion 1."""
        return self._numbers.deviance

    @property
    def null_deviance(self) -> float:
        """Deviance of the model with an intercept and the offset only."""
        return self._numbers.null_deviance

    @property
    def pearson_chi2(self) -> float:
        """Sum of squared Pearson residuals."""
        return self._numbers.pearson_chi2

    # -- criteria ---------------------------------------------------------------------------

    @property
    def aic(self) -> float:
        """``-2 llf + 2 edf``.

        An estimated dispersion is not counted, as in statsmodels; R counts it and is larger by 2.
        """
        return self.info_criteria("aic")

    @property
    def bic(self) -> float:
        """``-2 llf + log(n) edf``."""
        return self.bic_llf

    @property
    def bic_llf(self) -> float:
        """``-2 llf + log(n) edf``."""
        return self.info_criteria("bic")

    @property
    def bic_deviance(self) -> float:
        """``deviance - df_resid log(n)``."""
        return float(self.deviance - self.df_resid * np.log(self._numbers.fitted.wnobs))

    def info_criteria(self, crit: str, scale: float | None = None, dk_params: float = 0) -> float:
        """Information criterion.

        Parameters
        ----------
        crit
            "aic", "bic" or "qaic".
        scale
            Dispersion of the largest model compared; for "qaic" only, which needs it.
        dk_params
            Added to the number of parameters; 1 counts an estimated dispersion.
        """
        llf = self.llf_scaled(1.0) if crit.lower() == "qaic" else self.llf
        k = self.edf + dk_params
        return criteria.information_criterion(crit, llf, k, self._numbers.fitted.wnobs, scale)

    def pseudo_rsquared(self, kind: str = "cs") -> float:
        """Pseudo R-squared of Cox and Snell ("cs") or McFadden ("mcf")."""
        return criteria.pseudo_rsquared(kind, self.llf, self.llnull, self.nobs)

    @property
    def llr(self) -> float:
        """Likelihood ratio statistic against the model with an intercept only."""
        self._refuse_llr("llr")
        return 2.0 * (self._numbers.llf(self.scale) - self.llnull)

    @property
    def llr_pvalue(self) -> float:
        """Chi-square p-value of ``llr``."""
        self._refuse_llr("llr_pvalue")
        return float(stats.chi2.sf(self.llr, self.df_model))

    def _refuse_llr(self, what: str) -> None:
        if self._deep:
            raise NotAvailableError(
                f"{what}: under the null hypothesis the coefficients of a hidden unit are not "
                "identified, so twice the difference of log-likelihoods is not chi-square. Compare "
                "bic."
            )
        if self._estimate.precision.any():
            raise NotAvailableError(
                f"{what}: this fit is penalised, and twice the difference of log-likelihoods is "
                "chi-square for maximum likelihood only. Fit with penalty=None."
            )
