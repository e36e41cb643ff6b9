"""Tests of inputs by scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.contrast import ContrastResults

from deepglm.data import as_floats
from deepglm.errors import SpecificationError, whole_number
from deepglm.inference.fitted import Array
from deepglm.inference.lagrange import NOTHING, ScoreTest, projected
from deepglm.inference.nonlinearity import scaled, shapes
from deepglm.results import contrasts
from deepglm.results.deletion import Deletion
from deepglm.results.gated import Gated
from deepglm.results.misfit import Misfit
from deepglm.results.profiles import Profiles
from deepglm.results.restrictions import DETERMINED, Restriction, Variance


class Hypotheses(Misfit, Deletion, Profiles, Gated):
    """Members of a result that test hypotheses by scores and by refits."""

    def input_tests(
        self,
        names: Sequence[str] | str | None = None,
        *,
        cov_type: str | None = None,
        cov_kwds: Any = None,
        adjust: str | None = None,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Test whether inputs are needed: two score tests for each, from the fit without it.

        Parameters
        ----------
        names
            Inputs (variables of the data); all of them by default.
        cov_type, cov_kwds
            A robust variance of the scores: "HC0" (HC1 to HC3 are the same here) or "cluster" with
            ``groups``; by default as in this result.
        adjust
            Adjusts the p-values of each kind for their number: "holm", "bonferroni", "fdr_bh" and
            others of statsmodels' ``multipletests``.
        seed
            Seeds the fresh starts of the restricted fits.

        Returns
        -------
        DataFrame
            A row for every input. ``statistic``, ``df``, ``pvalue`` of the first-order test and the
            same with ``_any`` of the test of any form; ``reason`` says why where they are missing.

        Notes
        -----
        Every input needs a fit of the same architecture without it, under the same precisions,
        from the optima of this fit and four fresh starts.

        *First order*: the derivatives of the linear predictor by every coefficient of the input
        that the restricted fit holds at zero, in the final layer and in every first hidden layer.
        It is blind to a U shape. *Any form*: these, and ``x``, ``x**2``, ``x**3`` and the products
        of ``x`` with the columns of the other inputs, standardised; cubes and then products are
        left out where there would be more than one direction for every 20 observations that
        the fit leaves. A factor moves with all its columns. Under an estimated dispersion the
        statistics are F, otherwise chi-square.

        The size of both was .03 to .06 in samples of 300 with two units that were needed. A large
        p-value says that this sample does not show an effect, not that there is none.

        References
        ----------
        Rao (1948); Neyman (1959); for hidden units White (1989).

        Examples
        --------
        >>> import deepglm as dg
        >>> trees = dg.datasets.load("trees")
        >>> fit = dg.DeepGLM("Volume ~ Girth + Height", trees, hidden=()).fit()
        >>> fit.input_tests().pvalue.round(4).to_dict()
        {'Girth': 0.0, 'Height': 0.0145}
        """
        self._refuse_uncertified("input_tests")
        whole_number("seed", seed, 0)
        wanted = self._named_inputs(names)
        variance = Variance(self, cov_type, cov_kwds)
        rows = [self._input_row(name, variance, seed) for name in wanted]
        columns = ["statistic", "df", "pvalue", "statistic_any", "df_any", "pvalue_any", "reason"]
        frame = pd.DataFrame(rows, index=pd.Index(wanted, name="input"), columns=columns)
        for column in ("pvalue", "pvalue_any"):
            frame[column] = contrasts.adjusted(frame[column], adjust)
        frame.attrs["test"] = "F" if variance.use_f else "chi2"
        frame.attrs["cov_type"] = variance.name
        return frame

    def _input_row(self, name: str, variance: Variance, seed: int) -> list[Any]:
        first, any_form, reason = self._input_scores(name, variance, seed)
        parts = [part for test in (first, any_form) for part in (test[0], test[1], test[3])]
        return [*parts, reason]

    def _input_scores(
        self, name: str, variance: Variance, seed: int
    ) -> tuple[ScoreTest, ScoreTest, str]:
        """First-order test, test of any form, and why they are missing."""
        restriction = Restriction.of_input(self, name)
        fit = restriction.fit(seed)
        if not fit.solution.certificate.certified:
            why = f"the fit without {name!r} is not certified ({fit.solution.certificate})"
            return NOTHING, NOTHING, why
        own, others = self._columns_of(name)
        full = self._numbers.fitted
        mine = scaled(full, own)
        left = fit.fitted.wnobs - fit.fitted.free.sum()
        count = int(fit.smaller.tested.sum())
        powers = shapes(mine, scaled(full, others), int(left / 20.0) - count)
        found = projected(fit.fitted, fit.smaller.tested, powers, self._known_scale)
        first = np.arange(count)
        if restriction.lost_a_term or not count:
            first = np.concatenate((first, found.numbers(0, len(mine.mean))))
        tests = variance.test(found, first), variance.test(found, None)
        if not tests[0].df:  # powers of it are as little its own as those of the other columns
            return NOTHING, NOTHING, DETERMINED
        reason = ""
        if not np.isfinite([test.pvalue for test in tests]).all():
            reason = "there are too few observations or clusters for these directions"
        return *tests, reason

    def score_test(self, exog_extra: Any = None, **options: Any) -> Any:
        """Score test of columns that are not in the model, or of an input.

        Parameters
        ----------
        exog_extra
            (n, k) columns, or one of (n,), on the rows kept, tested together. A text is the name of
            an input, and gives the first-order test of :meth:`input_tests`.
        options
            Without hidden layers, statsmodels': ``params_constrained``, ``hypothesis``,
            ``cov_type``, ``cov_kwds``, ``k_constraints``, ``observed``; with them ``cov_type``
            and ``cov_kwds``.

        Returns
        -------
        ContrastResults
        """
        if isinstance(exog_extra, str):
            return self._score_of_input(exog_extra, **options)
        if exog_extra is not None:
            exog_extra = self._extra_columns(exog_extra)
        elif self._deep:
            raise SpecificationError(
                "score_test: give columns, or the name of an input; constraints on coefficients of "
                "hidden units are not offered."
            )
        elif options.get("k_constraints") is None:
            raise SpecificationError(
                "score_test: there is nothing to test. Give columns, the name of an input, or "
                "params_constrained= with k_constraints=, the number of constraints."
            )
        if not self._deep:
            return self._equivalent("score_test").score_test(exog_extra=exog_extra, **options)
        return self._score_of_columns(exog_extra, **options)

    def _score_of_input(
        self, name: str, cov_type: str | None = None, cov_kwds: Any = None
    ) -> ContrastResults:
        self._refuse_uncertified("score_test")
        name = self._named_input(name)
        return contrasts.as_contrast(
            self._input_scores(name, Variance(self, cov_type, cov_kwds), 0)[0]
        )

    def _score_of_columns(
        self, exog_extra: Any, cov_type: str | None = None, cov_kwds: Any = None
    ) -> ContrastResults:
        self._refuse_uncertified("score_test")
        Z = self._extra_columns(exog_extra)
        found = projected(self._numbers.fitted, None, lambda rows: Z[rows].T, self._known_scale)
        return contrasts.as_contrast(Variance(self, cov_type, cov_kwds).test(found, None))

    def _extra_columns(self, exog_extra: Any) -> Array:
        """(n, k) further columns, checked."""
        Z = as_floats(exog_extra, "exog_extra")
        Z = Z[:, None] if Z.ndim == 1 else Z
        n = self._numbers.fitted.rows.n
        if Z.ndim != 2 or len(Z) != n or not Z.shape[1] or not np.isfinite(Z).all():
            raise SpecificationError(
                f"exog_extra has shape {Z.shape}; one column or more, with a finite value for each "
                f"of the {n} rows kept, are needed."
            )
        return Z
