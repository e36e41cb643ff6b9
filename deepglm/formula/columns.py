"""The user's data as columns of plain numbers and labels; nothing of the user's is changed."""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm.errors import DataError, MissingColumnError

Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[np.float64]

_SHOWN = 12
"""Most names or levels that a message lists."""


class Columns:
    """Columns of a data frame or of a mapping of arrays, converted when they are asked for.

    Numbers come as numpy numbers with NaN where they are missing, labels as objects or categoricals
    with None or NaN. A column that is already so is handed on without a copy.

    Parameters
    ----------
    data : DataFrame, mapping of str to array_like, or structured ndarray
        At least one row.

    Raises
    ------
    DataError
        Without rows, with columns of the same name, or with columns of different lengths.
    """

    def __init__(self, data: Any) -> None:
        self._data, self.names = _as_mapping(data)
        self.index: pd.Index[Any] | None = getattr(data, "index", None)
        if not isinstance(data, pd.DataFrame):
            self.index = _common_index(data, self.names)
        self.n = len(data) if isinstance(data, pd.DataFrame) else _common_length(data, self.names)
        if self.n == 0:
            raise DataError("The data have no rows. Pass at least one.")
        self._plain: dict[str, Any] = {}
        self._missing: dict[str, Mask | None] = {}

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> Any:
        if name not in self._plain:
            self._plain[name] = plain(self._data[name], self.index)
        return self._plain[name]

    def numbers(self, name: str) -> Any:
        """Give a column that has to hold numbers, whatever its dtype is here.

        Raises
        ------
        DataError
            At the first value that is not a number.
        """
        values = self[name]
        if is_numeric(values):
            return values
        row = first_word(values)
        if row is not None:
            raise DataError(
                f"Column '{name}' held numbers when the formula was learned, and holds "
                f"{list(values)[row]!r} in row {self.label(row)!r} now. Make it a number, or NaN "
                "if it is missing."
            )
        as_float = np.asarray(values, dtype=np.float64)
        if isinstance(values, pd.Series):
            return pd.Series(as_float, index=values.index, name=name)
        return as_float

    def missing(self, name: str) -> Mask | None:
        """Rows in which the column is missing; None if there is no such row."""
        if name not in self._missing:
            mask: Mask = np.asarray(pd.isna(self[name]))
            if mask.ndim > 1:
                mask = np.asarray(mask.any(axis=1))
            self._missing[name] = mask if mask.any() else None
        return self._missing[name]

    def missing_any(self, names: Iterable[str]) -> Mask | None:
        """Rows in which one of the columns is missing; None if there is no such row."""
        masks = [mask for mask in map(self.missing, names) if mask is not None]
        return np.logical_or.reduce(masks) if masks else None

    def label(self, row: int) -> Any:
        """What the user calls this row: its index label, or else its number."""
        if self.index is None:
            return row
        label = self.index[row]
        return label.item() if isinstance(label, np.generic) else label


def _as_mapping(data: Any) -> tuple[Any, tuple[Any, ...]]:
    if isinstance(data, pd.DataFrame):
        twice = data.columns[data.columns.duplicated()].unique()
        if len(twice):
            raise DataError(
                f"The data have more than one column called {listed(twice)}. Rename or drop all "
                "but one: a formula could mean any of them."
            )
        return data, tuple(data.columns)
    if isinstance(data, Mapping):
        return data, tuple(data)
    if isinstance(data, np.ndarray) and data.dtype.names:
        return data, data.dtype.names
    raise DataError(
        f"The data are of type {type(data).__name__}. A formula needs columns with names: pass a "
        "pandas DataFrame or a mapping of names to arrays."
    )


def _common_length(data: Any, names: tuple[Any, ...]) -> int:
    lengths: dict[int, Any] = {}
    for name in names:
        values = data[name]
        lengths.setdefault(len(values) if np.ndim(values) else 1, name)
    if len(lengths) > 1:
        (a, first), (b, second) = list(lengths.items())[:2]
        raise DataError(
            f"Column '{first}' has {a} rows and column '{second}' has {b}. All columns need the "
            "same rows."
        )
    return next(iter(lengths), 0)


def _common_index(data: Any, names: tuple[Any, ...]) -> pd.Index[Any] | None:
    found: tuple[Any, pd.Index[Any]] | None = None
    for name in names:
        index = data[name].index if isinstance(data[name], pd.Series) else None
        if index is None:
            continue
        if found is None:
            found = name, index
        elif not found[1].equals(index):
            raise DataError(
                f"The series '{found[0]}' and '{name}' have different indexes, so their rows "
                "cannot be matched. Align them, or put them into one DataFrame."
            )
    return None if found is None else found[1]


