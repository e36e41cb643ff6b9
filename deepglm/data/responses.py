"""Responses as the families read them: a number, a share of trials, classes, or an interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm.data.checks import found
from deepglm.errors import DataError
from deepglm.formula.columns import listed

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

MOST_CLASSES = 100
"""Distinct numbers up to which a column of numbers may stand for classes."""


class Endog(NamedTuple):
    """A response as it came, on the rows used."""

    values: Array
    """(n,) numbers or codes of levels, or (n, k) columns."""
    name: str
    """What messages call it."""
    columns: tuple[str, ...]
    """Names of its columns."""
    levels: tuple[Any, ...] = ()
    """Levels of a response of labels, in order."""
    ordered: bool = False
    """Whether someone said what their order is."""

    @property
    def called(self) -> str:
        """What messages call it."""
        return f"the response {self.name!r}"

    def only(self, rows: Mask) -> Endog:
        """The same of some rows."""
        return self._replace(values=self.values[rows])


class Response(NamedTuple):
    """A response as a family takes it."""

    y: Array
    """(n,) or (k, n)."""
    trials: Array
    """(n,) trials of a row, ones where it is no count of several."""
    levels: tuple[Any, ...] = ()
    """What the classes are called."""


def complete(endog: Endog, reading: str) -> Array:
    """The values in which a NaN is a missing response; open ends of intervals are none."""
    if reading == "interval" and endog.values.ndim == 2:
        return np.where(np.isinf(endog.values), 0.0, endog.values)
    return endog.values


def hint_of(endog: Endog, reading: str) -> str:
    """What to say beside a missing response: elsewhere a missing end is an open one."""
    interval = reading == "interval" and endog.values.ndim == 2
    return " An open end of an interval is -inf or inf, and not missing." if interval else ""


def read_response(
    endog: Endog, reading: str, limits: tuple[Array, Array], index: pd.Index
) -> Response:
    """Bring a response to the form that a family takes.

    Parameters
    ----------
    endog
        The response, complete.
    reading
        One of ``READINGS``: how the family reads it.
    limits
        (n,) lower and upper limits of a censored response.
    index
        Labels of the rows.
    """
    return READINGS[reading](endog, limits, index)


def _number(endog: Endog, limits: tuple[Array, Array], index: pd.Index) -> Response:
    """A number, or the share and number of successes."""
    if endog.levels:
        _check_two_levels(endog)
    if endog.values.ndim == 1:
        return Response(endog.values, np.ones(len(endog.values)), endog.levels)
    if endog.values.shape[1] != 2:
        raise DataError(
            f"{endog.called} has {endog.values.shape[1]} columns, and a response has one, or two "
            "for binomial counts: successes and failures. Give one or two; Multinomial() takes "
            "counts of several classes."
        )
    trials = _trials(endog, "Successes and failures", index)
    y = np.divide(endog.values[:, 0], trials, out=np.zeros(len(trials)), where=trials > 0)
    return Response(y, trials)


def _trials(endog: Endog, what: str, index: pd.Index) -> Array:
    """Sums of the columns of counts."""
    bad = np.asarray((endog.values < 0).any(axis=1))
    if bad.any():
        raise DataError(
            f"{found(endog.called, endog.values, bad, index)}. {what} cannot be negative: "
            "correct them, or leave those rows out with subset=."
        )
    trials = endog.values.sum(axis=1)
    if not trials.any():
        raise DataError(f"{endog.called} has no trial in any row; at least one row must have one.")
    return np.asarray(trials)


def _check_two_levels(endog: Endog) -> None:
    levels = endog.levels
    if len(levels) == 2:
        return
    what = "one level" if len(levels) == 1 else f"{len(levels)} levels"
    raise DataError(
        f"The response '{endog.name}' has {what}, {listed(levels)}, and a response of labels needs "
        "two: the second counts 1. Recode it, compare one level with the rest, as in "
        f"I({endog.name} == {levels[-1]!r}), use Multinomial() or Ordinal() for several classes, "
        "or take unused categories away with .cat.remove_unused_categories()."
    )


def _classes(endog: Endog, limits: tuple[Array, Array], index: pd.Index) -> Response:
    """Shares of the classes: of labels, of numbers that stand for them, or of columns of counts."""
    if endog.values.ndim == 2:
        trials = _trials(endog, "Counts", index)
        # a row without trials does not count, whatever its shares
        shares = np.full(endog.values.T.shape, 1.0 / endog.values.shape[1])
        np.divide(endog.values.T, trials, out=shares, where=trials > 0)
        return Response(shares, trials, endog.columns)
    codes, levels = _codes(endog, "Multinomial()")
    shares = np.zeros((len(levels), len(codes)))
    shares[codes, np.arange(len(codes))] = 1.0
    return Response(shares, np.ones(len(codes)), levels)


def _ordered(endog: Endog, limits: tuple[Array, Array], index: pd.Index) -> Response:
    """Codes of ordered classes."""
    if endog.values.ndim == 2:
        raise DataError(
            f"{endog.called} has {endog.values.shape[1]} columns, and an ordinal response has one. "
            "Give one column of classes; counts of them go into freq_weights=."
        )
    if endog.levels and not endog.ordered and len(endog.levels) > 2:
        raise DataError(
            f"{endog.called} has the levels {listed(endog.levels)}, and nothing says what their "
            "order is. Make the column ordered, with its categories from the lowest to the "
            "highest, as in pd.Categorical(values, categories=[...], ordered=True), or write "
            f"C({endog.name}, levels=[...]) in the formula; Multinomial() needs no order."
        )
    codes, levels = _codes(endog, "Ordinal()")
    return Response(codes.astype(np.float64), np.ones(len(codes)), levels)


def _codes(endog: Endog, family: str) -> tuple[npt.NDArray[np.intp], tuple[Any, ...]]:
    """Codes of labels, or of numbers in their order."""
    if endog.levels:
        codes, levels = endog.values.astype(np.intp), endog.levels
    else:
        distinct, codes = np.unique(endog.values, return_inverse=True)
        if len(distinct) > MOST_CLASSES:
            raise DataError(
                f"{endog.called} has {len(distinct)} distinct numbers, and {family} takes each for "
                f"a class of its own. Use Gaussian() for a measurement, or group it with pd.cut."
            )
        levels = tuple(int(value) if value == int(value) else float(value) for value in distinct)
    if len(levels) < 2:
        raise DataError(
            f"{endog.called} is {levels[0]!r} in every row; {family} needs two classes or more. "
            "Look at the response and the subset."
        )
    return codes, levels


def _interval(endog: Endog, limits: tuple[Array, Array], index: pd.Index) -> Response:
    """(lower, upper) ends of an interval, or (value, lower limit, upper limit)."""
    if endog.levels:
        raise DataError(
            f"{endog.called} has the levels {listed(endog.levels)}, and a censored response is a "
            "number. Give numbers, or use Ordinal() for classes."
        )
    ones = np.ones(len(endog.values))
    if endog.values.ndim == 1:
        return Response(np.stack([endog.values, *limits]), ones)
    if endog.values.shape[1] != 2:
        raise DataError(
            f"{endog.called} has {endog.values.shape[1]} columns; an interval has two ends, as in "
            "'lo + hi ~ x'. Give one column, or two."
        )
    return Response(np.ascontiguousarray(endog.values.T), ones)


READINGS: dict[str, Callable[[Endog, tuple[Array, Array], pd.Index], Response]] = {
    "number": _number,
    "proportion": _number,
    "classes": _classes,
    "ordered": _ordered,
    "interval": _interval,
}
"""How families read a response."""

__all__ = ["READINGS", "Endog", "Response", "complete", "hint_of", "read_response"]
