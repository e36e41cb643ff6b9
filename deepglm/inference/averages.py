"""Averages of quantities over rows, functions of them, and what these need for standard errors.

They become a :class:`~deepglm.inference.uncertainty.Functional`, with exact derivatives by the
parameters and with the influence of every row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deepglm.inference.fitted import Array
from deepglm.inference.inputs import Quantity
from deepglm.inference.uncertainty import Functional

__all__ = ["Averages", "Weighting"]


@dataclass(frozen=True, eq=False)
class Weighting:
    """Averages ``sum(share * top * m) / sum(share * bottom)``, such as those of groups.

    Parameters
    ----------
    top, bottom
        (K, n).
    """

    top: Array
    bottom: Array


@dataclass(frozen=True, eq=False)
class Averages:
    """Averages of quantities over rows, and a smooth function of them.

    Parameters
    ----------
    quantities
        All at the same place.
    share
        (n,) share of the rows of the place, adding up to one.
    value, slopes
        From the (Q,) averages to (k,) numbers, and to their (k, Q) derivatives. The averages of a
        quantity's number over K groups stand together.
    weighting
        Which averages; by default the one over all rows.
    """

    quantities: Sequence[Quantity]
    share: Array
    value: Callable[[Array], Array]
    slopes: Callable[[Array], Array]
    weighting: Weighting | None = None

    def functional(self, population: bool) -> Functional:
        """A function of the parameters.

        Parameters
        ----------
        population
            Whether it is about the population that the rows come from. An average over these very
            rows, or a value at one row, is not.
        """
        if population:
            return Functional(self._at, self.jacobian, self.influences)
        return Functional(lambda theta, _: self._at(theta, self.share), self.jacobian)

    def _at(self, theta: Array, share: Array) -> Array:
        return self.value(self.averages(theta, share))

    def averages(self, theta: Array, share: Array) -> Array:
        """(Q,) averages."""
        tops, bottoms = self._weights(share)
        total = np.zeros((self._size, len(tops)))
        for lo, hi in self.quantities[0].place.runs():
            values = [one.rows(theta, lo, hi) for one in self.quantities]
            total += np.concatenate(values) @ tops[:, lo:hi].T
        return np.asarray((total / bottoms).ravel())

    def jacobian(self, theta: Array) -> Array:
        """(k, parameters) derivatives."""
        tops, bottoms = self._weights(self.share)
        total = np.zeros((self._size, len(tops), len(theta)))
        for lo, hi in self.quantities[0].place.runs():
            weights = tops[:, lo:hi]
            parts = [one.gradient(theta, weights, lo, hi) for one in self.quantities]
            total += np.concatenate(parts)
        total /= bottoms[:, None]
        averages = self.averages(theta, self.share)
        return np.asarray(self.slopes(averages) @ total.reshape(len(averages), -1))

    def influences(self, theta: Array) -> Array:
        """(k, n) numbers whose average is the value, and whose spread is its sampling error."""
        averages = self.averages(theta, self.share)
        G, level = self.slopes(averages), self.value(averages)
        by_row = self.rows(theta)
        if self.weighting is not None:
            _, bottoms = self._weights(self.share)
            centred = (
                by_row[:, None] * self.weighting.top
                - averages.reshape(self._size, -1)[:, :, None] * self.weighting.bottom
            ) / bottoms[:, None]
            return np.asarray(level[:, None] + G @ centred.reshape(len(averages), -1))
        return np.asarray(level[:, None] + G @ (by_row - averages[:, None]))

    def rows(self, theta: Array) -> Array:
        """(numbers, n) the quantities in every row."""
        runs = self.quantities[0].place.runs()
        return np.concatenate(
            [
                np.concatenate([one.rows(theta, lo, hi) for one in self.quantities])
                for lo, hi in runs
            ],
            axis=1,
        )

    @cached_property
    def _size(self) -> int:
        return sum(one.size for one in self.quantities)

    def _weights(self, share: Array) -> tuple[Array, Array]:
        """(K, n) weights of sums, and (K,) what they are divided by."""
        if self.weighting is None:
            return share[None], np.ones(1)
        return share * self.weighting.top, self.weighting.bottom @ share
