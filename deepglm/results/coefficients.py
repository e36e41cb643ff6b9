"""Coefficients, their covariance, and tests of linear restrictions on them."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.base.model import LikelihoodModelResults
from statsmodels.sandbox.stats.multicomp import contrast_allpairs
from statsmodels.stats.contrast import (
    ContrastResults,
    MultiCompResult,
    WaldTestResults,
    t_test_multi,
)

from deepglm import formula as fm
from deepglm.errors import NotAvailableError, SpecificationError
from deepglm.inference import Robust, estimable
from deepglm.inference.fitted import Array, Mask
from deepglm.results import contrasts
from deepglm.results.frozen import LATER_INTERVALS, Frozen


class Coefficients(Frozen):
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
        reason = self._numbers.withheld
        if reason or not self._deep:
            return reason
        return (
            f"no z, p or intervals: {LATER_INTERVALS}. bse and cov_params() hold the joint values "
            "of all layers, conditional on the optimum that was found"
        )

    # -- covariance -------------------------------------------------------------------------

    @property
    def cov_type(self) -> str:
        """Kind of covariance, in statsmodels' words."""
        return self._request.name

    @property
    def cov_kwds(self) -> dict[str, Any]:
        """Keywords of the covariance, with a description."""
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
        return None if self._numbers.withheld else self._numbers.covariance(self._request)

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
            cov=None if self._request.name == "nonrobust" else self._cov,
            use_t=self.use_t,
            df_resid=self.df_resid,
            df_inference=self._robust.df if self._robust is not None else None,
        )

    # -- standard errors --------------------------------------------------------------------

    @property
    def bse(self) -> pd.Series:
        """Standard errors, joint over all layers; NaN for fixed and aliased coefficients.

        All are NaN for a fit that is not certified; ``withheld`` says why.
        """
        with np.errstate(invalid="ignore"):
            se = np.sqrt(np.diag(self._cov))
        return self._labelled(np.where(self._shown, se, np.nan))

    @property
    def tvalues(self) -> pd.Series:
        """Coefficients over their standard errors; NaN for a model with hidden layers.

        NaN as well for a parameter whose value zero is the end of its range, such as an alpha.
        """
        values = self.params / self.bse
        if not self._numbers.fitted.family.aux_may_be_zero:
            values.iloc[self._model.predictor.size :] = np.nan
        return values * np.nan if self._deep else values

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p-values; NaN for a model with hidden layers (``withheld`` says why)."""
        return self._labelled(contrasts.two_sided(self.tvalues.to_numpy(), self._df))

    def conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """Confidence intervals; NaN for a model with hidden layers (``withheld`` says why)."""
        half = contrasts.quantile(alpha, self._df) * self.bse.to_numpy()
        if self._deep:
            half = half * np.nan
        params = self.params.to_numpy()
        return pd.DataFrame({0: params - half, 1: params + half}, index=self._model.exog_names)

    # -- tests ------------------------------------------------------------------------------

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

    def _restrictions(self, spec: Any, what: str) -> tuple[Array, Array, Mask]:
        self._refuse_deep(what, "bse and cov_params() hold the joint values.")
        R, q = fm.constraint(spec, self._model.exog_names)
        return R, q, self._known(R)

    def t_test(
        self, r_matrix: Any, cov_p: Any = None, use_t: bool | None = None
    ) -> ContrastResults:
        """Test linear restrictions one by one.

        Parameters
        ----------
        r_matrix
            A text such as ``"x1 = x2, x3 = 1"``, a matrix with a column per coefficient, or a tuple
            of such a matrix and the values.
        cov_p
            A covariance in place of the default one.
        use_t
            Whether to use t; by default as the fit was asked to.
        """
        R, q, known = self._restrictions(r_matrix, "t_test")
        cov = None if cov_p is None else np.asarray(cov_p)
        return contrasts.t_test(self._plain, R, q, known, cov, use_t)

    def f_test(self, r_matrix: Any, cov_p: Any = None, invcov: Any = None) -> ContrastResults:
        """Test linear restrictions jointly, by F."""
        return self.wald_test(r_matrix, cov_p=cov_p, invcov=invcov, use_f=True)

    def wald_test(
        self,
        r_matrix: Any,
        cov_p: Any = None,
        invcov: Any = None,
        use_f: bool | None = None,
        df_constraints: int | None = None,
        scalar: bool = True,
    ) -> ContrastResults:
        """Test linear restrictions jointly, by chi-square or F.

        Parameters
        ----------
        r_matrix
            As in :meth:`t_test`.
        cov_p, invcov
            A covariance of the coefficients, or the inverse of that of the contrasts.
        use_f
            Whether to use F; by default as ``use_t``.
        df_constraints
            Number of restrictions, where rows repeat each other.
        scalar
            Whether the statistic is a number; otherwise a (1, 1) array.
        """
        R, q, known = self._restrictions(r_matrix, "wald_test")
        options = {
            "cov_p": None if cov_p is None else np.asarray(cov_p),
            "invcov": invcov,
            "use_f": use_f,
            "df_constraints": df_constraints,
            "scalar": scalar,
        }
        return contrasts.wald_test(self._plain, R, q, known, options)

    def wald_test_terms(
        self,
        skip_single: bool = False,
        extra_constraints: Any = None,
        combine_terms: Any = None,
        scalar: bool = True,
    ) -> WaldTestResults:
        """Test every term of the formula jointly over its columns.

        Parameters
        ----------
        skip_single
            Leave out terms of one column.
        extra_constraints
            Pairs of a name and a matrix to test as well.
        combine_terms
            Parts of names: all terms that contain one are tested together as well.
        scalar
            As in :meth:`wald_test`.
        """
        self._refuse_deep("wald_test_terms", "bse and cov_params() hold the joint values.")
        eye = np.eye(self._model._units.size)
        terms = [(name, eye[where]) for name, where in self._term_places().items()]
        combined = [
            (part, np.vstack([R for name, R in terms if part in name]))
            for part in combine_terms or []
        ]
        single = [(name, R) for name, R in terms if not (skip_single and len(R) == 1)]
        tests = [
            (name, self.wald_test(R, scalar=scalar))
            for name, R in [*single, *combined, *(extra_constraints or [])]
        ]
        return contrasts.terms_table(tests, self.use_t)

    def _term_places(self) -> dict[str, list[int]]:
        """Reported parameters of every term; cut-points belong to none."""
        place = {inside: shown for shown, inside in enumerate(self._order)}
        return {
            name: [place[inside] for inside in where]
            for name, where in self._slopes_of_terms().items()
        }

    def _slopes_of_terms(self) -> dict[str, list[int]]:
        """The fit's parameters of every term, without an intercept that is a cut-point."""
        source, predictor = self._model._data.sources[0], self._model.predictor
        slices = getattr(source, "term_slices", None)
        if slices is None:
            slices = {name: (j, j + 1) for j, name in enumerate(source.names)}
        cut = np.flatnonzero(self._numbers.intercept) if self._model._adapted.cut_labels else ()
        places = {
            name: [
                k * predictor.k_glm + j
                for k in range(predictor.k_eta)
                for j in range(lo, hi)
                if k * predictor.k_glm + j not in cut
            ]
            for name, (lo, hi) in slices.items()
        }
        return {name: where for name, where in places.items() if where}

    def t_test_pairwise(
        self,
        term_name: str,
        method: str = "hs",
        alpha: float = 0.05,
        factor_labels: list[str] | None = None,
    ) -> MultiCompResult:
        """Compare all pairs of levels of a factor, with p-values corrected for their number.

        Parameters
        ----------
        term_name
            A term of one factor, as the formula names it.
        method
            Correction, see ``statsmodels.stats.multitest.multipletests``.
        alpha
            Level at which a difference is called one.
        factor_labels
            Labels in place of the levels.
        """
        self._refuse_deep("t_test_pairwise", "bse and cov_params() hold the joint values.")
        if self._model.predictor.k_eta > 1:
            raise NotAvailableError(
                "t_test_pairwise: a family of several linear predictors has a comparison for each. "
                "Use t_test with the contrasts written out."
            )
        coding, levels = self._factor_coding(term_name)
        if factor_labels is not None:
            if len(factor_labels) != len(levels):
                raise SpecificationError(
                    f"factor_labels has {len(factor_labels)} labels; {term_name!r} has "
                    f"{len(levels)} levels."
                )
            levels = tuple(factor_labels)
        pairs = [(a, b) for a in range(len(levels)) for b in range(a + 1, len(levels))]
        labels = [f"{levels[b]}-{levels[a]}" for a, b in pairs]
        R = np.zeros((len(pairs), self._model._units.size))
        R[:, self._term_places()[term_name]] = -contrast_allpairs(len(levels)) @ coding
        frame = t_test_multi(
            self, R, method=method, ci_method=None, alpha=alpha, contrast_names=labels
        )
        return MultiCompResult(
            result_frame=frame,
            contrasts=R,
            term=term_name,
            contrast_labels=labels,
            term_encoding_matrix=coding,
        )

    def _factor_coding(self, term_name: str) -> tuple[Array, tuple[Any, ...]]:
        source = self._model._data.sources[0]
        if not hasattr(source, "term_names"):
            raise NotAvailableError(
                "t_test_pairwise needs the factors of a formula; this model was made from arrays. "
                "Use t_test with the contrasts written out."
            )
        if term_name not in source.term_names:
            raise SpecificationError(
                f"{term_name!r} is not a term; the terms are {', '.join(source.term_names)}."
            )
        products = source.products[source.term_names.index(term_name)]
        factors = products[0].factors
        if len(products) != 1 or len(factors) != 1 or factors[0] not in products[0].coding:
            raise SpecificationError(
                f"{term_name!r} is not a term of one categorical factor, so it has no pairs of "
                "levels to compare."
            )
        coding = products[0].coding[factors[0]][:, :-1].T
        return coding, source.levels[factors[0]]
