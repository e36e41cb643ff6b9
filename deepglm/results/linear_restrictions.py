"""Tests of linear restrictions on coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np
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
from deepglm.inference.fitted import Array, Mask
from deepglm.results import contrasts
from deepglm.results.coefficients import Coefficients


class LinearRestrictions(Coefficients):
    """Members of a result that test linear restrictions on coefficients."""

    def _restrictions(self, spec: Any, what: str) -> tuple[Array, Array, Mask]:
        R, q = fm.constraint(spec, self._model.exog_names)
        if self._deep:
            self._check_own(R, what)
        return R, q, self._known(R)

    def _check_own(self, R: Array, what: str) -> None:
        """Raise for contrasts in a network that touch what means nothing alone."""
        touched = np.abs(R).sum(axis=0) > 0
        others = np.flatnonzero(touched & ~self._own)
        if others.size:
            raise NotAvailableError(
                f"{what}: {self._model.exog_names[others[0]]!r} is a coefficient of a hidden layer "
                "or of a term that enters one, and means nothing alone. input_tests() tests inputs "
                "by scores, and get_margeff() gives their effects with standard errors."
            )
        if self._uncertainty is None:
            raise NotAvailableError(f"{what}: {self._why_not}.")

    @property
    def _tested(self) -> LikelihoodModelResults:
        """The bare result that tests use: in a network, with the covariance of ``bse``."""
        if not self._deep:
            return self._plain
        size, own, method = self._model._units.size, self._own, self._uncertainty
        cov = np.zeros((size, size))
        if method is not None:
            cov[np.ix_(own, own)] = method.covariance(self._own_functional)
        return contrasts.plain_results(
            self._model.exog_names,
            self._estimate.params,
            self._normalized,
            self.scale,
            cov=cov,
            use_t=self.use_t,
            df_resid=self.df_resid,
            df_inference=None,
        )

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
        return contrasts.t_test(self._tested, R, q, known, cov, use_t)

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
        return contrasts.wald_test(self._tested, R, q, known, options)

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

        Notes
        -----
        In a network, the terms that do not enter hidden layers; ``input_tests()`` is for the
        others.
        """
        eye = np.eye(self._model._units.size)
        terms = [
            (name, eye[where])
            for name, where in self._term_places().items()
            if self._own[where].all()
        ]
        if self._deep and not terms:
            self._check_own(eye[~self._own][:1], "wald_test_terms")
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
