"""Fitted values, residuals, predictions and influence: members with a value per row."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from deepglm.data import as_floats
from deepglm.errors import DataError, NotAvailableError, SpecificationError, whole_number
from deepglm.families import Family, MeanFamily, with_limits
from deepglm.inference import prediction, residuals
from deepglm.inference.fitted import Array
from deepglm.inference.proportional import proportionality
from deepglm.results import equivalent, margins
from deepglm.results import predictions as classes
from deepglm.results.frozen import LATER_INTERVALS
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

    def get_prediction(
        self,
        exog: Any = None,
        exposure: Any = None,
        offset: Any = None,
        transform: bool = True,
        which: str | None = None,
        average: bool = False,
        agg_weights: Any = None,
        row_labels: Any = None,
    ) -> Any:
        """Predict rows with standard errors and confidence intervals of the mean.

        Parameters
        ----------
        exog, exposure, offset, transform
            As in :meth:`predict`.
        which
            None gives statsmodels' ``PredictionResultsMean`` with the columns ``mean``,
            ``mean_se``, ``mean_ci_lower``, ``mean_ci_upper``; "mean", "linear" or "var_unscaled"
            gives its generic class, with a
            line for every row and class where there are classes.
        average
            Average the statistic over the rows (with `which`).
        agg_weights
            Weights of that average; they are not normalised.
        row_labels
            Labels in place of the index.

        Notes
        -----
        Intervals of the mean are those of the linear predictor, taken through the inverse link and
        put in order; statsmodels leaves them in reverse for a decreasing inverse link.
        """
        if self._deep:
            raise NotAvailableError(
                f"get_prediction: {LATER_INTERVALS}. predict() gives the mean, and "
                "get_distribution() the distribution around it."
            )
        designs, added, index = self._new_rows(exog, transform, exposure, offset)
        family = self._family_on(exog, added[None], which)
        at = classes.at_rows(
            self, family, designs, added, index if row_labels is None else row_labels
        )
        if which is None and isinstance(family, MeanFamily):
            return classes.mean_results(at)
        return classes.statistic_results(
            at, prediction.accepted(family, which), average, agg_weights
        )

    def get_distribution(
        self,
        exog: Any = None,
        exposure: Any = None,
        offset: Any = None,
        var_weights: Any = None,
        n_trials: Any = None,
    ) -> Any:
        """Distribution of the response of rows, as a frozen scipy distribution.

        Parameters
        ----------
        exog, exposure, offset
            As in :meth:`predict`.
        var_weights, n_trials
            By default those of the rows kept, and one for new rows.

        Notes
        -----
        The uncertainty of the estimates is not part of it. Offset, exposure and weights count;
        statsmodels takes the exposure for another argument here, and ignores weights of the rows.
        """
        data = self._model._data
        kept = exog is None
        weights = var_weights
        if kept and var_weights is None:  # a row without trials has no weight, and one here
            some = data.trials > 0
            weights = np.divide(data.rows.weight, data.trials, out=np.ones(self.nobs), where=some)
        trials = data.trials if kept and n_trials is None else n_trials
        if not isinstance(self._numbers.fitted.given, MeanFamily):
            return self._own_distribution(exog, exposure, offset)
        mu = self.predict(exog, exposure=exposure, offset=offset).to_numpy()
        scale = 1.0 if self._numbers.fitted.given.scale is not None else self.scale
        if scale != self.scale:
            warnings.warn(
                f"the dispersion {self.scale:.4g} is left out: no "
                f"{self._numbers.fitted.family.name} distribution has a dispersion other than 1.",
                UserWarning,
                stacklevel=2,
            )
        make = getattr(self._numbers.fitted.given.statsmodels, "get_distribution", None)
        if make is None:
            raise NotAvailableError(
                f"get_distribution: the family {self._numbers.fitted.family.name} has no "
                "distribution object (a quasi family has a mean and a variance only). Use "
                "predict() with which='mean' and which='var_unscaled'."
            )
        options: dict[str, Any] = {"var_weights": 1.0 if weights is None else np.asarray(weights)}
        if trials is not None and np.any(np.asarray(trials) != 1):
            counts = np.asarray(trials)
            whole = counts.astype(np.intp)  # numpy draws for whole numbers only
            options["n_trials"] = whole if (whole == counts).all() else counts
        return make(mu, scale, **options)

    def _own_distribution(self, exog: Any, exposure: Any, offset: Any) -> Any:
        """That of a family of ours: of one trial of every row."""
        designs, added, _ = self._new_rows(exog, True, exposure, offset)
        eta = prediction.linear(self._model.predictor, self._estimate.theta, designs, added)
        family = self._family_on(exog, eta)
        return family.distribution(eta, self._numbers.fitted.aux, np.ones(eta.shape[1]))

    def predict_quantiles(
        self,
        q: Any = (0.05, 0.5, 0.95),
        exog: Any = None,
        *,
        exposure: Any = None,
        offset: Any = None,
    ) -> pd.DataFrame:
        """Quantiles of the response of rows under the fitted distribution.

        Parameters
        ----------
        q
            Probabilities between 0 and 1; one or several.
        exog, exposure, offset
            As in :meth:`predict`.

        Returns
        -------
        DataFrame
            A column for every probability. Of ordered classes the class at which the cumulated
            probability reaches it.

        Notes
        -----
        The uncertainty of the estimates is not part of it: an interval made from two of them holds
        responses of a known mean.
        """
        wanted = np.atleast_1d(as_floats(q, "q"))
        if wanted.ndim != 1 or not ((wanted > 0.0) & (wanted < 1.0)).all():
            raise SpecificationError(
                f"q={np.asarray(q).tolist()!r}: give probabilities between 0 and 1, such as "
                "(0.05, 0.95)."
            )
        family = self._numbers.fitted.family
        law = self.get_distribution(exog, exposure=exposure, offset=offset)
        if family.k_eta > 1 or not hasattr(law, "ppf"):
            raise NotAvailableError(
                f"predict_quantiles: the {family.name} family has no quantiles here. predict() "
                "gives means or probabilities, and simulate() draws responses."
            )
        index = self._new_rows(exog, True, exposure, offset)[2]
        return pd.DataFrame({float(one): law.ppf(one) for one in wanted}, index=index)

    def simulate(
        self,
        nsim: int = 1,
        *,
        seed: Any = None,
        exog: Any = None,
        exposure: Any = None,
        offset: Any = None,
    ) -> pd.DataFrame:
        """Draw responses of rows from the fitted distribution, as R's ``simulate``.

        Parameters
        ----------
        nsim
            Number of draws for every row.
        seed
            A seed or a ``numpy.random.Generator``.
        exog, exposure, offset
            As in :meth:`predict`.

        Returns
        -------
        DataFrame
            A row for every row and a column for every draw; for counts of classes on the rows kept
            a column for every draw and class. Counts of successes where rows have trials.

        Notes
        -----
        The estimates are taken as known: draws vary as responses do around the fitted mean.
        """
        whole_number("nsim", nsim, 1)
        law = self.get_distribution(exog, exposure=exposure, offset=offset)
        rng, data = np.random.default_rng(seed), self._model._data
        index = self._new_rows(exog, True, exposure, offset)[2]
        levels = self._numbers.fitted.family.statistic_labels("prob")
        counts = exog is None and data.endog.ndim == 2 and len(levels) > 0
        if counts:
            p = self._numbers.fitted.given.statistic("prob", self._numbers.fitted.etas, np.empty(0))
            draws = [rng.multinomial(data.trials.astype(int), p.T) for _ in range(nsim)]
            columns = pd.MultiIndex.from_product([range(1, nsim + 1), levels])
            return pd.DataFrame(np.concatenate(draws, axis=1), index=index, columns=columns)
        try:
            drawn = {k: law.rvs(size=len(index), random_state=rng) for k in range(1, nsim + 1)}
        except ValueError as error:
            raise self._cannot_draw(exog, exposure, offset) from error
        return pd.DataFrame(drawn, index=index)

    def _cannot_draw(self, exog: Any, exposure: Any, offset: Any) -> DataError:
        """What to say where numpy cannot draw from one of the distributions."""
        mu = np.asarray(self.predict(exog, exposure=exposure, offset=offset), dtype=float)
        k = int(np.argmax(np.where(np.isnan(mu), np.inf, mu)))
        if np.isnan(mu[k]):
            return DataError(
                f"simulate: row number {k} has a missing input, so that there is no distribution "
                "to draw from. Leave such rows out, as in exog.dropna()."
            )
        return DataError(
            f"simulate: row number {k} has the mean {mu[k]:.4g}, which is too large to draw from. "
            "Leave such rows out with exog=, or look at their inputs."
        )

    # -- effects, leverage, influence -------------------------------------------------------

    def get_margeff(
        self,
        at: str = "overall",
        method: str = "dydx",
        atexog: Any = None,
        dummy: bool = False,
        count: bool = False,
    ) -> Any:
        """Marginal effects of the columns of a model without hidden layers.

        They are effects on the mean; of a response of classes on the probability of each, and add
        up to zero over the classes; of a censored one on the expected outcome.

        Parameters
        ----------
        at
            "overall" (average over the rows), "mean", "median", "zero" or "all".
        method
            "dydx", "eyex", "dyex" or "eydx".
        atexog
            Values to put in place of columns first: ``{column number: value}`` or a matrix.
        dummy, count
            Take columns of 0 and 1, or of counts, as differences in place of derivatives.

        Returns
        -------
        DiscreteMargins
            statsmodels' class.

        Notes
        -----
        Offset and exposure are part of every row's mean, and averages count frequency weights;
        statsmodels ignores them or refuses. As there, a column moves alone: ``x`` without ``x**2``.
        """
        self._refuse_deep(
            "get_margeff", "predict() at changed inputs gives the effects themselves."
        )
        return margins.Margins(self, (at, method, atexog, dummy, count))

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
        self._refuse_deep("proportionality_test")
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

    def get_influence(self, observed: bool = True) -> Any:
        """Influence of rows, statsmodels' ``GLMInfluence``, for a model without hidden layers."""
        if self._deep:
            raise NotAvailableError(
                "get_influence: one-step deletion is not reliable for hidden units, whose optimum "
                "may move to another mode. get_hat_matrix_diag() gives the leverages; refit "
                "without a row to see its influence."
            )
        self._check_equivalent("get_influence")
        return equivalent.influence(self, observed)

    def score_test(self, exog_extra: Any = None, **options: Any) -> Any:
        """Score test of added columns or of constraints, for a model without hidden layers.

        Parameters
        ----------
        exog_extra
            Columns that are not in the model.
        options
            As in statsmodels: ``params_constrained``, ``hypothesis``, ``cov_type``, ``cov_kwds``,
            ``k_constraints``, ``observed``.
        """
        if self._deep:
            raise NotAvailableError(
                "score_test: score tests of a model with hidden layers come with the tests of "
                "inputs in a later version."
            )
        return self._equivalent("score_test").score_test(exog_extra=exog_extra, **options)

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
                "Plots of effects of a deep model come in a later version."
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
