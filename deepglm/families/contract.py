"""What a family is: the log-likelihood of a row and its derivatives on the scale of eta.

Nothing outside this room knows how a response is distributed. A fit asks for :class:`RowTerms`,
sums them over rows and combines them with the derivatives of the predictor.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deepglm.errors import DataError, NotAvailableError
from deepglm.links import Link

__all__ = ["Comparison", "Family", "FloatArray", "Level", "MeanFamily", "RowTerms"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

RISING = ("logistic", "rescaled_tanh", "probit", "cloglog", "loglog", "cauchit", "tanh", "exp")
"""Inverse links that rise and reach an end of their values only as eta goes to infinity."""


class Level(enum.Enum):
    """How much of a row is wanted; nothing beyond it is computed."""

    VALUE = "value"
    SCORE = "score"
    FISHER = "fisher"
    OBSERVED = "observed"


@dataclass(frozen=True, slots=True)
class RowTerms:
    """Log-likelihood of each of m rows, with derivatives in its C channels.

    The channels are the linear predictors, and after them the auxiliary parameters: an auxiliary
    parameter is a linear predictor with one value for all rows.

    Attributes
    ----------
    value : ndarray of shape (m,)
        Log-likelihood; ``-inf`` where the mean is outside the family's range.
    score : ndarray of shape (C, m) or None
        First derivatives.
    information : ndarray of shape (C, C, m) or None
        Minus the second derivatives, or their expectation under the model.
    """

    value: FloatArray
    score: FloatArray | None
    information: FloatArray | None


class Comparison(NamedTuple):
    """What the likelihood of rows can only gain by, however far it goes.

    A row that is used, and not tied, becomes no less likely as ``sum(factors * channels)`` grows
    without end; one that is tied does so only while that sum stays as it is.
    """

    factors: FloatArray
    """(k_eta + thresholds, m) factors of linear predictors and thresholds."""
    tied: BoolArray
    """(m,)."""
    used: BoolArray
    """(m,) rows that the comparison is about."""


@dataclass(frozen=True, kw_only=True)
class Family(ABC):
    """Distribution of a response given its linear predictors.

    Parameters
    ----------
    name : str
        Name in tables and messages.
    link : Link
        The inverse link from eta to the mean.
    k_eta : int
        Number of linear predictors of a row.
    aux_names : tuple of str
        Auxiliary parameters that are estimated, such as ``("log_scale",)``.
    scale : float or None
        The scale where it is held fixed, None where it is an auxiliary parameter.
    statsmodels : object
        The statsmodels family that this one stands for, if there is one.
    canonical : bool
        Whether observed and expected information in eta agree for every response.
    reading : str
        How a response is read from the data, one of ``deepglm.data.READINGS``: "number",
        "proportion" (a number, two labels, or successes and failures), "classes", "ordered" or
        "interval".
    effort : float
        How long the log-likelihood of a row takes, in units of that of a fused GLM family, roughly:
        the number of starts follows from it.
    plain : Level
        Information that plain standard errors come from, in the habit of the field: the expected
        one for generalised linear models, the observed one for ordinal and censored responses.

    Notes
    -----
    In every method `weight` divides the dispersion, ``Var(y) = scale * V(mu) / weight``: it is the
    product of variance weights and, for binomial proportions, numbers of trials. It is positive.
    """

    name: str
    link: Link
    k_eta: int = 1
    aux_names: tuple[str, ...] = ()
    scale: float | None = 1.0
    statsmodels: Any = None
    canonical: bool = False
    reading: str = "number"
    effort: float = 1.0
    plain: Level = Level.FISHER

    @property
    def k_channels(self) -> int:
        """Number of linear predictors and auxiliary parameters together."""
        return self.k_eta + len(self.aux_names)

    @abstractmethod
    def rows(
        self,
        y: FloatArray,
        eta: FloatArray,
        aux: FloatArray,
        weight: FloatArray,
        level: Level,
        constant: FloatArray | None = None,
    ) -> RowTerms:
        """Return log-likelihood, score and information of each row, as far as `level` asks.

        Parameters
        ----------
        y : ndarray of shape (m,) or (k, m)
            Responses, as the family's reading makes them.
        weight : ndarray of shape (m,)
            Weights.
        eta : ndarray of shape (k_eta, m)
            Linear predictors, offset included.
        aux : ndarray of shape (len(aux_names),)
            Auxiliary parameters.
        level : Level
            What is wanted.
        constant : ndarray of shape (m,), optional
            What :meth:`constant` returns for these rows. It does not depend on the parameters, so
            a fit computes it once; without it, it is computed here in every call.
        """

    @abstractmethod
    def constant(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the terms of the log-likelihood that involve no parameter, row by row."""

    @abstractmethod
    def start_level(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return linear predictors, (k_eta,), of a model without regressors, nearly."""

    def start_eta(self, y: FloatArray, weight: FloatArray, level: FloatArray) -> FloatArray:
        """Return linear predictors, (k_eta, m), from which scoring may start.

        `level` is what :meth:`start_level` says of all rows, where `y` is a block of them.
        """
        return np.repeat(level[:, None], y.shape[-1], axis=1)

    @abstractmethod
    def start_aux(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return auxiliary parameters from which a fit may start; consistent with the level."""

    @abstractmethod
    def check_response(self, y: FloatArray, name: str, labels: Any = None) -> None:
        """Raise DataError for a response that this family cannot have produced.

        Parameters
        ----------
        y
            (n,) or (k, n) responses.
        name
            What the message calls them.
        labels
            What it calls their rows; by default their numbers.
        """

    @property
    @abstractmethod
    def statistics(self) -> tuple[str, ...]:
        """What :meth:`statistic` can predict of a row, the default first; "linear" is one."""

    @abstractmethod
    def statistic(self, which: str, eta: FloatArray, aux: FloatArray) -> FloatArray:
        """Return a statistic of every row: (m,), or (S, m) for one with several values.

        Parameters
        ----------
        which
            One of :attr:`statistics`.
        eta
            (k_eta, m) linear predictors.
        aux
            (len(aux_names),) auxiliary parameters.
        """

    @abstractmethod
    def statistic_slopes(self, which: str, eta: FloatArray, aux: FloatArray) -> FloatArray:
        """Return its derivatives by the channels: (C, m), or (S, C, m)."""

    def statistic_labels(self, which: str) -> tuple[Any, ...]:
        """Return what the values of a statistic that has several are called; empty for one."""
        return ()

    @abstractmethod
    def deviance_rows(
        self, y: FloatArray, eta: FloatArray, aux: FloatArray, weight: FloatArray
    ) -> FloatArray:
        """Return twice what each row's log-likelihood lacks to that of a perfect fit, at scale 1.

        Auxiliary parameters are the same for both; `weight` is included.
        """

    @abstractmethod
    def distribution(self, eta: FloatArray, aux: FloatArray, weight: FloatArray) -> Any:
        """Return the distribution of the responses of rows, like a frozen one of scipy."""

    def response_scale(self, y: FloatArray, weight: FloatArray) -> float:
        """Return the scale of the response on the scale of eta.

        It is what a prior on output weights that is O(1) is O(1) in. Links that turn ratios or
        probabilities into numbers have the unit 1; others carry the unit of the response.
        """
        return 1.0

    @property
    def aux_labels(self) -> tuple[str, ...]:
        """Names under which the auxiliary parameters are reported."""
        return self.aux_names

    @property
    def aux_may_be_zero(self) -> bool:
        """Whether zero is an inner value of reported auxiliary parameters, which z can test."""
        return True

    @property
    def aux_is_a_spread(self) -> bool:
        """Whether the auxiliary parameter is the logarithm of a standard deviation.

        Its maximum likelihood value is too small by half the logarithm of n / (n - edf).
        """
        return False

    def reported(self, aux: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return auxiliary parameters as reported, and (K, K) derivatives of those."""
        return aux.copy(), np.eye(len(aux))

    def reported_bend(self, aux: FloatArray, slopes: FloatArray) -> FloatArray:
        """Return (K, K) second derivatives of ``slopes @ reported(aux)``; zero for a linear map."""
        return np.zeros((len(aux), len(aux)))

    def unreported(self, values: FloatArray) -> FloatArray:
        """Return auxiliary parameters of reported ones: the inverse of :meth:`reported`."""
        return values.copy()

    @property
    def eta_names(self) -> tuple[str, ...]:
        """Names of several linear predictors, as they are reported."""
        return ()

    @property
    def to_reported(self) -> FloatArray | None:
        """(k_eta, k_eta) matrix from linear predictors to reported ones; None where they are."""
        return None

    @property
    def cut_labels(self) -> tuple[str, ...]:
        """Names of the cut-points, of which minus the intercept is the first; empty without."""
        return ()

    def facts(self, y: FloatArray, freq: FloatArray) -> tuple[tuple[str, str], ...]:
        """Return what a summary says of the response beside family and link: names and values."""
        return ()

    def comparisons(self, y: FloatArray) -> tuple[Comparison, ...]:
        """Return what makes rows likelier without end; none where nothing does.

        A direction of the coefficients along which no row is less likely and some are more is one
        along which the likelihood has no maximum: the responses are separated.
        """
        return ()

    def at_an_end(self, aux: FloatArray, y: FloatArray) -> bool:
        """Whether auxiliary parameters have gone to an end of their range, and have no maximum."""
        return False

    def thresholds(self, aux: FloatArray) -> FloatArray:
        """Return thresholds between responses, on the scale of eta."""
        return np.empty(0)

    def given(self, aux: FloatArray) -> Family:
        """Return the family with its auxiliary parameters known, where that is another family."""
        return self


@dataclass(frozen=True, kw_only=True)
class MeanFamily(Family):
    """A family of one linear predictor, whose inverse link is the mean of the response.

    Every generalised linear model is one. A family of a user's own derives from this class: it
    gives the log-likelihood of a row with its derivatives (:meth:`rows`, :meth:`constant`), the
    range of the means, the mean, the variance function, the deviance, and what a response may be.
    """

    @property
    @abstractmethod
    def mean_range(self) -> tuple[float, float]:
        """Open interval in which the means lie."""

    @abstractmethod
    def mean(self, eta: FloatArray) -> FloatArray:
        """Return the mean of each row; `eta` has shape (1, m) or (m,)."""

    @abstractmethod
    def variance(self, mu: FloatArray) -> FloatArray:
        """Return the variance function at the mean, without scale and weight."""

    @abstractmethod
    def unit_deviance(self, y: FloatArray, mu: FloatArray, weight: FloatArray) -> FloatArray:
        """Return each row's share of the unscaled deviance, `weight` included."""

    def loglike_rows(
        self, y: FloatArray, eta: FloatArray, scale: float, weight: FloatArray
    ) -> FloatArray:
        """Return each row's complete log-likelihood at a given scale."""
        return self.rows(y, eta, np.empty(0), weight, Level.VALUE).value

    def start_level(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the linear predictor, (1,), whose mean is that of the responses.

        Responses that are all at an end of the range, as those of a sample may be, count half an
        event more.
        """
        mean, total = float(np.average(y, weights=weight)), float(weight.sum())
        level = self.link.link(np.array([mean]))
        if not np.isfinite(level).all():
            level = self.link.link(np.array([(mean * total + 0.5) / (total + 1.0)]))
        if not np.isfinite(level).all():
            raise DataError(
                f"the mean response is {mean}, and no linear predictor has that mean under "
                f"the inverse link {self.link.name!r}. Choose another link for this response."
            )
        return np.asarray(level)

    def response_scale(self, y: FloatArray, weight: FloatArray) -> float:
        """Return the standard deviation of y, taken to the link scale by the link's derivative."""
        if self.link.group not in ("linear", "scale"):
            return 1.0
        mean = float(y @ weight / weight.sum())
        sd = float(np.sqrt(np.maximum((y - mean) ** 2 @ weight / weight.sum(), 0.0)))
        slope = float(self.link.evaluate(self.link.link(np.array([mean])), 1)[1][0])
        value = sd / abs(slope) if slope else sd
        return value if np.isfinite(value) and value > 0 else 1.0

    def comparisons(self, y: FloatArray) -> tuple[Comparison, ...]:
        """Return responses at an end of the range that a mean reaches at an infinite eta."""
        if self.link.name not in RISING:
            return ()
        ends = self.link.inverse(np.array([-np.inf, np.inf]))
        low, high = (end == reached for end, reached in zip(self.mean_range, ends, strict=True))
        if not low:  # such as tanh for a proportion, whose mean is zero at a finite eta
            return ()
        end = np.where(y == ends[0], -1.0, 0.0)
        if high:
            end[y == ends[1]] = 1.0
        tied = end == 0.0
        return (Comparison(np.where(tied, 1.0, end)[None], tied, np.ones(y.shape, dtype=bool)),)

    def start_aux(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return no auxiliary parameters."""
        return np.empty(0)

    @property
    def statistics(self) -> tuple[str, ...]:
        """What :meth:`statistic` can predict of a row."""
        return ("mean", "linear", "var_unscaled")

    def statistic(self, which: str, eta: FloatArray, aux: FloatArray) -> FloatArray:
        """Return the mean, the linear predictor or the variance function of every row, (m,)."""
        if which == "linear":
            return np.asarray(eta[0])
        mu = self.mean(eta)
        return mu if which == "mean" else np.where(np.isnan(mu), np.nan, self.variance(mu))

    def statistic_slopes(self, which: str, eta: FloatArray, aux: FloatArray) -> FloatArray:
        """Return its derivatives by eta, (1, m)."""
        if which == "linear":
            return np.ones_like(eta)
        mu, slope = self.link.evaluate(eta[0], 1)
        if which == "var_unscaled":
            slope = slope * self.statsmodels.variance.deriv(mu)
        return np.asarray(slope)[np.newaxis]

    def deviance_rows(
        self, y: FloatArray, eta: FloatArray, aux: FloatArray, weight: FloatArray
    ) -> FloatArray:
        """Return each row's share of the unscaled deviance, `weight` included."""
        return self.unit_deviance(y, self.mean(eta), weight)

    def distribution(self, eta: FloatArray, aux: FloatArray, weight: FloatArray) -> Any:
        """Return statsmodels' distribution of the responses; `aux` holds the log scale, or not."""
        scale = float(np.exp(aux[0])) if len(aux) else float(self.scale or 1.0)
        make = getattr(self.statsmodels, "get_distribution", None)
        if make is None:
            raise NotAvailableError(
                f"the family {self.name} has no distribution object (a quasi family has a mean and "
                "a variance only)."
            )
        return make(self.mean(eta), scale, var_weights=weight)
