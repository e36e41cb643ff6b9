"""Calibration of predicted probabilities: the record that a result returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepglm.errors import DataError, SpecificationError
from deepglm.inference import checks
from deepglm.inference.checks import Events
from deepglm.inference.fitted import Array

__all__ = ["Calibration", "calibrated", "check_frame", "shares_of_classes"]

SAME_ROWS = (
    "Optimistic: these rows made the fit, which alone brings intercepts to 0 and slopes to 1 or "
    "above. Give rows that did not, as calibration(exog=new)."
)

SEPARATED = (
    "the probabilities separate events from the rest, so that intercept and slope have no finite "
    "estimates."
)

NEW_ROWS = "On rows that the caller gave."


@dataclass(frozen=True, eq=False, repr=False)
class Calibration:
    """How predicted probabilities agree with what happened.

    Parameters
    ----------
    coefficients
        By event: intercept and slope of a logistic regression of the event on the log odds that
        were predicted, 0 and 1 if these are right, with standard errors. A slope below 1 says that
        predictions are too extreme.
    tests
        By event and test: statistic, degrees of freedom, p-value. "in the large" is about the
        level alone.
    curve
        By event and group of rows with similar probabilities: mean probability, share of events
        with its interval, and trials.
    errors
        By event: mean, median and 90% quantile of the distance between probabilities and an
        isotonic regression on them (``ici``, ``e50``, ``e90``). It is above zero by chance alone.
    note
        On which rows.
    """

    coefficients: pd.DataFrame
    tests: pd.DataFrame
    curve: pd.DataFrame
    errors: pd.DataFrame
    note: str

    def __str__(self) -> str:
        def text(frame: pd.DataFrame) -> str:
            return frame.to_string(float_format=lambda value: f"{value:.4f}")

        parts = (text(self.coefficients), text(self.tests), text(self.errors), self.note)
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        return str(self)


def calibrated(events: Mapping[str, Events], bins: int, alpha: float, note: str) -> Calibration:
    """Judge the probabilities of one or several events.

    Parameters
    ----------
    events
        By name.
    bins
        Groups of the curve.
    alpha
        One minus the coverage of its intervals.
    note
        On which rows.
    """
    coefficients, tests, curves, errors = {}, {}, {}, {}
    for name, event in events.items():
        params, bse = checks.recalibrated(event)
        coefficients[name] = [params[0], bse[0], params[1], bse[1]]
        tests[name] = check_frame(checks.calibration_tests(event))
        found = checks.calibration_curve(event, bins, alpha)
        if event.separated:
            note += f" {name}: {SEPARATED}"
        curves[name] = pd.DataFrame(found._asdict()).rename_axis("group")
        errors[name] = checks.calibration_errors(event)
    names = ["intercept", "se_intercept", "slope", "se_slope"]
    return Calibration(
        pd.DataFrame.from_dict(coefficients, orient="index", columns=names).rename_axis("event"),
        pd.concat(tests, names=["event", "test"]),
        pd.concat(curves, names=["event", "group"]),
        pd.DataFrame.from_dict(errors, orient="index", columns=["ici", "e50", "e90"]).rename_axis(
            "event"
        ),
        note,
    )


def check_frame(found: Mapping[str, checks.Check]) -> pd.DataFrame:
    """Tests as a frame."""
    columns = list(checks.Check._fields)
    return pd.DataFrame(list(found.values()), index=list(found), columns=columns).astype(float)


def shares_of_classes(values: Any, levels: tuple[Any, ...], n: int) -> tuple[Array, Array]:
    """(classes, n) shares of labels or of counts in columns, and (n,) trials; NaN where missing.

    Parameters
    ----------
    values
        Labels, numbers of 0 and 1 where the classes have no names, or a column of counts per class
        (failures last, of two).
    levels
        What the classes are called; empty for 0 and 1.
    n
        Rows that were predicted.
    """
    given = np.asarray(values)
    if len(given) != n:
        raise SpecificationError(f"endog has {len(given)} rows, and {n} rows were predicted.")
    if given.ndim == 2:
        counts = given.astype(np.float64).T
        counts = counts if levels else counts[::-1]
        trials = counts.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return counts / trials, trials
    missing = pd.isna(given)
    if not levels:
        y = np.where(missing, np.nan, given).astype(np.float64)
        if ((y < 0.0) | (y > 1.0)).any():
            raise DataError("endog has values outside 0 to 1, and a share of events is needed.")
        return np.stack([1.0 - y, y]), np.ones(n)
    codes = pd.Index(list(levels), dtype=object).get_indexer(given.astype(object))
    unknown = given[(codes < 0) & ~missing]
    if len(unknown):
        raise DataError(
            f"endog has the label {unknown[0]!r}; the classes of the fit are "
            f"{', '.join(map(repr, levels))}."
        )
    shares = np.where(missing, np.nan, np.arange(len(levels))[:, None] == codes)
    return shares.astype(np.float64), np.ones(n)
