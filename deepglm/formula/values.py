"""What a factor comes to: numbers, or labels with codes.

Numbers are kept as they come, (n, k); labels are codes of distinct values, -1 where one is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from patsy.categorical import C

from deepglm.errors import DataError, FormulaError
from deepglm.formula.columns import Columns, Mask, first_word, is_numeric, plain
from deepglm.formula.transforms import spread

Numbers = npt.NDArray[Any]

MARKED = type(C(()))
"""What C() gives: data, contrast and levels together."""

ABSENT = -1
"""Code of a missing label."""


@dataclass(frozen=True, eq=False)
class Labels:
    """Categorical values: codes of the distinct ones, and what C() said about them."""

    codes: npt.NDArray[np.intp]
    distinct: list[Any]
    contrast: Any = None
    levels: tuple[Any, ...] | None = None
    ordered: bool = False
    """Whether someone has said that the levels have an order, and which."""

    def marked(self) -> Any:
        """Give what patsy needs to order the levels and to choose their coding."""
        return C(self.distinct, self.contrast, self.levels)


def is_categorical(value: Any) -> bool:
    """Whether a factor's value has levels: C(), words, booleans, categories, dates."""
    return isinstance(value, MARKED) or not is_numeric(plain(value, None))


def as_numbers(value: Any, name: str, columns: Columns) -> Numbers:
    """Give a numeric factor as an (n, k) matrix, without a copy if it is one already.

    Raises
    ------
    DataError
        If it is not real numbers.
    FormulaError
        If its rows are not those of the data.
    """
    _check_index(value, name, columns)
    value = plain(value, columns.index)
    array = np.asarray(value)
    if array.dtype.kind in "Ob":
        array = array.astype(np.float64 if first_word(array.ravel()) is None else str)
    if array.dtype.kind not in "iuf":
        raise DataError(
            f"'{name}' is of type {array.dtype}, and real numbers are needed. Convert it, or write "
            f"C({name}) if it is a factor."
        )
    if array.ndim > 2:
        raise FormulaError(
            f"'{name}' has {array.ndim} dimensions. A factor has one column, or a few in a matrix."
        )
    _check_rows(len(array), name, columns)
    return array[:, None] if array.ndim == 1 else array


def _check_rows(rows: int, name: str, columns: Columns) -> None:
    if rows != columns.n:
        raise FormulaError(
            f"'{name}' has {rows} rows and the data have {columns.n}. Write what gives one value "
            "for each row; a variable of another length belongs into the data."
        )


def _check_index(value: Any, name: str, columns: Columns) -> None:
    index = getattr(value, "index", None)
    if not isinstance(index, pd.Index) or columns.index is None or index is columns.index:
        return
    if len(index) == columns.n and not index.equals(columns.index):
        raise FormulaError(
            f"'{name}' comes back with its rows in another order or with other labels than the "
            "data. Keep the index of the data."
        )


def with_missing(numbers: Numbers, missing: Mask | None) -> Numbers:
    """Make rows NaN in which an input is missing, also where a comparison has hidden it."""
    if missing is None or (numbers.dtype.kind == "f" and np.isnan(numbers[missing]).all()):
        return numbers
    numbers = numbers.astype(np.float64)  # a copy: these may be the user's own
    numbers[missing] = np.nan
    return numbers


def as_labels(value: Any, name: str, columns: Columns) -> Labels:
    """Give a categorical factor as codes of its distinct values.

    Raises
    ------
    DataError
        If a value cannot be a level.
    FormulaError
        If it is a matrix, or its rows are not those of the data.
    """
    contrast = levels = None
    if isinstance(value, MARKED):
        contrast, levels, value = value.contrast, value.levels, value.data
        levels = None if levels is None else tuple(levels)
    _check_index(value, name, columns)
    value = plain(value, columns.index)
    if value.ndim > 1:
        raise FormulaError(f"The factor '{name}' has {value.ndim} dimensions; it needs one column.")
    _check_rows(len(value), name, columns)
    if isinstance(value.dtype, pd.CategoricalDtype):
        cells: Any = value.array if isinstance(value, pd.Series) else value
        known = cells.categories.tolist()
        codes = cells.codes.astype(np.intp)
        ordered = bool(cells.dtype.ordered) or levels is not None
        return Labels(codes, known, contrast, tuple(known) if levels is None else levels, ordered)
    if value.dtype == bool:
        codes = np.asarray(value).astype(np.intp)
        return Labels(codes, [False, True], contrast, levels)
    try:
        codes, distinct = pd.factorize(value)
    except TypeError as error:
        raise DataError(
            f"The factor '{name}' has a value that cannot be a level: {error}. Levels are texts, "
            "numbers or the like."
        ) from error
    return Labels(codes, distinct.tolist(), contrast, levels, levels is not None)


def spread_labels(value: Any, rows: Mask) -> Any:
    """Put numbers or labels of the chosen rows in their places; the others are missing."""
    if isinstance(value, MARKED):
        return C(spread_labels(value.data, rows), value.contrast, value.levels)
    dtype = getattr(value, "dtype", None)
    if isinstance(dtype, pd.CategoricalDtype):
        full = np.full(len(rows), None, dtype=object)
        full[rows] = np.asarray(value, dtype=object)
        return pd.Categorical(full, dtype=dtype)
    return spread(value, rows)
