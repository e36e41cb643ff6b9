"""What a family is: the log-likelihood of a row and its derivatives on the scale of eta.

Nothing outside this room knows how a response is distributed. A fit asks for :class:`RowTerms`,
sums them over rows and combines them with the derivatives of the predictor.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepglm.links import Link

__all__ = ["Family", "FloatArray", "Level", "RowTerms"]

FloatArray = npt.NDArray[np.float64]


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
        y, weight : ndarray of shape (m,)
            Responses and weights.
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

    @property
    @abstractmethod
    def mean_range(self) -> tuple[float, float]:
        """Open interval in which the means lie."""

    @abstractmethod
    def start_eta(
        self, y: FloatArray, weight: FloatArray, overall: float | None = None
    ) -> FloatArray:
        """Return linear predictors, (k_eta, m), from which scoring may start.

        `overall` is the weighted mean of all responses, where `y` is a block of them.
        """

    @abstractmethod
    def start_aux(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return auxiliary parameters from which a fit may start."""

    @abstractmethod
    def check_response(self, y: FloatArray, name: str, labels: Any = None) -> None:
        """Raise DataError for a response that this family cannot have produced.

        Parameters
        ----------
        y
            (n,) responses.
        name
            What the message calls them.
        labels
            What it calls their rows; by default their numbers.
        """

    @abstractmethod
    def mean(self, eta: FloatArray) -> FloatArray:
        """Return the mean of each row."""

    @abstractmethod
    def variance(self, mu: FloatArray) -> FloatArray:
        """Return the variance function at the mean, without scale and weight."""

    @abstractmethod
    def unit_deviance(self, y: FloatArray, mu: FloatArray, weight: FloatArray) -> FloatArray:
        """Return each row's share of the unscaled deviance, `weight` included."""

    @abstractmethod
    def loglike_rows(
        self, y: FloatArray, eta: FloatArray, scale: float, weight: FloatArray
    ) -> FloatArray:
        """Return each row's complete log-likelihood at a given scale."""
