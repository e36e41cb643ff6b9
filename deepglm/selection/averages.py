"""Averages of fits: of one network over seeds, of several networks, or of these and a GLM."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm.data import as_floats
from deepglm.errors import NotAvailableError, SpecificationError
from deepglm.families import MeanFamily
from deepglm.inference import criteria, residuals
from deepglm.inference.mixture import Mixture, log_mixture, mixture_mean
from deepglm.results import DeepGLMResults
from deepglm.selection import tables
from deepglm.selection.agreement import check_agreement

__all__ = ["Average", "average"]

Array = npt.NDArray[np.float64]

_SPREAD = ("mean", "sd_between_fits", "min", "max")

_NO_ERRORS = (
    "an average of fits has no standard errors in this version. All fits saw the same sample, so "
    "that their differences do not show its error. spread() shows how far the fits differ, "
    "get_distribution() how responses vary, and members holds each fit with what it has of this"
)
_NO_COEFFICIENTS = (
    "the coefficients of different fits do not belong together, so that their mean has no meaning. "
    "members holds each fit with its own"
)
_NO_COUNT = (
    "an average of fits has no number of coefficients to count. Compare llf, or the deviance on "
    "rows that no fit has seen"
)


class _Withheld:
    """A member of a result that an average does not have; to read it says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type | None = None) -> _Withheld:
        if instance is None:
            return self
        raise NotAvailableError(f"{self.name}: {self.reason}.")


def average(*results: Any, weights: Any = None) -> Average:
    """Average fits of one response: their means, and the mixture of their distributions.

    Nothing is fitted again.

    Parameters
    ----------
    results
        Two or more :class:`deepglm.DeepGLMResults`, one by one, in a list, or in a dictionary by
        the name that tables give them. Response, family, link, rows, weights, offset and exposure
        must be the same; seed, terms, hidden layers and penalty may differ, and a GLM may be among
        them.
    weights
        One for each fit, none negative; they are divided by their sum. Equal by default.

    Returns
    -------
    Average

    Raises
    ------
    SpecificationError
        If the fits differ in what they must agree in (the message says in what), or for weights
        that are not such.

    Notes
    -----
    Fits from different seeds may end in different maxima of the likelihood, each with errors of
    its own. For a convex deviance (Gaussian, Poisson and binomial responses) the deviance of the
    average is at most the mean of theirs, on any rows, and the log-likelihood of the mixture is
    at least the mean of theirs for every family. Where the seeds find one maximum there is nothing
    to gain; ``spread()`` shows it.

    References
    ----------
    Hansen, L. K. and Salamon, P. (1990). Neural network ensembles. IEEE Transactions on Pattern
    Analysis and Machine Intelligence 12, 993-1001.

    Examples
    --------
    >>> import deepglm as dg
    >>> ships = dg.datasets.load("ships").query("service > 0")
    >>> model = dg.DeepGLM("incidents ~ type + year + period", ships, family=dg.Poisson(),
    ...                    exposure="service", hidden=(6,))
    >>> fits = {f"seed {s}": model.fit(seed=s, starts=1) for s in (1, 2, 3)}
    >>> avg = average(fits)
    >>> avg
    <Average of 3 fits of 'incidents', 34 rows, 3 certified>
    >>> avg.llf > sum(fit.llf for fit in fits.values()) / 3
    True
    >>> round(float(avg.fittedvalues.sum()), 6), int(ships.incidents.sum())
    (356.0, 356)
    """
    members = _named(results)
    check_agreement(members)
    return Average(tuple(members), tuple(members.values()), _normalised(weights, len(members)))


