"""The numbers of a fit, each computed once and when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from deepglm.families import Level
from deepglm.inference import (
    CovarianceRequest,
    Dispersion,
    Fitted,
    Robust,
    Smoothing,
    aliasing,
    criteria,
    edf_by_coefficient,
    inverse,
    leverage,
    robust,
)
from deepglm.inference.fitted import Array
from deepglm.results.estimate import Estimate


class Numbers:
    """Arrays behind a result; no labels, and nothing that depends on the kind of covariance.

    Parameters
    ----------
    model
        The model that was fitted.
    estimate
        Where the fit ended.
    """

    def __init__(self, model: Any, estimate: Estimate) -> None:
        self.estimate = estimate
        self.to_user: Array = model._to_user
        self.fitted = Fitted(
            model.predictor, model._adapted, model._data.rows, estimate.theta, estimate.free
        )

    # -- goodness of fit --------------------------------------------------------------------

    @cached_property
    def deviance(self) -> float:
        """Deviance at dispersion 1."""
        return criteria.deviance(self.fitted.family, self.fitted.rows, self.fitted.mu)

    @cached_property
    def pearson_chi2(self) -> float:
        """Sum of squared Pearson residuals."""
        return criteria.pearson_chi2(self.fitted)

    @cached_property
    def null_mean(self) -> Array:
        """(n,) means of the model without regressors."""
        return criteria.null_mean(self.fitted.family, self.fitted.rows)

    @cached_property
    def null_deviance(self) -> float:
        """Its deviance."""
        return criteria.deviance(self.fitted.family, self.fitted.rows, self.null_mean)

    @cached_property
    def llnull(self) -> float:
        """Its log-likelihood, at the dispersion of the fit."""
        eta = self.fitted.family.link.link(self.null_mean)
        return criteria.loglike(self.fitted.family, self.fitted.rows, eta, self.scale)

    def llf(self, scale: float | None) -> float:
        """Log-likelihood at a dispersion; None takes statsmodels' choice."""
        if scale is None:
            scale = criteria.concentrated_scale(self.fitted)
        if scale is None:
            scale = self.scale
        if not (np.isfinite(scale) and scale > 0):
            return np.nan
        return criteria.loglike(self.fitted.family, self.fitted.rows, self.fitted.eta, scale)

    # -- dispersion and degrees of freedom --------------------------------------------------

    @property
    def penalty(self) -> Array:
        """(free,) precisions."""
        return self.estimate.precision[self.estimate.free]

    @cached_property
    def dispersion(self) -> Dispersion:
        """Scale, effective degrees of freedom, and the scale at which the penalty is weighed."""
        estimate, n = self.estimate, self.fitted.wnobs
        k = float(estimate.free.sum())
        if estimate.scale_kind == "fixed":
            phi = estimate.scale_objective
            edf = Smoothing(self.expected, self.penalty).edf(phi) if self.penalty.any() else k
            return Dispersion(phi, edf, phi)
        total = self.pearson_chi2 if estimate.scale_kind == "X2" else self.deviance
        if not self.penalty.any():
            scale = total / (n - k) if n > k else np.nan
            return Dispersion(scale, k, 1.0)
        if self.fitted.family.scale is None:
            # in units of the objective's dispersion, so that those of the response do not matter
            unit = estimate.scale_objective
            scale, edf = Smoothing(self.expected, unit * self.penalty).settle(total / unit, n)
            return Dispersion(unit * scale, edf, unit * scale)
        smoothing = Smoothing(self.expected, self.penalty)
        # the objective had the dispersion 1; only the standard errors are widened afterwards
        edf = smoothing.edf(estimate.scale_objective)
        scale = total / (n - edf) if n > edf else np.nan
        return Dispersion(scale, edf, estimate.scale_objective)

    @property
    def scale(self) -> float:
        """Dispersion in standard errors."""
        return self.dispersion.scale

    @property
    def edf(self) -> float:
        """Effective number of estimated coefficients."""
        return self.dispersion.edf

    @cached_property
    def edf_by_coefficient(self) -> Array:
        """(free,) its parts."""
        if not self.penalty.any():
            return np.ones(int(self.estimate.free.sum()))
        return edf_by_coefficient(self.expected, self.penalty, self.dispersion.penalised_at)

    # -- information and covariance ---------------------------------------------------------

    @cached_property
    def expected(self) -> Array:
        """Expected information of the free coefficients, at dispersion 1."""
        return self.fitted.information(Level.FISHER)

    @cached_property
    def observed(self) -> Array:
        """Observed information of the free coefficients, at dispersion 1."""
        return self.fitted.information(Level.OBSERVED)

    @cached_property
    def normalized(self) -> Array | None:
        """(free, free) covariance at dispersion 1, standardised; None where there is no inverse."""
        return inverse(self.expected + self.dispersion.penalised_at * np.diag(self.penalty))

    @cached_property
    def bread(self) -> Array | None:
        """Inverse of the observed information and the penalty, at dispersion 1."""
        return inverse(self.observed + self.dispersion.penalised_at * np.diag(self.penalty))

    @cached_property
    def withheld(self) -> str:
        """Why there are no standard errors; empty where there are."""
        certificate = self.estimate.certificate
        if not certificate.certified:
            return f"no standard errors: the fit is not certified ({certificate})"
        if not np.isfinite(self.scale):
            return (
                f"no standard errors: {self.fitted.wnobs:g} observations leave no degrees of "
                f"freedom for the dispersion beside {self.edf:.4g} coefficients. Use fewer terms, "
                "or a fixed scale="
            )
        if self.normalized is None:
            return (
                "no standard errors: the expected information is singular, so some combination of "
                "coefficients is not determined by the data. Use fewer units or terms, or a penalty"
            )
        return ""

    def covariance(self, request: CovarianceRequest) -> Robust:
        """(free, free) covariance of the standardised coefficients."""
        assert self.normalized is not None
        if request.name == "nonrobust":
            factor = request.options.get("scaling_factor") or 1.0
            return Robust(self.normalized * (self.scale * factor))
        if self.bread is None:
            return Robust(np.full_like(self.normalized, np.nan))
        return robust(self.fitted, request, self.bread, self.normalized, self.edf)

    def in_user_units(self, V: Array) -> Array:
        """(size, size) covariance in the user's units; zero for what was not estimated."""
        T = self.to_user[:, self.estimate.free]
        return np.asarray(T @ V @ T.T)

    @cached_property
    def aliasing(self) -> Array:
        """How columns set aside follow from the others."""
        estimate = self.estimate
        used = estimate.free | estimate.aliased
        F = self.fitted.information(Level.FISHER, used)
        return aliasing(F, estimate.free, estimate.aliased)

    def leverage(self, observed: bool) -> Array:
        """(n,) diagonal of the hat matrix of the tangent plane."""
        N = self.bread if observed else self.normalized
        if N is None or self.withheld:
            return np.full(self.fitted.rows.n, np.nan)
        return leverage(self.fitted, N, Level.OBSERVED if observed else Level.FISHER)
