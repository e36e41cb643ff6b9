"""Tidy frames: a row per point of a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm.errors import DataError, MissingColumnError, SpecificationError

__all__ = ["actual_expected", "partial_means"]

Array = npt.NDArray[np.float64]


def actual_expected(
    y: Any, expected: Any, by: Any, exposure: Any = None, bands: int = 10
) -> pd.DataFrame:
    """Compare a response with what models expect, band by band of a variable.

    Parameters
    ----------
    y
        (n,) response: counts or amounts, not rates.
    expected
        (n,) fitted or predicted means of it, or a dictionary of such by the name of the model.
    by
        (n,) variable that makes the bands. Levels of a factor (or text) are bands; numbers are cut
        at quantiles of the exposure.
    exposure
        (n,) exposure of every row; by default every row counts 1.
    bands
        Bands that numbers are cut into, at most; equal numbers stay together.

    Returns
    -------
    DataFrame
        For every model and band: ``low`` and ``high`` (least and greatest value seen, NaN for a
        factor), ``exposure`` (its sum), ``actual`` and ``expected`` (sums of `y` and of the means,
        per unit of exposure).

    Examples
    --------
    >>> import deepglm as dg
    >>> ships = dg.datasets.load("ships").query("service > 0")
    >>> fit = dg.DeepGLM("incidents ~ C(period)", ships, family=dg.Poisson(), exposure="service",
    ...                  hidden=()).fit()
    >>> frame = actual_expected(ships.incidents, {"GLM": fit.mu}, ships.period, ships.service)
    >>> frame[["model", "band", "exposure", "actual", "expected"]].round(6)
      model band  exposure    actual  expected
    0   GLM   60   88911.0  0.001563  0.001563
    1   GLM   75   74663.0  0.002906  0.002906
    """
    models = expected if isinstance(expected, Mapping) else {"": expected}
    if any(hasattr(one, "predict") for one in (y, by, *models.values())):
        raise SpecificationError(
            "a result was given, and numbers are needed: its means are result.fittedvalues, as in "
            "actual_expected_frame(y, result.fittedvalues, by)."
        )
    columns = {"y": y, **{f"expected {name!r}": values for name, values in models.items()}}
    columns["exposure"] = np.ones(len(y)) if exposure is None else exposure
    _check_labels({**columns, "by": by})
    numbers = {name: _finite(values, name, len(y)) for name, values in columns.items()}
    weight = numbers["exposure"]
    if not (weight > 0).all():
        row = int(np.argmin(weight))
        raise DataError(f"exposure is {weight[row]:g} in row {row}; it must be above zero.")
    cut = _bands(by, weight, bands)
    total = np.bincount(cut.code, weight)
    actual = np.bincount(cut.code, numbers["y"]) / total
    frames = [
        pd.DataFrame(
            {
                "model": name,
                "by": getattr(by, "name", None) or "",
                "band": cut.labels,
                "low": cut.low,
                "high": cut.high,
                "exposure": total,
                "actual": actual,
                "expected": np.bincount(cut.code, numbers[f"expected {name!r}"]) / total,
            }
        )
        for name in models
    ]
    return pd.concat(frames, ignore_index=True)


def partial_means(
    results: Any, data: pd.DataFrame, input: str, values: Iterable[Any], exposure: Any = None
) -> pd.DataFrame:
    """Average a model's means over rows in which one input is set to each of some values.

    Parameters
    ----------
    results
        A result, or a dictionary of results by the name of the model.
    data
        Rows to average over: those of the fit, or a sample of them. They are not changed.
    input
        Variable of the data; every column that is made from it moves with it.
    values
        Values to set it to.
    exposure
        As in ``results.predict``; 1 gives the rate per unit of exposure.

    Returns
    -------
    DataFrame
        For every model and value: ``mean``, and ``share``, the part of the rows whose own value is
        nearest to it. Of a response of classes every class has lines of its own, its name after
        that of the model, and ``mean`` is its mean probability.

    Notes
    -----
    These are the partial dependence functions of Friedman (2001, Annals of Statistics 29,
    1189-1232). The other inputs stay as observed, so a value is also paired with rows in which it
    does not occur: a driver of 18 with twenty years of bonus.

    Examples
    --------
    >>> import deepglm as dg
    >>> trees = dg.datasets.load("trees")
    >>> fit = dg.DeepGLM("Volume ~ Girth", trees, family=dg.Gamma(), hidden=()).fit()
    >>> partial_means({"GLM": fit}, trees, "Girth", [10.0, 15.0])["mean"].round(3).tolist()
    [18.594, 30.769]
    """
    models = results if isinstance(results, Mapping) else {"": results}
    if not isinstance(data, pd.DataFrame) or not all(
        hasattr(m, "predict") for m in models.values()
    ):
        raise SpecificationError(
            "partial_means needs a result, or a dictionary of results, and a data frame of rows "
            f"in this order; given were {type(results).__name__} and {type(data).__name__}."
        )
    if input not in data.columns:
        raise MissingColumnError(
            f"data has no column {input!r}; its columns are {', '.join(map(str, data.columns))}."
        )
    points = list(values)
    if not points:
        raise SpecificationError("values is empty: give at least one value of the input.")
    share = _shares(data[input], points)
    rows = [
        {"model": _line(name, outcome), "input": input, "value": value, "mean": mean, "share": part}
        for name, result in models.items()
        for value, part in zip(points, share, strict=True)
        for outcome, mean in _means(result, data, input, value, exposure).items()
    ]
    frame = pd.DataFrame(rows)
    order = {line: k for k, line in enumerate(dict.fromkeys(frame["model"]))}
    return frame.sort_values("model", key=lambda m: m.map(order), kind="stable", ignore_index=True)


def _line(name: Any, outcome: Any) -> Any:
    """What a line is called: the model, and the class of its response."""
    if outcome is None:
        return name
    return f"{name}: {outcome}" if name else str(outcome)


def _means(
    result: Any, data: pd.DataFrame, input: str, value: Any, exposure: Any
) -> dict[Any, float]:
    """Mean of the rows by class of the response, or by None where it has none."""
    means = result.predict(data.assign(**{input: value}), exposure=exposure)
    by_row = means.to_numpy().reshape(len(means), -1).sum(axis=1)
    missing = np.flatnonzero(np.isnan(by_row))
    if len(missing):
        raise DataError(
            f"{len(missing)} rows cannot be predicted with {input} = {value!r}, the first of them "
            f"row {means.index[missing[0]]!r}: an input is missing. Leave such rows out of data."
        )
    if isinstance(means, pd.DataFrame):
        return {outcome: float(column.mean()) for outcome, column in means.items()}
    return {None: float(means.mean())}


def _shares(column: pd.Series, points: list[Any]) -> Array:
    """(k,) parts of the rows that are nearest to each point, or equal to it."""
    if not pd.api.types.is_numeric_dtype(column):
        return np.array([float((column == point).mean()) for point in points])
    x = column.to_numpy(dtype=float, na_value=np.nan)
    ordered = np.argsort(np.asarray(points, dtype=float), kind="stable")
    at = np.asarray(points, dtype=float)[ordered]
    seen = x[np.isfinite(x)]
    nearest = np.searchsorted((at[1:] + at[:-1]) / 2, seen, side="left")
    share = np.zeros(len(points))
    share[ordered] = np.bincount(nearest, minlength=len(points)) / len(x)
    return share


# -- bands ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cut:
    """Rows in bands: a code per row, and for every band what it is called and where it ends."""

    code: npt.NDArray[np.integer[Any]]
    labels: list[str]
    low: Array
    high: Array


def _bands(by: Any, weight: Array, bands: int) -> _Cut:
    column = pd.Series(by).reset_index(drop=True)
    if column.isna().any():
        row = int(column.isna().to_numpy().argmax())
        raise DataError(f"by is missing in row {row}; leave such rows out, or give them a level.")
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        return _levels(column)
    if bands < 1:
        raise SpecificationError(f"bands={bands!r}: at least one band is needed.")
    x = _finite(column, "by", len(weight))
    values, place = np.unique(x, return_inverse=True)
    mass = np.bincount(place, weight)
    # a value belongs to the band in which the middle of its exposure lies
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    band = np.unique(np.minimum((middle * bands).astype(int), bands - 1), return_inverse=True)[1]
    first = np.r_[0, 1 + np.flatnonzero(np.diff(band))]
    low, high = values[first], values[np.r_[first[1:] - 1, len(values) - 1]]
    return _Cut(band[place], [_range(a, b) for a, b in zip(low, high, strict=True)], low, high)


def _levels(column: pd.Series) -> _Cut:
    factor = column.astype("category").cat.remove_unused_categories().cat
    none = np.full(len(factor.categories), np.nan)
    return _Cut(
        factor.codes.to_numpy(dtype=np.intp), [str(c) for c in factor.categories], none, none
    )


def _range(low: float, high: float) -> str:
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


# -- checks ---------------------------------------------------------------------------------


def _finite(values: Any, name: str, n: int) -> Array:
    array = np.asarray(values, dtype=float)
    if array.shape != (n,):
        raise DataError(
            f"{name} has shape {array.shape}; needed is one number for each of the {n} rows of y. "
            "A model leaves rows with missing values out: use its own index for all of them."
        )
    if not np.isfinite(array).all():
        row = int(np.argmin(np.isfinite(array)))
        raise DataError(f"{name} is {array[row]} in row {row}; leave such rows out.")
    return array


def _check_labels(columns: Mapping[str, Any]) -> None:
    """Refuse labelled columns whose labels differ: rows would be paired by accident."""
    labelled = {name: c.index for name, c in columns.items() if isinstance(c, pd.Series)}
    first = next(iter(labelled), None)
    for name, index in labelled.items():
        if first is not None and not index.equals(labelled[first]):
            raise DataError(
                f"{name} and {first} have different row labels. Select the same rows of both, for "
                "example by the index of the predictions."
            )
