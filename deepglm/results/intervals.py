"""Predictions with standard errors, prediction intervals and sets of classes."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from deepglm.data import as_floats
from deepglm.errors import NotAvailableError, SpecificationError, probability, truth_value
from deepglm.families import MeanFamily
from deepglm.inference import estimable, prediction, sets
from deepglm.inference.curves import tangent_leverage
from deepglm.inference.fitted import Array, Mask
from deepglm.inference.prediction import Points
from deepglm.results import predictions
from deepglm.results.around import Around
from deepglm.results.distributions import Distributions
from deepglm.results.predictions import Asked
from deepglm.results.resampling import Resampling

POPULATION = "population"


class Intervals(Distributions, Resampling):
    """Members of a result that say how far predictions may be from what they predict."""

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
        *,
        var_weights: Any = None,
        n_trials: Any = None,
    ) -> Any:
        """Predict rows with standard errors, confidence and prediction intervals.

        Parameters
        ----------
        exog, exposure, offset, transform
            As in :meth:`predict`.
        which
            None gives statsmodels' ``PredictionResultsMean`` with the columns ``mean``,
            ``mean_se``, ``mean_ci_lower``, ``mean_ci_upper`` and beside them ``obs_ci_lower`` and
            ``obs_ci_upper``, as statsmodels' OLS calls prediction intervals. A name that
            :meth:`predict` takes gives its generic class without prediction intervals, with a line
            for every row and class where there are classes; for those it is the default.
        average
            Average the statistic over the rows.
        agg_weights
            Weights of that average, which are not normalised: an average of these rows.
            "population" averages the model's own rows by their frequencies, and its standard error
            is for the population that they come from.
        row_labels
            Labels in place of the index.
        var_weights, n_trials
            Of the responses that prediction intervals are for: by default those of the rows kept,
            and one for new rows.

        Returns
        -------
        Prediction or PredictionResultsBase
            With ``summary_frame(alpha)`` and ``conf_int(alpha=)``. ``method`` says where standard
            errors come from, "delta" or "bootstrap". Where there are none the means are given, the
            rest is NaN, and ``withheld`` says why.

        Notes
        -----
        Intervals of the mean are those of the linear predictor, taken through the inverse link and
        put in order; statsmodels leaves them in reverse for a decreasing inverse link. Intervals of
        probabilities of classes are taken on the scale of the logit.

        A prediction interval leaves at most ``alpha / 2`` on either side, under the distribution of
        a response whose linear predictor has a normal error: the mixture of the family's
        distributions at ``scale``, by a Gauss-Hermite rule. For the Gaussian with identity link it
        is the mean plus and minus a quantile of t with ``n - edf`` degrees of freedom times the
        root of ``scale / var_weights + se**2``. Counts, proportions (of ``n_trials``) and responses
        with mass at a limit have a probability of more than ``1 - alpha``, which the column
        ``obs_ci_prob`` states.

        References
        ----------
        Hwang and Ding (1997), Journal of the American Statistical Association 92, 748-757, for the
        Gaussian.

        Examples
        --------
        >>> import deepglm as dg
        >>> trees = dg.datasets.load("trees")
        >>> fit = dg.DeepGLM("Volume ~ Girth", trees, hidden=()).fit()
        >>> frame = fit.get_prediction({"Girth": [10.0, 15.0]}).summary_frame(alpha=0.1)
        >>> frame[["mean", "mean_ci_lower", "obs_ci_lower"]].round(1).to_numpy().tolist()
        [[13.7, 11.9, 6.2], [39.0, 37.6, 31.7]]
        """
        truth_value("average", average)
        row_labels = None if average else row_labels
        asked = self._asked(exog, exposure, offset, transform, which, row_labels)
        if which is not None:
            prediction.accepted(asked.family, which)
        if average:
            return self._average(asked, which, agg_weights, exog is None)
        if which is None and not self._has_classes:
            weights = (var_weights, n_trials)
            return predictions.mean_results(asked, *self._around(exog, asked.points.m, weights))
        return predictions.statistic_results(asked, prediction.accepted(asked.family, which))

    def prediction_sets(
        self, exog: Any = None, alpha: float = 0.05, *, exposure: Any = None, offset: Any = None
    ) -> pd.DataFrame:
        """Smallest sets of classes that hold the class of a row with a given probability.

        They are for one trial: where responses are counts of trials in classes, for the class of a
        single further one, whatever the trials of the row.

        Parameters
        ----------
        exog, exposure, offset
            As in :meth:`predict`.
        alpha
            Probability outside, between 0 and 1.

        Returns
        -------
        DataFrame
            ``set``, a tuple of labels in the order of the levels, and ``prob``, the probability
            that it has; ``1 - alpha`` or more. Of ordered classes they are neighbours. None and NaN
            for a row with a missing input, and where there are no standard errors;
            ``attrs["withheld"]`` says why, and ``attrs["n_trials"]`` is 1.

        Notes
        -----
        The probabilities are averaged over a normal law of linear predictors and cut-points around
        the estimates, with their joint covariance by the delta method or from the refits.

        Examples
        --------
        >>> import deepglm as dg
        >>> data = pd.DataFrame({"x": range(9), "y": list("aababcbcc")})
        >>> fit = dg.DeepGLM("y ~ x", data, family=dg.Multinomial(), hidden=()).fit()
        >>> fit.prediction_sets({"x": [-9, 4]}, alpha=0.3)["set"].tolist()
        [('a',), ('a', 'b')]
        """
        alpha = probability("alpha", alpha)
        family = self._numbers.fitted.family
        binary = not self._has_classes and family.reading == "proportion"
        if not (self._has_classes or binary):
            raise NotAvailableError(
                f"prediction_sets is for classes, and the {family.name} family has none. "
                "get_prediction() has prediction intervals."
            )
        asked = self._asked(exog, exposure, offset, True, None, None)
        names = family.statistic_labels("prob")
        if binary:
            names = tuple(self._model._data.levels) or (0, 1)
        p = _expected(asked)
        find = sets.contiguous_sets if family.cut_labels else sets.smallest_sets
        known = np.asarray(np.isfinite(p).all(axis=0))
        chosen = find(np.nan_to_num(p), 1.0 - alpha)
        found = np.full(len(known), None, dtype=object)
        for k in np.flatnonzero(known):
            found[k] = tuple(names[c] for c in np.flatnonzero(chosen[:, k]))
        share = np.where(known, np.where(chosen, p, 0.0).sum(axis=0), np.nan)
        frame = pd.DataFrame({"set": found, "prob": share}, index=asked.labels)
        frame.attrs.update(
            method=None if asked.uncertainty is None else asked.uncertainty.name,
            withheld=asked.why_not,
            n_trials=1,
        )
        return frame

    def _average(self, asked: Asked, which: str | None, weights: Any, own_rows: bool) -> Any:
        if isinstance(weights, str) and not (weights == POPULATION and own_rows):
            raise SpecificationError(
                f"agg_weights={weights!r}: accepted are numbers, one for each row, and "
                f"{POPULATION!r} for the model's own rows (without exog=)."
            )
        if weights is not None and not isinstance(weights, str):
            weights = as_floats(weights, "agg_weights")
            if weights.shape not in ((), (asked.points.m,)):
                raise SpecificationError(
                    f"agg_weights has the shape {weights.shape}; one number for each of the "
                    f"{asked.points.m} rows is needed."
                )
            if not np.isfinite(weights).all():
                raise SpecificationError(
                    "agg_weights has a value that is not finite; give finite numbers, and zero to "
                    "rows that are to be left out."
                )
        why_not = "" if self._uncertainty is not None else self._why_not
        asked = replace(asked, uncertainty=self._uncertainty, why_not=why_not)  # as an effect has
        share = self._numbers.fitted.rows.freq / self._numbers.fitted.wnobs
        which = prediction.accepted(asked.family, which)
        return predictions.average_results(asked, which, weights, share)

    def _asked(
        self, exog: Any, exposure: Any, offset: Any, transform: bool, which: str | None, labels: Any
    ) -> Asked:
        designs, added, index = self._new_rows(exog, transform, exposure, offset)
        fitted, model, uncertainty = self._numbers.fitted, self._model, self._uncertainty_of_curves
        needs_limits = which not in ("latent", "linear")
        limits = model._data.limits_on(exog, len(added)) if needs_limits else (None, None)
        points = Points(
            model.predictor,
            fitted.family,
            tuple(designs),
            added,
            limits,
            self._numbers.level_slopes,
        )
        return Asked(
            points,
            fitted.given,
            fitted.theta,
            self._determined(points),
            uncertainty,
            "" if uncertainty is not None else self._why_not,
            ("t" if self.use_t else "norm", self.df_resid_inference),
            index if labels is None else _one_label_each(labels, len(added)),
            lambda: self._beyond(points),
        )

    def _beyond(self, points: Points) -> Mask:
        """(m,) rows with more leverage than any row of the fit."""
        root = self._leverage_root
        if root is None:
            return np.zeros(points.m, dtype=bool)
        fitted = self._numbers.fitted
        parts = [tangent_leverage(fitted, root, block.designs) for _, block in points.blocks()]
        return np.asarray(np.concatenate(parts) > (1.0 + 1e-9) * self._largest_leverage)

    @cached_property
    def _leverage_root(self) -> Array | None:
        """A root of the covariance of the coefficients at dispersion 1."""
        N = None if self._numbers.withheld else self._numbers.normalized
        if N is None:
            return None
        e, Q = np.linalg.eigh(N)
        return np.asarray(Q * np.sqrt(np.maximum(e, 0.0)))

    @cached_property
    def _largest_leverage(self) -> float:
        fitted, root = self._numbers.fitted, self._leverage_root
        assert root is not None
        found = [
            tangent_leverage(fitted, root, block.designs).max(initial=0.0, where=block.freq > 0)
            for block in fitted.rows.blocks(2048)
        ]
        return float(max(found))

    def _determined(self, points: Points) -> Mask:
        """(m,) rows whose linear predictors the data determine, aliased columns and all."""
        estimate = self._estimate
        if not estimate.aliased.any():
            return np.ones(points.m, dtype=bool)
        parts = []
        for _, block in points.blocks():
            J = block.jacobian(estimate.theta)[: self._model.predictor.k_eta]
            A = self._numbers.aliasing
            known = [estimable(one.T, estimate.free, estimate.aliased, A) for one in J]
            parts.append(np.all(known, axis=0))
        return np.concatenate(parts)

    def _around(self, exog: Any, m: int, weights: tuple[Any, Any]) -> tuple[Around | None, str]:
        """What prediction intervals need, or why there are none."""
        fitted, known = self._numbers.fitted, self._estimate.scale_kind == "fixed"
        if not isinstance(fitted.given, MeanFamily):
            # a scale by maximum likelihood is too small by the coefficients that were estimated
            n, aux = fitted.wnobs, fitted.aux
            room = n - self._numbers.edf
            wider = aux + 0.5 * np.log(n / room) if room > 0 else np.full_like(aux, np.nan)
            return Around(self._own_laws(exog, m, wider), np.inf), ""
        try:
            responses = self._response_laws(exog, m, *weights)
        except NotAvailableError:
            return None, (
                f"the {fitted.family.name} family has a mean and a variance, and no distribution"
            )
        if responses.left_out:
            return None, (
                f"no {fitted.family.name} distribution has the dispersion {self.scale:.4g}"
            )
        return Around(responses, np.inf if known else float(self.df_resid)), ""

    @property
    def _has_classes(self) -> bool:
        return bool(self._numbers.fitted.family.statistic_labels("prob"))


def _one_label_each(labels: Any, m: int) -> Any:
    if isinstance(labels, str) or np.ndim(labels) == 0 or len(labels) != m:
        raise SpecificationError(
            f"row_labels={labels!r}: a label for each of the {m} rows is needed."
        )
    return labels


def _expected(asked: Asked) -> Array:
    """(J, m) probabilities of classes, averaged over what is not known of the parameters."""
    points, aux = asked.points, asked.theta[asked.points.predictor.size :]
    repeated = np.repeat(aux[:, None], points.m, axis=1)
    centre = np.concatenate((points.etas(asked.theta), repeated))
    C = np.full((points.m, len(centre), len(centre)), np.nan)
    if asked.uncertainty is not None:
        found = prediction.channel_covariances(asked.uncertainty, points)
        C = np.where(asked.known[:, None, None], found, np.nan)
    return sets.expected_probabilities(
        lambda channels: sets.probabilities_at(points.family, channels), centre, C
    )