@dataclass(frozen=True, eq=False, repr=False)
class Average:
    """Average of fits: the mean of their means, and the mixture of their distributions.

    Made by :func:`deepglm.average`. It is never changed.

    Parameters
    ----------
    names
        What tables call the fits.
    results
        The fits.
    weights
        Weight of each; they add up to 1.
    """

    names: tuple[Any, ...]
    results: tuple[DeepGLMResults, ...]
    weights: tuple[float, ...]

    @property
    def members(self) -> dict[Any, DeepGLMResults]:
        """The fits by name; none was changed."""
        return dict(zip(self.names, self.results, strict=True))

    @property
    def family(self) -> Any:
        """The family of the response."""
        return self.results[0].family

    @property
    def nobs(self) -> int:
        """Rows that every fit used."""
        return self.results[0].nobs

    @property
    def converged(self) -> bool:
        """Whether every fit is certified."""
        return all(result.converged for result in self.results)

    # -- means ------------------------------------------------------------------------------

    def predict(
        self,
        exog: Any = None,
        *,
        exposure: Any = None,
        offset: Any = None,
        which: str | None = None,
    ) -> Any:
        """Predict rows by the mean of the fits' means, or of their probabilities.

        Parameters
        ----------
        exog
            New rows: the variables of the formulas, or the columns of ``from_arrays``; by default
            the rows kept. A row with a missing input gives NaN in its place.
        exposure, offset
            A column name, an array or a number; by default the columns named at construction.
        which
            None, or "mean" (of classes "prob"); "linear" for the linear predictor of a mean: the
            link of it, which is not the mean of the fits' linear predictors.

        Returns
        -------
        Series or DataFrame
            With the index of the new data, or of the rows kept; a column for every class.
        """
        fitted = self.results[0]._numbers.fitted
        first = fitted.given.statistics[0]
        known = (first, "linear") if isinstance(fitted.given, MeanFamily) else (first,)
        if which is not None and which not in known:
            accepted = ", ".join(repr(name) for name in known)
            raise SpecificationError(
                f"which={which!r} is not known for an average; accepted are {accepted}. "
                "get_distribution().var() is the variance of a response."
            )
        each = [r.predict(exog, exposure=exposure, offset=offset) for r in self.results]
        mean = mixture_mean([one.to_numpy() for one in each], self.weights)
        if which == "linear":
            mean = fitted.mean_family.link.link(mean)
        if mean.ndim == 2:
            return pd.DataFrame(mean, index=each[0].index, columns=each[0].columns)
        return pd.Series(mean, index=each[0].index)

    def spread(
        self, exog: Any = None, *, exposure: Any = None, offset: Any = None, members: bool = False
    ) -> pd.DataFrame:
        """How far the fits' means differ, row by row: spread between fits, not a standard error.

        Parameters
        ----------
        exog, exposure, offset
            As in :meth:`predict`.
        members
            Whether the mean of every fit is a column as well.

        Returns
        -------
        DataFrame
            ``mean``, ``sd_between_fits``, ``min`` and ``max`` of the fits' means, with the index
            of the new data, or of the rows kept; a line for every row and class of classes.

        Notes
        -----
        ``sd_between_fits`` is the root of the weighted mean of squared differences to ``mean``: the
        part of the mixture's standard deviation that comes from the fits (its divisor is the number
        of fits, not one less). It is **not a standard error** and makes no confidence interval: all
        fits saw one sample, and where all are wrong in the same way it is zero.
        """
        each = self._each(exog, exposure, offset)
        mean = mixture_mean(each.T, self.weights)
        variance = mixture_mean((each.T.to_numpy() - mean) ** 2, self.weights)
        values = (mean, np.sqrt(variance), each.min(axis=1), each.max(axis=1))
        frame = pd.DataFrame(dict(zip(_SPREAD, values, strict=True)), index=each.index)
        return pd.concat([frame, each], axis=1) if members else frame

    @property
    def fittedvalues(self) -> Any:
        """Means of the rows kept; proportions for binomial counts, probabilities of classes."""
        return self.predict()

    def _each(self, exog: Any, exposure: Any, offset: Any) -> pd.DataFrame:
        """Means of rows, a column per fit."""
        columns = [r.predict(exog, exposure=exposure, offset=offset) for r in self.results]
        columns = [one.stack() if isinstance(one, pd.DataFrame) else one for one in columns]
        values = np.column_stack([column.to_numpy() for column in columns])
        return pd.DataFrame(values, index=columns[0].index, columns=list(self.names))

    # -- how well it fits -------------------------------------------------------------------

    @cached_property
    def deviance(self) -> float:
        """Deviance of the averaged means, at dispersion 1."""
        fitted, rows = self.results[0]._numbers.fitted, self.results[0]._numbers.fitted.rows
        mean = self.predict().to_numpy()
        if isinstance(fitted.given, MeanFamily):
            return float(rows.freq @ fitted.given.unit_deviance(rows.y, mean, rows.weight))
        if mean.ndim == 2:
            return float(rows.freq @ residuals.deviance_of_classes(fitted, mean.T))
        raise NotAvailableError(
            f"deviance: an average of {fitted.family.name} fits has no mean to measure it by. Use "
            "llf, the log-likelihood of the mixture."
        )

    @cached_property
    def llf(self) -> float:
        """Log-likelihood of the mixture: the log of the mean of the fits' densities, row by row.

        Every fit has the dispersion of its own ``llf``; the mixture's is at least the mean of
        theirs. For quasi-likelihoods the exponential of a row's quasi-likelihood stands for its
        density.
        """
        rows = self.results[0]._numbers.fitted.rows
        logs = log_mixture([_row_loglike(r) for r in self.results], self.weights)
        return float(rows.freq @ logs)

    # -- distribution -----------------------------------------------------------------------

    def get_distribution(
        self,
        exog: Any = None,
        *,
        exposure: Any = None,
        offset: Any = None,
        var_weights: Any = None,
        n_trials: Any = None,
    ) -> Mixture:
        """Distribution of the response of rows: the mixture of the fits' distributions.

        Parameters
        ----------
        exog, exposure, offset
            As in :meth:`predict`.
        var_weights, n_trials
            By default those of the rows kept, and one for new rows.

        Returns
        -------
        Mixture
            With ``pdf`` or ``pmf``, their logs, ``cdf``, ``sf``, ``ppf``, ``mean``, ``var``,
            ``std`` and ``rvs``.

        Notes
        -----
        Every fit's distribution is its own ``get_distribution()``, at its ``scale``. The
        uncertainty of the estimates is not part of it beyond the differences between the fits.
        """
        options = {
            "exposure": exposure,
            "offset": offset,
            "var_weights": var_weights,
            "n_trials": n_trials,
        }
        parts = tuple(result.get_distribution(exog, **options) for result in self.results)
        return Mixture(parts, self.weights)

    # -- reports ----------------------------------------------------------------------------

    def summary(self, yname: str | None = None, title: str | None = None) -> Any:
        """Table of the fits and of their average, as text, HTML, LaTeX or CSV.

        Parameters
        ----------
        yname
            Name for the response.
        title
            Title of the first table.

        Returns
        -------
        statsmodels.iolib.summary.Summary
            With ``as_text``, ``as_html``, ``as_latex``, ``as_csv``; a notebook shows it as HTML.
        """
        return tables.summary(self, yname, title)

    def __str__(self) -> str:
        return str(self.summary())

    def __repr__(self) -> str:
        certified = sum(result.converged for result in self.results)
        return (
            f"<Average of {len(self.results)} fits of {self.results[0].model.endog_names!r}, "
            f"{self.nobs} rows, {certified} certified>"
        )

    # -- what an average does not have ------------------------------------------------------

    bse = _Withheld(_NO_ERRORS)
    tvalues = _Withheld(_NO_ERRORS)
    pvalues = _Withheld(_NO_ERRORS)
    conf_int = _Withheld(_NO_ERRORS)
    cov_params = _Withheld(_NO_ERRORS)
    get_prediction = _Withheld(_NO_ERRORS)
    get_margeff = _Withheld(_NO_ERRORS)
    t_test = _Withheld(_NO_ERRORS)
    f_test = _Withheld(_NO_ERRORS)
    wald_test = _Withheld(_NO_ERRORS)
    params = _Withheld(_NO_COEFFICIENTS)
    edf = _Withheld(_NO_COUNT)
    df_resid = _Withheld(_NO_COUNT)
    aic = _Withheld(_NO_COUNT)
    bic = _Withheld(_NO_COUNT)