def plain(values: Any, index: pd.Index[Any] | None) -> Any:
    """Give values as numpy numbers, objects or categoricals; as they are where they are that."""
    if isinstance(values, pd.DataFrame):
        return values
    if isinstance(values, np.ma.MaskedArray):
        values = pd.Series(values).to_numpy()
    if isinstance(values, np.ndarray) and values.dtype.kind != "O":
        return np.atleast_1d(values)
    if isinstance(values, pd.Series):
        return _plain_series(values, index)
    return _plain_sequence(values, index)


def _plain_series(values: Any, index: pd.Index[Any] | None) -> Any:
    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        return _without_pandas_na(values) if dtype.kind == "O" else values
    if isinstance(dtype, pd.CategoricalDtype | pd.DatetimeTZDtype | pd.PeriodDtype):
        return values
    if isinstance(dtype, pd.SparseDtype):
        return plain(values.sparse.to_dense(), index)
    if isinstance(dtype, pd.StringDtype) and dtype.na_value is not pd.NA:
        return values  # the ordinary strings of pandas 3: missing is NaN, comparisons are plain
    return _without_extension(values)


def _plain_sequence(values: Any, index: pd.Index[Any] | None) -> Any:
    if np.ndim(values) > 1:
        return np.asarray(values)
    series = _plain_series(pd.Series([values] if np.ndim(values) == 0 else values), None)
    if isinstance(series.dtype, np.dtype):
        return series.to_numpy()
    return series if index is None else series.set_axis(index)


def _without_pandas_na(values: Any) -> Any:
    missing = values.isna()
    if not missing.any() or not any(value is pd.NA for value in values[missing]):
        return values
    return values.where(~missing, None)


def _without_extension(values: Any) -> Any:
    missing = values.isna()
    if pd.api.types.is_bool_dtype(values.dtype):
        kept = values.astype(object).where(~missing, None) if missing.any() else values.astype(bool)
    elif pd.api.types.is_numeric_dtype(values.dtype):
        _check_exact(values, missing)
        exact = getattr(values.dtype, "numpy_dtype", np.dtype(np.float64))
        if missing.any() or exact.kind == "O":
            kept = values.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            kept = values.to_numpy(dtype=exact)
    else:
        kept = values.astype(object).where(~missing, None)
    return pd.Series(kept, index=values.index, name=values.name)


def _check_exact(values: Any, missing: Any) -> None:
    # Beyond 2**53 neighbours become equal as floats, and so would their levels.
    if missing.any() and pd.api.types.is_integer_dtype(values.dtype):
        far = values[~missing].abs() > 2**53
        if far.any():
            raise DataError(
                f"Column '{values.name}' has whole numbers beyond 2**53, {far.index[far][0]!r} the "
                "first row with one, beside missing values; they cannot be told apart as floating "
                "point numbers. Convert them to texts if they are labels, or drop the missing rows."
            )


def is_numeric(values: Any) -> bool:
    """Whether values are numbers as patsy counts them: booleans are not."""
    dtype = getattr(values, "dtype", None)
    if isinstance(values, pd.DataFrame):
        return all(map(is_numeric, (values[name] for name in values)))
    if dtype is None:
        dtype = np.asarray(values).dtype
    return isinstance(dtype, np.dtype) and bool(np.issubdtype(dtype, np.number))


def first_word(values: Any) -> int | None:
    """Find the first value that is neither a number nor missing; a text of digits is a text."""
    for row, value in enumerate(values):
        if not (isinstance(value, numbers.Real | np.bool_) or pd.isna(value) is True):
            return row
    return None


def listed(names: Iterable[Any]) -> str:
    """Quote names for a message; of many, the first are enough."""
    every = list(names)
    shown = ", ".join(repr(name) for name in every[:_SHOWN])
    return shown if len(every) <= _SHOWN else f"{shown}, ... ({len(every)} in all)"


def nearest(name: str, known: Iterable[Any]) -> str:
    """Ask whether a similar name was meant; nothing if no name is similar."""
    close = difflib.get_close_matches(name, [str(other) for other in known], n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(other) for other in close)}?" if close else ""


def missing_column(name: str, where: str, columns: Columns) -> MissingColumnError:
    """Name the column that is missing, what there is, and what may have been meant."""
    if name in [str(label) for label in columns.names if not isinstance(label, str)]:
        return MissingColumnError(
            f"'{name}' in '{where}' is a column whose name is not text, which a formula cannot "
            "reach; rename the columns, as in df.rename(columns=str)."
        )
    return MissingColumnError(
        f"'{name}' in '{where}' is neither a column of the data, which have {listed(columns.names)}"
        f", nor a name defined where the formula is written.{nearest(name, columns.names)} Add the "
        "column, or correct the formula."
    )
