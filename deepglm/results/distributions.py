"""How responses are distributed at the estimates: distributions, quantiles, draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepglm.data import as_floats
from deepglm.errors import (
    DataError,
    NotAvailableError,
    SpecificationError,
    warn_user,
    whole_number,
)
from deepglm.families import Family, MeanFamily, with_limits
from deepglm.inference import prediction
from deepglm.inference.fitted import Array, Codes
from deepglm.results.rowwise import RowWise

__all__ = ["Distributions", "Responses", "Where"]

Where = slice | Codes
"""Which rows: a slice, or their numbers."""


@dataclass(frozen=True)
class Responses:
    """How the responses of rows are distributed, given their linear predictors.

    Parameters
    ----------
    family
        Y given eta.
    make
        From (k_eta, k) linear predictors of some of the rows, and which these are, to their
        distribution.
    left_out
        What the distribution lacks; empty where it is whole.
    units
        (m,) what a response is divided by to be on the scale of the mean: the trials.
    """

    family: Family
    make: Callable[[Array, Where], Any]
    left_out: str
    units: Array


class Distributions(RowWise):
    """Members of a result that are about responses around the fitted means."""

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
            By default those of the rows kept, and one for new rows. Of a proportion whole weights
            are numbers of trials.

        Notes
        -----
        The uncertainty of the estimates is not part of it; it is part of the prediction intervals
        of :meth:`get_prediction`. Offset, exposure and weights count; statsmodels takes the
        exposure for another argument here, and ignores weights of the rows.
        """
        designs, added, _ = self._new_rows(exog, True, exposure, offset)
        eta = prediction.linear(self._model.predictor, self._estimate.theta, designs, added)
        law = self._response_laws(exog, eta.shape[1], var_weights, n_trials)
        if law.left_out:
            warn_user(law.left_out, UserWarning)
        return law.make(eta, slice(None))

    def _response_laws(self, exog: Any, m: int, var_weights: Any, n_trials: Any) -> Responses:
        """How the responses of m rows are distributed, at the estimates of what is not in eta."""
        fitted = self._numbers.fitted
        if not isinstance(fitted.given, MeanFamily):
            return self._own_laws(exog, m, fitted.aux)
        family = fitted.given
        scale = 1.0 if family.scale is not None else self.scale
        left_out = ""
        if family.scale is not None and self.scale != 1.0:
            left_out = (
                f"the dispersion {self.scale:.4g} is left out: no {fitted.family.name} "
                "distribution has a dispersion other than 1."
            )
        make = getattr(family.statsmodels, "get_distribution", None)
        if make is None:
            raise NotAvailableError(
                f"get_distribution: the family {fitted.family.name} has no "
                "distribution object (a quasi family has a mean and a variance only). Use "
                "predict() with which='mean' and which='var_unscaled'."
            )
        weights, trials = self._weights_of(exog is None, m, var_weights, n_trials)
        if n_trials is not None and (trials != 1).any() and family.reading != "proportion":
            raise SpecificationError(
                f"n_trials= is for proportions, and the response is {fitted.family.name}. Leave it "
                "out."
            )
        whole = trials.astype(np.intp)  # numpy draws for whole numbers only
        counts = whole if (whole == trials).all() else trials
        several = bool((trials != 1).any())

        def law(eta: Array, where: Where) -> Any:
            options: dict[str, Any] = {"var_weights": weights[where]}
            if several:
                options["n_trials"] = counts[where]
            return make(family.mean(eta), scale, **options)

        return Responses(family, law, left_out, trials if several else np.ones(m))

    def _own_laws(self, exog: Any, m: int, aux: Array) -> Responses:
        """The same of a family of ours that is not one of means: of one trial of every row."""
        family = self._numbers.fitted.given
        limits = self._model._data.limits_on(exog, m)

        def law(eta: Array, where: Where) -> Any:
            some = with_limits(family, *(None if one is None else one[where] for one in limits))
            return some.distribution(eta, aux, np.ones(eta.shape[1]))

        return Responses(family, law, "", np.ones(m))

    def _weights_of(self, kept: bool, m: int, weights: Any, trials: Any) -> tuple[Array, Array]:
        """(m,) variance weights and trials: as given, those of the rows kept, or one."""
        data = self._model._data
        if kept and weights is None:  # a row without trials has no weight, and one here
            some = data.trials > 0
            weights = np.divide(data.rows.weight, data.trials, out=np.ones(m), where=some)
        given = trials is not None
        if kept and not given:
            trials = data.trials
        weight, count = _per_row("var_weights", weights, m), _per_row("n_trials", trials, m)
        total = weight * count
        binomial = self._numbers.fitted.given.reading == "proportion" and not given
        if binomial and (total == np.rint(total)).all() and (total >= 1).all():
            return np.ones(m), total  # the weight of a proportion is its number of trials
        return weight, count

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
        responses of a known mean. The prediction intervals of :meth:`get_prediction` have both.
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


def _per_row(name: str, values: Any, m: int) -> Array:
    """(m,) numbers above zero from one or from m of them; None is one."""
    given = as_floats(1.0 if values is None else values, name)
    if given.shape not in ((), (m,)) or not (given[~np.isnan(given)] >= 0.0).all():
        raise SpecificationError(
            f"{name}= has the shape {given.shape}; one number, or one for each of the {m} rows, is "
            "needed, none negative."
        )
    return np.asarray(np.broadcast_to(given, (m,)))