def _named(results: tuple[Any, ...]) -> dict[Any, DeepGLMResults]:
    """Results by name: those of a dictionary, or "fit 1", "fit 2", ..."""
    given = results[0] if len(results) == 1 else results
    if isinstance(given, Mapping):
        members = dict(given)
    else:
        given = list(given) if isinstance(given, Iterable) else [given]
        members = {f"fit {k}": result for k, result in enumerate(given, 1)}
    for name, result in members.items():
        if not isinstance(result, DeepGLMResults):
            raise SpecificationError(
                f"{name!r} is of type {type(result).__name__}; an average is of DeepGLMResults, "
                "what DeepGLM(...).fit() returns. Give them one by one, in a list, or in a "
                "dictionary by name."
            )
        if name in _SPREAD:
            raise SpecificationError(
                f"a fit cannot be called {name!r}: spread() has a column of that name. Choose "
                "another name."
            )
    if len(members) < 2:
        raise SpecificationError(
            f"an average needs two or more fits; given is {len(members)}. Fit the model with "
            "several seeds, as in dg.average([model.fit(seed=s) for s in range(3)])."
        )
    return members


def _normalised(weights: Any, count: int) -> tuple[float, ...]:
    """One weight per fit; they add up to 1."""
    if weights is None:
        return (1.0 / count,) * count
    values = as_floats(weights, "weights")
    if values.shape != (count,) or not (np.isfinite(values) & (values >= 0)).all():
        raise SpecificationError(
            f"weights={values.tolist()!r}: one finite number for each of the {count} fits is "
            "needed, none negative."
        )
    if not values.any():
        raise SpecificationError("weights are all zero; at least one fit must count.")
    return tuple((values / values.sum()).tolist())


def _row_loglike(result: DeepGLMResults) -> Array:
    """(n,) log-likelihoods of the rows, at the dispersion of the result's ``llf``."""
    fitted = result._numbers.fitted
    profiled = criteria.concentrated_scale(fitted)
    scale = result.scale if profiled is None else profiled
    return criteria.loglike_rows(fitted, fitted.etas, fitted.aux, scale)
