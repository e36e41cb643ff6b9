"""Coefficients, their covariance, standard errors and intervals."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.base.model import LikelihoodModelResults

from deepglm.errors import SpecificationError
from deepglm.inference import Robust, estimable, resampling
from deepglm.inference.fitted import Array, Mask
from deepglm.inference.uncertainty import Functional
from deepglm.predictor import pack
from deepglm.results import contrasts
from deepglm.results.resampling import Resampling


class Coefficients(Resampling):
    """Members of a result that are about coefficients."""

    @property
    def params(self) -> pd.Series:
        """Coefficients in the user's units; NaN for columns set aside as aliased."""
        return self._labelled(np.where(self._aliased, np.nan, self._estimate.params))

    @property
    def _order(self) -> list[int]:
        """Where every reported parameter stands in the fit."""
        return list(self._model._units.order)

    @property
    def _aliased(self) -> Mask:
        """(size,) reported parameters whose columns were set aside."""
        return np.asarray(self._estimate.aliased[self._order])

    @property
    def auxiliary(self) -> pd.DataFrame:
        """Auxiliary parameters of the family by maximum likelihood, with standard errors.

        The alpha of a negative binomial, the power of a Tweedie, cut-points, the log of a sigma or
        of a dispersion; empty for a family without any. Columns: ``estimate`` and ``std_err``:
        those of ``params`` and ``bse`` where they are among the parameters, and for a dispersion
        and what is estimated beside it from the joint observed information.
        """
        family, aux = self._numbers.full, self._estimate.aux
        if family.scale is not None:
            first = self._model.predictor.size - bool(family.cut_labels)
            both = {"estimate": self.params, "std_err": self.bse}
            return pd.DataFrame(both).iloc[first:]
        if not len(aux):
            return pd.DataFrame({"estimate": [], "std_err": []}, dtype=float)
        errors = self._numbers.auxiliary_errors
        return pd.DataFrame(
            {"estimate": family.reported(aux)[0], "std_err": errors}, index=list(family.aux_labels)
        )

    @property
    def edf_by_coefficient(self) -> pd.Series:
        """Effective degrees of freedom of each coefficient; they add up to ``edf``."""
        values = np.zeros(self._model._units.size)
        values[self._estimate.free] = self._numbers.edf_by_coefficient
        return self._labelled(values[self._order], "edf")

    @property
    def withheld(self) -> str:
        """Why standard errors, or z and p, are missing here; empty where nothing is."""
        reason = self._why_not if self._deep else self._numbers.withheld
        return str(reason)

    # -- covariance -------------------------------------------------------------------------

    @property
    def cov_type(self) -> str:
        """Kind of covariance, in statsmodels' words; "bootstrap" where it is that of refits."""
        return "bootstrap" if self._by_draws else self._request.name

    @property
    def cov_kwds(self) -> dict[str, Any]:
        """Keywords of the covariance, with a description."""
        if self._by_draws and self._draws is not None:
            return {"kind": self._draws.plan.kind, "n": self._draws.plan.size}
        if self._request.name == "nonrobust":
            return {"description": self._request.description}
        return {
            "use_t": self.use_t,
            "adjust_df": self._request.adjusts_df,
            "scaling_factor": None,
            **self._request.options,
            "description": self._request.description,
        }

    @property
    def use_t(self) -> bool:
        """Whether tests use t and F in place of z and chi-square."""
        return bool(self._use_t)

    @property
    def n_groups(self) -> int | tuple[int, ...] | None:
        """Clusters of a clustered covariance; a pair for two ways of clustering."""
        counts = self._robust.n_groups if self._robust is not None else ()
        return counts[0] if len(counts) == 1 else counts or None

    @property
    def df_resid_inference(self) -> float:
        """Degrees of freedom of tests: the residual ones, or clusters minus one."""
        df = self._robust.df if self._robust is not None else None
        return self.df_resid if df is None else df

    @property
    def _df(self) -> float | None:
        return self.df_resid_inference if self.use_t else None

    @cached_property
    def _robust(self) -> Robust | None:
        """Covariance of the free coefficients, standardised; None where it is withheld."""
        if self._numbers.withheld:
            return None
        if self._by_draws and self._draws is not None:
            estimate, problem = self._estimate, self._refitted_problem
            cov = resampling.covariance(self._draws, problem, estimate.theta, estimate.free)
            return Robust(cov)
        return self._numbers.covariance(self._request)

    @cached_property
    def _cov(self) -> Array:
        """(size, size) covariance in the user's units, finite inside."""
        size = self._model._units.size
        if self._robust is None:
            return np.full((size, size), np.nan)
        return self._numbers.in_user_units(self._robust.cov)

    @cached_property
    def _normalized(self) -> Array:
        size = self._model._units.size
        N = self._numbers.normalized
        if self._numbers.withheld or N is None:
            return np.full((size, size), np.nan)
        return self._numbers.in_user_units(N)

    @cached_property
    def _shown(self) -> Mask:
        """(size,) coefficients that carry a standard error: estimated, or made from such."""
        moves = np.abs(self._numbers.to_user[:, self._estimate.free]).sum(axis=1) > 0
        return np.asarray(moves & ~self._aliased)

    @property
    def fixed(self) -> pd.Series:
        """Which coefficients are fixed by construction, to remove a symmetry of a layer."""
        return self._labelled(~self._shown & ~self._aliased)

    @property
    def aliased(self) -> pd.Series:
        """Which coefficients belong to columns that earlier columns determine."""
        return self._labelled(self._aliased)

    def _as_shown(self, cov: Array) -> Array:
        hidden = ~self._shown
        cov = cov.copy()
        cov[hidden] = np.nan
        cov[:, hidden] = np.nan
        return cov

    @property
    def normalized_cov_params(self) -> pd.DataFrame:
        """Covariance at dispersion 1, joint over all layers."""
        names = self._model.exog_names
        return pd.DataFrame(self._as_shown(self._normalized), index=names, columns=names)

    @property
    def cov_params_default(self) -> pd.DataFrame:
        """The covariance that standard errors come from."""
        table: pd.DataFrame = self.cov_params()
        return table

    def cov_params(
        self,
        r_matrix: Any = None,
        column: Any = None,
        scale: float | None = None,
        cov_p: Any = None,
        other: Any = None,
    ) -> Any:
        """Covariance of the coefficients of all layers, or of contrasts of them.

        Parameters
        ----------
        r_matrix
            (k, size) contrasts, or one of them.
        column
            Numbers or names of coefficients to restrict the matrix to.
        scale
            A dispersion in place of the estimated one; not for robust covariances.
        cov_p
            A covariance in place of the default one.
        other
            (m, size) second set of contrasts, for the covariance between the two.

        Returns
        -------
        DataFrame or ndarray
            A labelled matrix without `r_matrix`; NaN where a coefficient is fixed or aliased, and
            for contrasts that the data do not determine.

        Notes
        -----
        For a model with hidden layers this is the inverse of the joint information of every
        layer, not the last layer's; it is conditional on the optimum found.
        """
        plain = self._plain
        if r_matrix is None and other is None:
            if cov_p is None and scale is None:
                cov_p = self._cov
            inside = plain.cov_params(
                scale=scale, cov_p=None if cov_p is None else np.asarray(cov_p)
            )
            names = self._model.exog_names
            table = pd.DataFrame(self._as_shown(np.asarray(inside)), index=names, columns=names)
            return table if column is None else self._columns(table, column)
        if r_matrix is None:
            raise SpecificationError("other= needs r_matrix=, the first set of contrasts.")
        R = np.asarray(r_matrix, dtype=float)
        values = plain.cov_params(
            r_matrix=R,
            column=column,
            scale=scale,
            cov_p=None if cov_p is None else np.asarray(cov_p),
            other=None if other is None else np.asarray(other, dtype=float),
        )
        if R.ndim == 1:
            return values if self._known(R[None, :])[0] else np.nan
        left = self._known(R)
        right = (
            left if other is None else self._known(np.atleast_2d(np.asarray(other, dtype=float)))
        )
        return np.where(left[:, None] & right, values, np.nan)

    def _columns(self, table: pd.DataFrame, column: Any) -> Any:
        names = list(table.columns)
        keys = [column] if isinstance(column, str) or np.ndim(column) == 0 else list(column)
        places = [names.index(key) if isinstance(key, str) else int(key) for key in keys]
        part = table.iloc[places, places]
        return part.iloc[0, 0] if isinstance(column, str) or np.ndim(column) == 0 else part

    @cached_property
    def _plain(self) -> LikelihoodModelResults:
        return contrasts.plain_results(
            self._model.exog_names,
            self._estimate.params,
            self._normalized,
            self.scale,
            cov=None if self.cov_type == "nonrobust" else self._cov,
            use_t=self.use_t,
            df_resid=self.df_resid,
            df_inference=self._robust.df if self._robust is not None else None,
        )

    # -- standard errors --------------------------------------------------------------------

    @property
    def bse(self) -> pd.Series:
        """Standard errors, joint over all layers; NaN for fixed and aliased coefficients.

        All are NaN for a fit that is not certified; ``withheld`` says why. In a model with hidden
        layers those of terms that do not enter them, and of auxiliary parameters, come from the
        same method as those of effects (``inference``).
        """
        with np.errstate(invalid="ignore"):
            se = np.sqrt(np.diag(self._cov))
        if self._deep and self._own.any():
            se[self._own] = np.nan if self._own_errors is None else self._own_errors
        return self._labelled(np.where(self._shown, se, np.nan))

    @property
    def bse_conditional(self) -> pd.Series:
        """Standard errors of the final layer as if its hidden units were given; NaN for others.

        They leave out that the units were estimated, and are too small for most purposes: compare
        them with ``bse``. Without hidden layers they are the same.
        """
        V = self._numbers.conditional
        shown = np.zeros(self._model._units.size) if V is None else np.diag(V)
        with np.errstate(invalid="ignore"):
            return self._labelled(np.where(shown > 0, np.sqrt(shown), np.nan))

    @cached_property
    def _own(self) -> Mask:
        """(size,) reported parameters that mean something alone.

        In a model with hidden layers these are the coefficients of columns that no variable of a
        hidden layer has a part in, and the auxiliary parameters.
        """
        model = self._model
        size, k = model._units.size, model.predictor.size
        if not self._deep:
            return np.ones(size, dtype=bool)
        marks = model.predictor.unpack(np.zeros(k))
        marks.beta[:, model._data.own_columns] = 1.0
        inside = np.ones(size, dtype=bool)
        inside[:k] = pack(marks) > 0
        if model._units.cut is not None:  # the intercept of an ordinal response is a cut-point
            inside[model._units.cut] = True
        return np.asarray(inside[self._order])

    @cached_property
    def _own_errors(self) -> Array | None:
        """Their standard errors."""
        method = self._uncertainty
        return None if method is None else method.errors(self._own_functional)

    @property
    def _own_functional(self) -> Functional:
        units, own = self._model._units, self._own

        def value(theta: Array, share: Array) -> Array:
            return np.asarray(units.reported(theta)[own])

        return Functional(value, lambda theta: units.derivative(theta)[own])

    @property
    def tvalues(self) -> pd.Series:
        """Coefficients over their standard errors.

        NaN for a parameter whose value zero is the end of its range, such as an alpha, and for
        hidden layers and the terms that enter them: none of these means something alone.
        """
        values = self.params / self.bse
        if not self._numbers.fitted.family.aux_may_be_zero:
            values.iloc[self._model.predictor.size :] = np.nan
        return values.where(self._own)

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p-values; NaN where ``tvalues`` are."""
        return self._labelled(contrasts.two_sided(self.tvalues.to_numpy(), self._df))

    def conf_int(self, alpha: float = 0.05, method: str = "wald") -> pd.DataFrame:
        """Confidence intervals; NaN for hidden layers and the terms that enter them.

        Parameters
        ----------
        alpha
            One minus the level.
        method
            "wald", or "profile": the profile likelihood of a GLM, as R's ``confint``; NaN for
            auxiliary parameters, and infinite where the likelihood does not fall far enough.

        Notes
        -----
        In a model with hidden layers the interval of an alpha is one of its logarithm, and that of
        a log_sigma is moved up by ``log(n / (n - edf)) / 2``: maximum likelihood does not count the
        coefficients.
        """
        if method == "profile":
            intervals: pd.DataFrame = self._profile_intervals(alpha)
            return intervals
        if method != "wald":
            raise SpecificationError(
                f"method={method!r} is not known; accepted are 'wald' and 'profile'."
            )
        half = contrasts.quantile(alpha, self._df) * self.bse.to_numpy()
        half[~self._own] = np.nan
        params = self.params.to_numpy()
        low, high = params - half, params + half
        if self._deep:
            k, family = self._model.predictor.size, self._numbers.fitted.family
            if not family.aux_may_be_zero:
                factor = np.exp(half[k:] / params[k:])
                low[k:], high[k:] = params[k:] / factor, params[k:] * factor
            elif family.aux_is_a_spread:
                n = self._numbers.fitted.wnobs
                up = 0.5 * np.log(n / (n - self._numbers.edf))
                low[k:], high[k:] = low[k:] + up, high[k:] + up
        return pd.DataFrame({0: low, 1: high}, index=self._model.exog_names)

    def _known(self, R: Array) -> Mask:
        """(k,) contrasts that the data determine and that are not fixed by construction."""
        estimate = self._estimate
        known = np.asarray(np.abs(R[:, self._shown]).sum(axis=1) > 0)
        if not estimate.aliased.any():
            return known
        touched = np.abs(R[:, self._aliased]).sum(axis=1) > 0
        inside = estimable(
            R @ self._numbers.to_user, estimate.free, estimate.aliased, self._numbers.aliasing
        )
        return np.asarray(known & (~touched | inside))
