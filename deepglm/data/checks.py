"""What values must be before they enter a fit; every message names the user's row."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm.errors import DataError, MissingDataError
from deepglm.formula.columns import first_word

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def row_label(index: pd.Index | None, row: int) -> Any:
    """Tell what the user calls a row: its label, or its number where rows have none."""
    label = row if index is None else index[row]
    return label.item() if isinstance(label, np.generic) else label


def found(name: str, values: Array, bad: Mask, index: pd.Index | None) -> str:
    """Say which value of ``name`` is bad, in which row, and in how many others.

    Parameters
    ----------
    name
        What holds the values, as the message calls it.
    values
        (n,) or (n, k) values.
    bad
        (n,) where one is bad; at least once.
    index
        Labels of the rows.
    """
    rows = np.flatnonzero(bad)
    others = "" if rows.size == 1 else f" (and {rows.size - 1} more)"
    value = values[rows[0]].tolist()
    return f"{name} has the value {value} in row {row_label(index, int(rows[0]))!r}{others}"


def as_floats(values: Any, name: str, index: pd.Index | None = None) -> Array:
    """Convert numbers and booleans of any dtype to floats, NaN where one is missing.

    The memory may be the caller's own. Text is refused, also where it reads as a number.

    Parameters
    ----------
    values
        An array, list, Series or data frame of numbers.
    name
        What the message calls it.
    index
        Labels of the rows, for the message.
    """
    if isinstance(values, pd.DataFrame):
        columns = [as_floats(values.iloc[:, j], name, index) for j in range(values.shape[1])]
        return np.column_stack(columns) if columns else np.empty((len(values), 0))
    if isinstance(values, np.ma.MaskedArray):
        return np.asarray(np.ma.filled(values.astype(np.float64), np.nan))
    if isinstance(values, pd.Series | pd.Index | pd.api.extensions.ExtensionArray):
        return _from_pandas(pd.Series(values), name, index)
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(f"{name} cannot be read as an array: {error}.") from error
    return _from_numpy(array, name, index)


def _from_pandas(values: pd.Series, name: str, index: pd.Index | None) -> Array:
    dtype = values.dtype
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    return _from_numpy(np.asarray(values), name, index)


def _from_numpy(array: npt.NDArray[Any], name: str, index: pd.Index | None) -> Array:
    if array.dtype.kind in "biuf":
        return np.asarray(array, dtype=np.float64)
    flat = array.ravel()
    word = first_word(flat) if array.dtype.kind == "O" else 0
    if word is not None and flat.size:
        row = word // max(1, flat.size // len(array)) if array.ndim else 0
        label = row_label(index if index is not None and row < len(index) else None, row)
        raise DataError(
            f"{name} has {flat[word : word + 1].tolist()[0]!r} in row {label!r}, and numbers are "
            "needed. Convert it."
        )
    numbers = [np.nan if pd.isna(value) else float(value) for value in flat]
    return np.array(numbers, dtype=np.float64).reshape(array.shape)


def check_not_infinite(values: Array, name: str, index: pd.Index | None) -> None:
    """Raise where a value is infinite; a missing one is another matter."""
    bad = np.isinf(values)
    if bad.any():
        raise MissingDataError(
            f"{found(name, values, bad, index)}. Infinity is neither a number to work with nor a "
            "missing value: correct it, make it NaN if it is missing, or leave the row out."
        )


def check_weights(values: Array, name: str, index: pd.Index | None = None) -> None:
    """Raise unless every weight is finite and not negative and some are positive."""
    bad = ~np.isfinite(values) | (values < 0)
    if bad.any():
        raise DataError(
            f"{found(name, values, bad, index)}. Weights are finite and not negative: correct "
            "them, or leave those rows out with subset=."
        )
    if not (values > 0).any():
        raise DataError(
            f"{name} is zero in every row, so that no row counts. Give at least one row a weight "
            "above zero."
        )


def check_exposure(values: Array, name: str, index: pd.Index | None = None) -> None:
    """Raise unless every exposure that is there is finite and positive."""
    bad = np.isinf(values) | (values <= 0)
    if bad.any():
        raise DataError(
            f"{found(name, values, bad, index)}. The logarithm of an exposure enters the linear "
            "predictor, so that it must be finite and above zero: correct it, or leave those rows "
            "out."
        )
