"""The distribution of a label: one of several classes, with a probability each."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from deepglm.errors import DataError, NotAvailableError, SpecificationError
from deepglm.families.contract import FloatArray

__all__ = ["Categorical", "check_every_level", "shares_of"]


@dataclass(frozen=True, eq=False)
class Categorical:
    """Distribution of the labels of m rows, with the methods of a frozen distribution of scipy.

    Parameters
    ----------
    levels : tuple
        J labels, in their order; two or more.
    probabilities : ndarray of shape (J, m)
        Probability of each label in each row.

    Notes
    -----
    ``cdf`` and ``ppf`` follow the order of the levels, so they mean something for an ordered
    response.

    Examples
    --------
    >>> law = Categorical(("low", "high"), np.array([[0.9, 0.2], [0.1, 0.8]]))
    >>> law.pmf("high").tolist()
    [0.1, 0.8]
    >>> law.ppf(0.5).tolist()
    ['low', 'high']
    """

    levels: tuple[Any, ...]
    probabilities: FloatArray

    def pmf(self, level: Any) -> FloatArray:
        """Return the probability of a label.

        Parameters
        ----------
        level
            One label, or one for each row, or an array of labels whose last axis is the rows.
        """
        return self._at(self.probabilities, level)

    def cdf(self, level: Any) -> FloatArray:
        """Return the probability of a label or one before it; `level` as in :meth:`pmf`."""
        return self._at(self._cumulative(), level)

    def ppf(self, q: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the first label at which the cumulated probability reaches `q`.

        Parameters
        ----------
        q
            One probability, or one for each row, or an array whose last axis is the rows.
        """
        wanted = np.asarray(q, dtype=np.float64)
        if not ((wanted >= 0.0) & (wanted <= 1.0)).all():
            raise SpecificationError(f"q={q!r}: probabilities from 0 to 1 are needed.")
        self._refuse_missing()
        return self._labels(np.sum([row < wanted for row in self._cumulative()[:-1]], axis=0))

    def rvs(self, size: Any = None, random_state: Any = None) -> npt.NDArray[Any]:
        """Draw labels.

        Parameters
        ----------
        size
            Shape of the draws, its last axis the rows; by default one draw per row.
        random_state
            A seed or a ``numpy.random.Generator``.
        """
        rows = self.probabilities.shape[1]
        shape = (rows,) if size is None else tuple(np.atleast_1d(size).tolist())
        if shape[-1:] != (rows,):
            raise SpecificationError(f"size={size!r}: its last number must be that of rows, {rows}")
        self._refuse_missing()
        drawn = np.random.default_rng(random_state).random(shape)
        return self._labels(np.sum([row <= drawn for row in self._cumulative()[:-1]], axis=0))

    def mean(self) -> FloatArray:
        """Return the means of the rows, where the labels are numbers."""
        words = [level for level in self.levels if not isinstance(level, Real)]
        if words:
            raise NotAvailableError(
                f"the label {words[0]!r} is not a number, so the response has no mean. Ask for "
                "the probabilities of the labels: pmf(label)."
            )
        return np.asarray(np.array(self.levels, dtype=np.float64) @ self.probabilities)

    def _cumulative(self) -> FloatArray:
        cumulative = np.cumsum(self.probabilities, axis=0)
        cumulative[-1, ~np.isnan(cumulative[-1])] = 1.0
        return cumulative

    def _at(self, table: FloatArray, level: Any) -> FloatArray:
        codes = {label: code for code, label in enumerate(self.levels)}
        given = np.asarray(level, dtype=object)
        unknown = [label for label in given.flat if label not in codes]
        if unknown:
            raise SpecificationError(
                f"{unknown[0]!r} is not a level of the response. Its levels are "
                f"{', '.join(repr(label) for label in self.levels)}."
            )
        found = np.array([codes[label] for label in given.flat], dtype=np.intp)
        return np.asarray(table[found.reshape(given.shape), np.arange(table.shape[1])])

    def _labels(self, codes: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
        """Labels as an array of words or numbers, or of objects where they are mixed."""
        alike = any(all(isinstance(level, kind) for level in self.levels) for kind in (str, Real))
        labels = np.empty(len(self.levels), dtype=object)
        labels[:] = self.levels
        return np.array(self.levels)[codes] if alike else labels[codes]

    def _refuse_missing(self) -> None:
        unknown = np.flatnonzero(np.isnan(self.probabilities).any(axis=0))
        if unknown.size:
            raise DataError(
                f"row number {unknown[0]} has a missing input, so that there is no distribution to "
                "draw from. Leave such rows out, as in exog.dropna()."
            )


def check_every_level(counts: FloatArray, levels: tuple[Any, ...], name: str) -> None:
    """Raise DataError unless every level has rows.

    Parameters
    ----------
    counts
        (J,) rows of each level, or anything that is positive where there are some.
    levels
        What the levels are called.
    name
        What the message calls the response.
    """
    empty = [level for level, count in zip(levels, counts, strict=True) if not count > 0.0]
    if empty:
        words = ", ".join(repr(level) for level in empty)
        raise DataError(
            f"response {name!r} has no rows of the level{'s' if len(empty) > 1 else ''} {words} "
            "among those that are used; every level needs some, as its likelihood has no maximum "
            "otherwise. Take rows that are not used (incomplete, or of weight zero) out of the "
            "data first, and unused categories with .cat.remove_unused_categories()."
        )


def shares_of(counts: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the share of each level, none of them zero.

    Parameters
    ----------
    counts
        (J,) summed weights of the levels' rows.
    weight
        (m,) weights of the rows; a level has at least half of a row.
    """
    floored = np.maximum(counts, 0.5 * float(np.mean(weight)))
    return np.asarray(floored / floored.sum())
