"""The numbers of a fit, each computed once and when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from deepglm.execution import workers
from deepglm.families import Level, with_limits
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
from deepglm.inference.fitted import Array, Mask
from deepglm.inference.identification import Identification, identification
from deepglm.likelihood import Likelihood
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
        self.to_user: Array = model._units.derivative(estimate.theta)
        self.from_standard: Array = model._units.from_standard
        self.level: float = model._units.level(estimate.theta)
        self.level_slopes: Array = model._units.level_slopes
        self.intercept: Mask = model._problem.intercept
        family = self.full = model._adapted
        if family.scale is None:  # what else is estimated beside a dispersion is taken as known
            family = family.given(estimate.aux)
        family = with_limits(family, *model._data.limits_on(None, model.nobs))
        self.fitted = Fitted(
            model.predictor, family, model._data.rows, estimate.theta, estimate.free
        )

    # -- goodness of fit --------------------------------------------------------------------

    @cached_property
    def deviance(self) -> float:
        """Deviance at dispersion 1."""
        return criteria.deviance(self.fitted, self.fitted.etas, self.fitted.aux)

    @cached_property
    def pearson_chi2(self) -> float:
        """Sum of squared Pearson residuals."""
        return criteria.pearson_chi2(self.fitted)

    @cached_property
    def null(self) -> tuple[Array, Array]:
        """(k_eta, n) linear predictors and auxiliary parameters of the model without regressors."""
        return criteria.null_model(self.fitted)

    @cached_property
    def null_deviance(self) -> float:
        """Deviance of such a model, the dispersion of counts that of the fit."""
        known = self.fitted.known
        null = self.null if known is self.fitted else criteria.null_model(known)
        return criteria.deviance(known, *null)

    @cached_property
    def llnull(self) -> float:
        """Its log-likelihood, at the dispersion of the fit."""
        return criteria.loglike(self.fitted, *self.null, self.scale)

    def llf(self, scale: float | None) -> float:
        """Log-likelihood at a dispersion; None takes statsmodels' choice."""
        if scale is None and len(self.estimate.aux) > 1 and self.full.scale is None:
            return self._llf_of_all
        if scale is None:
            scale = criteria.concentrated_scale(self.fitted)
        if scale is None:
            scale = self.scale
        if not (np.isfinite(scale) and scale > 0):
            return np.nan
        return criteria.loglike(self.fitted, self.fitted.etas, self.fitted.aux, scale)

    @cached_property
    def _llf_of_all(self) -> float:
        """Log-likelihood with everything at its maximum, the dispersion as well."""
        rows, aux = self.fitted.rows, self.estimate.aux
        terms = self.full.rows(rows.y, self.fitted.etas, aux, rows.weight, Level.VALUE)
        return rows.total(terms.value)

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
        return inverse(self._plain + self.dispersion.penalised_at * np.diag(self.penalty))

    @property
    def _plain(self) -> Array:
        """The information of plain standard errors, in the habit of the field."""
        if self.fitted.family.plain is Level.OBSERVED:
            return self.observed
        extra = len(self.fitted.aux)
        if not extra:
            return self.expected
        # R and statsmodels: the expected one for coefficients, the observed one for an alpha
        plain = self.expected.copy()
        plain[-extra:, -extra:] = self.observed[-extra:, -extra:]
        return plain

    @cached_property
    def bread(self) -> Array | None:
        """Inverse of the observed information and the penalty, at dispersion 1."""
        return inverse(self.observed + self.dispersion.penalised_at * np.diag(self.penalty))

    @cached_property
    def identification(self) -> Identification:
        """What the data say about the single coefficients."""
        N = self.normalized
        cov = None if N is None else N * self.scale
        return identification(self.fitted, self.expected, cov)

    @cached_property
    def information_ratio(self) -> Array | None:
        """(free, free) ``(H + S)^-1 K``: the unit matrix in expectation if the model is right."""
        if self.bread is None or not np.isfinite(self.scale):
            return None
        return np.asarray(self.bread @ criteria.score_products(self.fitted) / self.scale)

    @property
    def trace(self) -> float:
        """Its trace, which takes the place of the number of parameters in Takeuchi's criterion."""
        ratio = self.information_ratio
        return np.nan if ratio is None else float(np.trace(ratio))

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
        if request.trusts_the_model:
            factor = request.options.get("scaling_factor") or 1.0
            return Robust(self._trusting(request.name) * (self.scale * factor))
        if self.bread is None:
            return Robust(np.full_like(self.normalized, np.nan))
        return robust(self.fitted, request, self.bread, self.normalized, self.edf)

    @cached_property
    def conditional(self) -> Array | None:
        """(size, size) covariance of the final layer as if its inputs were given, user's units."""
        if self.withheld:
            return None
        free = self.estimate.free
        final = np.ones(len(free), dtype=bool)
        final[: self.fitted.predictor.size] = self.fitted.predictor.final
        kept = final[free]
        A = self._plain + self.dispersion.penalised_at * np.diag(self.penalty)
        N = inverse(A[np.ix_(kept, kept)])
        if N is None:
            return None
        V = np.zeros_like(A)
        V[np.ix_(kept, kept)] = N * self.scale
        return self.in_user_units(V)

    def _trusting(self, name: str) -> Array:
        """(free, free) covariance at dispersion 1 of one of the kinds that trust the model."""
        assert self.normalized is not None
        if name == "observed":
            return np.full_like(self.normalized, np.nan) if self.bread is None else self.bread
        if name == "frequentist":
            return np.asarray(self.normalized @ self._plain @ self.normalized)
        return self.normalized

    def in_user_units(self, V: Array) -> Array:
        """(size, size) covariance in the user's units; zero for what was not estimated."""
        T = self.to_user[:, self.estimate.free]
        return np.asarray(T @ V @ T.T)

    def in_column_units(self, robust: Robust | None) -> tuple[Array, Array]:
        """Coefficients per unit of the columns, auxiliary parameters after them; their covariance.

        The linear predictors are those of the fit, not those that are reported.
        """
        k, theta, size = self.fitted.predictor.size, self.fitted.theta, len(self.fitted.theta)
        T = np.eye(size)
        T[:k, :k] = self.from_standard
        F = T[:, self.estimate.free]
        if robust is None:
            return T @ theta, np.full((size, size), np.nan)
        return T @ theta, F @ robust.cov @ F.T

    @cached_property
    def aliasing(self) -> Array:
        """How columns set aside follow from the others."""
        estimate = self.estimate
        used = estimate.free | estimate.aliased
        F = self.fitted.information(Level.FISHER, used)
        return aliasing(F, estimate.free, estimate.aliased)

    @cached_property
    def auxiliary_errors(self) -> Array:
        """Standard errors of all auxiliary parameters, as reported, by the observed information.

        A dispersion is among them, at its maximum likelihood value.
        """
        estimate, family = self.estimate, self.full
        k, extra = self.fitted.predictor.size, len(estimate.aux)
        none = np.full(extra, np.nan)
        if self.withheld or estimate.scale_kind == "fixed" and family.scale is None:
            return none
        theta = np.concatenate((estimate.theta[:k], estimate.aux))
        free = np.concatenate((estimate.free[:k], np.ones(extra, dtype=bool)))
        with workers(None, self.fitted.rows.n) as crew:
            likelihood = Likelihood(self.fitted.predictor, family)
            sums = crew.sums(likelihood, theta, self.fitted.rows, Level.OBSERVED)
        assert sums.information is not None
        penalty = np.concatenate((estimate.precision[:k], np.zeros(extra)))
        V = inverse((sums.information + np.diag(penalty))[np.ix_(free, free)])
        if V is None:
            return none
        J = family.reported(estimate.aux)[1]
        return np.sqrt(np.diag(J @ V[len(V) - extra :, len(V) - extra :] @ J.T))

    def leverage(self, observed: bool) -> Array:
        """(n,) diagonal of the hat matrix of the tangent plane."""
        N = self.bread if observed else self.normalized
        if N is None or self.withheld:
            return np.full(self.fitted.rows.n, np.nan)
        return leverage(self.fitted, N, Level.OBSERVED if observed else Level.FISHER)
