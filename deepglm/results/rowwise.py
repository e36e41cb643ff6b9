"""Fitted values, residuals, predictions and influence: members with a value per row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from deepglm.errors import NotAvailableError, SpecificationError
from deepglm.families import Family, MeanFamily, with_limits
from deepglm.inference import prediction, residuals
from deepglm.inference.fitted import Array
from deepglm.inference.proportional import proportionality
from deepglm.results import equivalent
from deepglm.results.goodness import Goodness


class RowWise(Goodness):
    """Members of a result that are about rows, old ones and new ones."""

    # -- the rows of the model --------------------------------------------------------------

    @property
    def mu(self) -> Any:
        """Means of the rows kept, or the probabilities of the classes."""
        return self._statistic_of_rows(self._numbers.fitted.etas, self._numbers.fitted.aux)

    @property
    def fittedvalues(self) -> Any:
        """Means of the rows kept; proportions for binomial counts, probabilities for classes."""
        return self.mu

    @property
    def linpred(self) -> Any:
        """Linear predictors of the rows kept, offset included."""
        fitted = self._numbers.fitted
        return self._statistic_of_rows(fitted.etas, fitted.aux, "linear")

    @property
    def resid_response(self) -> Any:
        """Response minus mean; for counts of successes or classes minus their expected number."""
        fitted, trials = self._numbers.fitted, self._model.n_trials
        return self._by_class(residuals.response(fitted, trials))

    @property
    def resid_pearson(self) -> Any:
        """Response minus mean over its standard deviation at dispersion 1, weights included."""
        return self._by_class(residuals.pearson(self._numbers.fitted))

    def _by_class(self, values: Array) -> Any:
        """A Series of (n,) values, or a frame of (classes, n)."""
        if values.ndim == 1:
            return self._row_wise(values)
        levels = self._numbers.fitted.family.statistic_labels("prob")
        return pd.DataFrame(values.T, index=self._model._data.index, columns=list(levels))

    @property
    def resid_working(self) -> pd.Series:
        """``(y - mu) / mu'(eta)``.

        For binomial counts y and mu are proportions, as in R; statsmodels multiplies by the square
        of the trials.
        """
        return self._row_wise(residuals.working(self._numbers.fitted))

    @property
    def resid_deviance(self) -> pd.Series:
        """Signed root of each row's share of the deviance."""
        return self._row_wise(residuals.deviance(self._numbers.fitted))

    @property
    def resid_anscombe(self) -> pd.Series:
        """Anscombe's residuals, scaled."""
        return self.resid_anscombe_scaled

    @property
    def resid_anscombe_scaled(self) -> pd.Series:
        """Anscombe's residuals, over the root of the dispersion."""
        return self._anscombe(self.scale)

    @property
    def resid_anscombe_unscaled(self) -> pd.Series:
        """Anscombe's residuals at dispersion 1."""
        return self._anscombe(1.0)

    def _anscombe(self, scale: float) -> pd.Series:
        trials = self._model.n_trials
        return self._row_wise(residuals.anscombe(self._numbers.fitted, trials, scale))

    # -- new rows ---------------------------------------------------------------------------

    def _new_rows(
        self, exog: Any, transform: bool, exposure: Any, offset: Any
    ) -> tuple[list[Array], Array, Any]:
        """Standardised designs and offset of rows, and their labels."""
        data = self._model._data
        if exog is None:
            rows = data.rows
            given = exposure is not None or offset is not None
            added = data.offset_on(None, rows.n, offset, exposure) if given else rows.offset
            return list(rows.designs), added, data.index
        if isinstance(exog, pd.Series):
            exog = (
                exog.to_frame()
                if exog.name in self._inputs()
                else exog.to_frame().T.infer_objects()
            )
        labels = getattr(exog, "index", None)
        designs = data.designs(exog) if transform else self._columns_given(exog)
        m = designs[0].shape[1]
        added = data.offset_on(exog, m, offset, exposure)
        index = labels if isinstance(labels, pd.Index) else pd.RangeIndex(m)
        return designs, added, index

    def _inputs(self) -> set[str]:
        return {
            name
            for source in self._model._data.sources
            for name in (getattr(source, "inputs", None) or source.names)
        }

    def _columns_given(self, exog: Any) -> list[Array]:
        """Designs from columns that have been built already (``transform=False``)."""
        if self._deep:
            raise NotAvailableError(
                "transform=False: a model with hidden layers has a design per deep() term, so one "
                "matrix of columns does not say which is which. Pass the variables of the formula."
            )
        X = np.atleast_2d(np.asarray(exog, dtype=float))
        standard = self._model._data.standards[0]
        if X.shape[1] != len(standard.centre):
            raise SpecificationError(
                f"exog has {X.shape[1]} columns; with transform=False the {len(standard.centre)} "
                f"columns of the design are needed: {', '.join(self._model.exog_names)}."
            )
        return [standard.apply(X.T.copy())]

    def predict(
        self,
        exog: Any = None,
        transform: bool = True,
        exposure: Any = None,
        offset: Any = None,
        which: str | None = None,
    ) -> Any:
        """Predict rows.

        Parameters
        ----------
        exog
            New rows: the variables of the formula, or the columns of ``from_arrays``; by default
            the rows kept. A row with a missing input gives NaN in its place.
        transform
            False takes `exog` as the columns of the design (models without hidden layers).
        exposure, offset
            A column name, an array or a number; by default the columns named at construction.
        which
            What the family predicts of a row: "mean", "linear" (offset included; of ordered classes
            without the intercept, which is a cut-point), "var_unscaled"; "prob" and "cumprob" of
            classes; "latent" and "prob_uncensored" of a censored response.
            By default the mean, or the probabilities of classes.

        Returns
        -------
        Series or DataFrame
            With the index of the new data, or of the rows kept; a column for every class.
        """
        designs, added, index = self._new_rows(exog, transform, exposure, offset)
        eta = prediction.linear(self._model.predictor, self._estimate.theta, designs, added)
        family, aux = self._family_on(exog, eta, which), self._numbers.fitted.aux
        return self._statistic(family, eta, aux, which, index)

    def _family_on(self, exog: Any, eta: Array, which: str | None = None) -> Family:
        """The family, with the limits of the rows where it has such and `which` depends on them."""
        family = self._numbers.fitted.given
        if which in ("latent", "linear"):
            return family
        return with_limits(family, *self._model._data.limits_on(exog, eta.shape[1]))

    # -- effects, leverage, influence -------------------------------------------------------

    def get_hat_matrix_diag(self, observed: bool | None = None) -> pd.Series:
        """Leverages: the diagonal of the hat matrix, of the tangent plane for hidden layers.

        Parameters
        ----------
        observed
            Whether to use the observed information in place of the expected one. By default as
            statsmodels without hidden layers (observed), and expected with them.

        Notes
        -----
        With expected information the leverages add up to ``edf``. R uses that for every link;
        statsmodels' default differs from R for links that are not canonical.
        """
        use = (not self._deep) if observed is None else bool(observed)
        return self._row_wise(self._numbers.leverage(use))

    def proportionality_test(self) -> pd.DataFrame:
        """Score tests that slopes are the same at all cut-points, for an ordinal response.

        Under the null hypothesis of proportional odds (or what the link makes of it) a term moves
        all cut-points alike. The alternative gives it a slope of its own at every cut-point; the
        last line tests all terms at once.

        Returns
        -------
        DataFrame
            ``statistic``, ``df`` and ``pvalue`` (chi-square) by term.

        References
        ----------
        Peterson and Harrell (1990), Applied Statistics 39, 205-217.
        """
        family = self._numbers.fitted.family
        if len(family.cut_labels) < 2:
            raise NotAvailableError(
                "proportionality_test is about the cut-points of an Ordinal() response with three "
                f"levels or more; this response is {family.name}"
                f"{' with two levels' if family.cut_labels else ''}."
            )
        if self._deep:
            raise NotAvailableError(
                "proportionality_test is for a model without hidden layers: units that bend with "
                "an input are no slopes. Fit with hidden=()."
            )
        self._check_unpenalised("proportionality_test")
        places = {
            name: [inside for inside in where if self._estimate.free[inside]]
            for name, where in self._slopes_of_terms().items()
        }
        places = {name: where for name, where in places.items() if where}
        columns = sorted(j for where in places.values() for j in where)
        groups = [[columns.index(j) for j in where] for where in places.values()]
        groups.append(list(range(len(columns))))
        found = proportionality(self._numbers.fitted, np.array(columns), groups)
        names = [*places, "all terms"]
        return pd.DataFrame(found, index=names, columns=["statistic", "df", "pvalue"])

    def plot_added_variable(
        self,
        focus_exog: Any,
        resid_type: str | None = None,
        use_glm_weights: bool = True,
        fit_kwargs: Any = None,
        ax: Any = None,
    ) -> Any:
        """Added variable plot of a column, drawn by statsmodels."""
        result = self._for_plot("plot_added_variable")
        options = {"resid_type": resid_type, "use_glm_weights": use_glm_weights}
        return result.plot_added_variable(focus_exog, fit_kwargs=fit_kwargs, ax=ax, **options)

    def plot_partial_residuals(self, focus_exog: Any, ax: Any = None) -> Any:
        """Partial residual plot of a column, drawn by statsmodels."""
        return self._for_plot("plot_partial_residuals").plot_partial_residuals(focus_exog, ax=ax)

    def plot_ceres_residuals(
        self, focus_exog: Any, frac: float = 0.66, cond_means: Any = None, ax: Any = None
    ) -> Any:
        """CERES residual plot of a column, drawn by statsmodels."""
        result = self._for_plot("plot_ceres_residuals")
        return result.plot_ceres_residuals(focus_exog, frac=frac, cond_means=cond_means, ax=ax)

    def _for_plot(self, what: str) -> Any:
        if self._deep:
            raise NotAvailableError(
                f"{what}: the plot holds the other columns linear, which hidden layers are not. "
                "Use plot_effect()."
            )
        equivalent.require_matplotlib(what)
        return self._equivalent(what)

    def _equivalent(self, what: str) -> Any:
        self._check_equivalent(what)
        return equivalent.glm_results(self)

    def _check_equivalent(self, what: str) -> None:
        if not isinstance(self._numbers.fitted.given, MeanFamily):
            raise NotAvailableError(
                f"{what}: statsmodels' formulas are for families with a mean that is an inverse "
                f"link, which {self._numbers.fitted.family.name} is not."
            )
        self._check_unpenalised(what)
        rows = self._model._data.rows
        if not (rows.freq * rows.weight > 0).all():
            raise NotAvailableError(
                f"{what}: some rows have a weight of zero or no trials, and statsmodels' formulas "
                "divide by the weight. Leave them out, as in subset=data[weight] > 0; the "
                "estimates stay the same."
            )

    def _check_unpenalised(self, what: str) -> None:
        if self._numbers.withheld:
            raise NotAvailableError(f"{what}: {self._numbers.withheld}.")
        if self._estimate.precision.any():
            raise NotAvailableError(
                f"{what}: this fit is penalised, and statsmodels' formulas are for maximum "
                "likelihood. Fit with penalty=None."
            )
