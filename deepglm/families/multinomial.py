"""The multinomial logit: several classes without order."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from deepglm.errors import DataError, SpecificationError
from deepglm.families.categorical import Categorical, check_every_level, shares_of
from deepglm.families.contract import Comparison, Family, FloatArray, Level, RowTerms
from deepglm.links import Link, get

__all__ = ["Multinomial", "MultinomialFamily", "contrast_basis"]


@dataclass(frozen=True)
class Multinomial:
    """Multinomial logit: one of several classes, or counts of them.

    Parameters
    ----------
    reference : label, optional
        The level that the others are compared with; by default the first.

    Notes
    -----
    With ``eta_c`` the linear predictor of class c and zero for the reference,
    ``P(Y = c) = exp(eta_c) / sum_d exp(eta_d)``: coefficients are log odds against the reference,
    as in statsmodels' ``MNLogit`` and R's ``multinom``. The fit itself treats all classes alike,
    so a penalised fit does not depend on the reference.

    Examples
    --------
    >>> Multinomial(reference="white").with_levels(("red", "rose", "white")).k_eta
    2
    """

    reference: Any = None

    def with_levels(self, levels: tuple[Any, ...]) -> MultinomialFamily:
        """Return the family of a response with these levels.

        Raises
        ------
        DataError
            If there are fewer than two levels.
        SpecificationError
            If the reference is not one of them.
        """
        if len(levels) < 2:
            raise DataError(f"a multinomial response needs two levels or more; found: {levels!r}.")
        if self.reference is not None and self.reference not in levels:
            raise SpecificationError(
                f"reference={self.reference!r} is not a level of the response. Its levels are "
                f"{', '.join(repr(level) for level in levels)}."
            )
        reference = 0 if self.reference is None else tuple(levels).index(self.reference)
        return MultinomialFamily(levels=tuple(levels), reference=reference)


@cache
def contrast_basis(classes: int) -> FloatArray:
    """Return an orthonormal basis of the vectors that add to zero, Helmert's, of J classes.

    Returns
    -------
    ndarray of shape (J, J - 1)
        ``Q`` with ``Q'Q = I`` and ``1'Q = 0``; it cannot be written to.
    """
    basis = np.zeros((classes, classes - 1))
    for k in range(1, classes):
        basis[:k, k - 1] = 1.0
        basis[k, k - 1] = -k
    basis /= np.sqrt(np.sum(basis**2, axis=0))
    basis.flags.writeable = False
    return basis


@dataclass(frozen=True, kw_only=True)
class MultinomialFamily(Family):
    """Multinomial logit with known classes.

    Parameters
    ----------
    levels : tuple
        The J classes.
    reference : int
        Position of the one that others are compared with, where scores are reported.

    Notes
    -----
    A response is a (J, m) array of shares that add to one in each row; the weight is the number
    of trials. The J - 1 linear predictors are coordinates of the classes' scores ``Q eta`` in an
    orthonormal basis ``Q`` of the vectors that add to zero, ``p = softmax(Q eta)``. So the sum of
    squares of a term's coefficients is that of its centred scores over all classes: a ridge
    penalty treats the classes alike. :attr:`to_reported` turns these coordinates into log odds
    against the reference.
    """

    name: str = "Multinomial"
    link: Link = field(default_factory=lambda: get("logistic"))
    k_eta: int = field(init=False)
    canonical: bool = True
    reading: str = "classes"
    effort: float = 2.0
    levels: tuple[Any, ...]
    reference: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "k_eta", len(self.levels) - 1)

    @property
    def basis(self) -> FloatArray:
        """(J, J - 1) basis in which linear predictors are coordinates of the classes' scores."""
        return contrast_basis(len(self.levels))

    @property
    def to_reported(self) -> FloatArray:
        """(J - 1, J - 1) matrix that makes linear predictors log odds against the reference.

        Its rows are the other classes in the order of the levels.
        """
        others = np.delete(self.basis, self.reference, axis=0)
        return np.asarray(others - self.basis[self.reference])

    @property
    def eta_names(self) -> tuple[str, ...]:
        """Names of the classes that are compared with the reference."""
        return tuple(str(one) for k, one in enumerate(self.levels) if k != self.reference)

    def rows(
        self,
        y: FloatArray,
        eta: FloatArray,
        aux: FloatArray,
        weight: FloatArray,
        level: Level,
        constant: FloatArray | None = None,
    ) -> RowTerms:
        """Return log-likelihood, score and information of each row (see `Family`)."""
        if constant is None:
            constant = self.constant(y, weight)
        with np.errstate(all="ignore"):
            log_p = _log_probabilities(self.basis @ eta)
            value = weight * np.sum(y * log_p, axis=0) + constant
            lost = ~np.isfinite(value)  # scores beyond the largest double
            value[lost] = -np.inf
            if level is Level.VALUE:
                return RowTerms(value, None, None)
            p = np.exp(log_p)
            score = self.basis.T @ (weight * (y - p))
            score[:, lost] = 0.0
            if level is Level.SCORE:
                return RowTerms(value, score, None)
            information = _spread(p)
            information *= weight
            information[..., lost] = 0.0
            return RowTerms(value, score, information)

    def constant(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the log of the multinomial coefficient, by the gamma function as for binomials."""
        if (weight == 1.0).all() and ((y == 0.0) | (y == 1.0)).all():
            return np.zeros(weight.shape)
        counts = weight * y
        left = np.cumsum(counts[::-1], axis=0)[::-1]
        # of the trials left, those that fall into a class: a product of binomial coefficients
        parts = special.betaln(counts[:-1] + 1.0, left[1:] + 1.0) + np.log1p(left[:-1])
        return np.asarray(-np.sum(parts, axis=0))

    def start_level(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return linear predictors, (J - 1,), of the shares of the classes."""
        return np.asarray(self.basis.T @ np.log(shares_of(y @ weight, weight)))

    def start_aux(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return no auxiliary parameters."""
        return np.empty(0)

    def check_response(self, y: FloatArray, name: str, labels: Any = None) -> None:
        """Raise DataError unless every row has shares of one, and every class some rows.

        Parameters
        ----------
        y : ndarray of shape (J, n)
            Shares of the classes.
        name : str
            What the message calls the response.
        labels : sequence, optional
            What it calls the rows; by default their numbers.
        """
        shares = (y >= 0.0).all(axis=0) & (np.abs(np.sum(y, axis=0) - 1.0) < 1e-8)
        if not shares.all():
            k = int(np.flatnonzero(~shares)[0])
            row = k if labels is None else labels[k]
            row = row.item() if isinstance(row, np.generic) else row
            raise DataError(
                f"response {name!r} has the shares {y[:, k].tolist()} in row {row!r}; needed are "
                "shares of the classes that are not negative and add up to 1. Correct or leave "
                "out such rows."
            )
        check_every_level(np.sum(y, axis=1), self.levels, name)

    @property
    def statistics(self) -> tuple[str, ...]:
        """What :meth:`statistic` can predict, the default first."""
        return ("prob", "linear")

    def statistic(self, which: str, eta: FloatArray, aux: FloatArray) -> FloatArray:
        """Return a statistic of every row.

        Parameters
        ----------
        which : {"prob", "linear"}
            (J, m) probabilities, or (J - 1, m) log odds of the classes against the reference.
        eta
            (J - 1, m) linear predictors.
        aux
            None of them.
        """
        if which == "linear":
            return np.asarray(self.to_reported @ eta)
        self._check_statistic(which)
        return np.exp(_log_probabilities(self.basis @ eta))

    def statistic_labels(self, which: str) -> tuple[Any, ...]:
        """Return the classes, or those that are compared with the reference."""
        return self.levels if which == "prob" else self.eta_names

    def facts(self, y: FloatArray, freq: FloatArray) -> tuple[tuple[str, str], ...]:
        """Return the number of classes, and the one that the others are compared with."""
        return ("Classes", f"{len(self.levels)}"), ("Reference", str(self.levels[self.reference]))

    def comparisons(self, y: FloatArray) -> tuple[Comparison, ...]:
        """Return every class against one that was seen: its score may fall without end."""
        seen = np.argmax(y, axis=0)
        return tuple(
            Comparison((self.basis[seen] - self.basis[c]).T, y[c] > 0.0, np.asarray(seen != c))
            for c in range(len(self.levels))
        )

    def statistic_slopes(self, which: str, eta: FloatArray, aux: FloatArray) -> FloatArray:
        """Return the derivatives of a statistic, (J, J - 1, m) or (J - 1, J - 1, m)."""
        if which == "linear":
            return np.repeat(self.to_reported[:, :, None], eta.shape[1], axis=2)
        self._check_statistic(which)
        p = np.exp(_log_probabilities(self.basis @ eta))
        return np.asarray(p[:, None] * (self.basis[:, :, None] - self.basis.T @ p))

    def _check_statistic(self, which: str) -> None:
        if which not in self.statistics:
            raise SpecificationError(f"which={which!r}: accepted are {', '.join(self.statistics)}.")

    def deviance_rows(
        self, y: FloatArray, eta: FloatArray, aux: FloatArray, weight: FloatArray
    ) -> FloatArray:
        """Return ``2 weight sum(y log(y / p))`` of every row."""
        log_p = _log_probabilities(self.basis @ eta)
        return np.asarray(2.0 * weight * np.sum(special.xlogy(y, y) - y * log_p, axis=0))

    def distribution(self, eta: FloatArray, aux: FloatArray, weight: FloatArray) -> Categorical:
        """Return the distribution of one trial of every row."""
        return Categorical(self.levels, self.statistic("prob", eta, aux))


def _log_probabilities(scores: FloatArray) -> FloatArray:
    """(J, m) logarithms of the softmax of scores, by odds against the likeliest class of a row.

    So no digits are lost where a probability is near one: what it lacks is a sum of small numbers.
    """
    here = (np.argmax(scores, axis=0), np.arange(scores.shape[1]))
    log_odds = scores - scores[here]
    odds = np.exp(log_odds)
    odds[here] = 0.0
    log_odds -= np.log1p(np.sum(odds, axis=0))
    return np.asarray(log_odds)


def _spread(p: FloatArray) -> FloatArray:
    """Return ``Q' (diag p - p p') Q``, (J - 1, J - 1, m), for the basis Q.

    It is ``sum p_c p_d (Q_c - Q_d)(Q_c - Q_d)'`` over pairs of classes: positive terms only, which
    keep their digits where a probability is near one.
    """
    c, d, products, place = _pairs(len(p))
    return np.asarray((products @ (p[c] * p[d]))[place])


@cache
def _pairs(classes: int) -> tuple[npt.NDArray[Any], ...]:
    """Pairs of classes, products of their contrasts' coordinates, and where these products go."""
    c, d = np.triu_indices(classes, 1)
    basis = contrast_basis(classes)
    contrasts = (basis[c] - basis[d]).T
    i, j = np.triu_indices(classes - 1)
    place = np.empty((classes - 1, classes - 1), dtype=np.intp)
    place[i, j] = place[j, i] = np.arange(len(i))
    return c, d, contrasts[i] * contrasts[j], place
