"""Which rows of a table are used, and values that stand beside them: offset, exposure, weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm.data.checks import as_floats, row_label
from deepglm.errors import DataError, MissingColumnError
from deepglm.formula.columns import listed, nearest

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Selection:
    """Rows of a table, all of them or some.

    Parameters
    ----------
    index
        Labels of all rows; their numbers where they have no labels.
    labelled
        Whether the labels are the user's. Only then is a Series matched by its labels.
    mask
        Rows that are used; None for all.
    """

    index: pd.Index
    labelled: bool
    mask: Mask | None = None

    @property
    def kept(self) -> pd.Index:
        """Labels of the rows that are used."""
        return self.index if self.mask is None else self.index[self.mask]

    def take(self, values: Any) -> Any:
        """Those of the values, one per row of the table, that belong to the rows used."""
        return values if self.mask is None else values[self.mask]

    def narrowed(self, subset: Any) -> Selection:
        """Use only the rows of ``subset``: one truth value per row, or labels of rows.

        Raises
        ------
        DataError
            For anything else, labels that are not there or come twice, or if no row is left.
        """
        if subset is None:
            return self
        mask = _truth_values(subset, self)
        if mask is None:
            mask = _labels(subset, self.index)
        if not mask.any():
            raise DataError("subset leaves no rows; at least one row must be kept.")
        return replace(self, mask=mask)


def rows_only(data: Any, mask: Mask) -> Any:
    """Some rows of a data frame or of a mapping of arrays."""
    if isinstance(data, pd.DataFrame):
        return data[mask]
    return {name: _some(values, mask) for name, values in data.items()}


def _some(values: Any, mask: Mask) -> Any:
    # a list may hold labels of several types, which an array would make one
    values = pd.Series(values) if isinstance(values, list | tuple) else values
    return (values if isinstance(values, pd.Series) else np.atleast_1d(values))[mask]


def rows_of(data: Any, n: int) -> Selection:
    """All rows of a table, with its labels if it has any."""
    index = getattr(data, "index", None)
    if isinstance(index, pd.Index) and len(index) == n:
        return Selection(index, labelled=True)
    return Selection(pd.RangeIndex(n), labelled=False)


def _truth_values(subset: Any, rows: Selection) -> Mask | None:
    """A mask over all rows, or None if these are not truth values."""
    if isinstance(subset, str | slice) or np.ndim(subset) != 1:
        raise DataError(
            f"subset={subset!r} does not say which rows; give one truth value per row, as in "
            "subset=data['x'] > 0, or labels of rows."
        )
    values = pd.Series(subset, dtype=None if len(subset) else object)
    known = values.dropna()
    if len(known) == 0 or not all(isinstance(value, bool | np.bool_) for value in known):
        return None
    if len(known) < len(values):
        raise DataError(
            f"subset has {len(values) - len(known)} missing truth values, and whether those rows "
            "are meant is not clear. Fill them, as in subset.fillna(False)."
        )
    if rows.labelled and isinstance(subset, pd.Series):
        values = _aligned(subset, rows.index, "subset")
    if len(values) != len(rows.index):
        raise DataError(
            f"subset has {len(values)} truth values for {len(rows.index)} rows; give one per row."
        )
    return values.to_numpy(dtype=bool)


def _labels(subset: Any, index: pd.Index) -> Mask:
    labels = pd.Index(subset, dtype=None if len(subset) else object)
    unknown = ~labels.isin(index)
    if unknown.any():
        first = row_label(labels, int(np.flatnonzero(unknown)[0]))
        raise DataError(
            f"subset names the row {first!r}, which is not in the data; give labels of rows, or "
            "one truth value per row."
        )
    if labels.has_duplicates:
        first = row_label(labels, int(np.flatnonzero(labels.duplicated())[0]))
        raise DataError(
            f"subset names the row {first!r} twice. A row is used or not: use freq_weights= to "
            "count it more than once."
        )
    return np.asarray(index.isin(labels))


def _aligned(given: pd.Series, index: pd.Index, role: str) -> pd.Series:
    """The Series in the order of these labels."""
    if given.index.equals(index):
        return given
    if given.index.is_unique and index.isin(given.index).all():
        return given.reindex(index)
    missing = np.flatnonzero(~index.isin(given.index))
    what = (
        f"has no row {row_label(index, int(missing[0]))!r}"
        if missing.size
        else "has labels that occur more than once, in another order"
    )
    raise DataError(
        f"{role} is a Series whose labels are not those of the data: it {what}. Give it the index "
        f"of the data, or pass {role}.to_numpy() if its rows stand in the order of the data."
    )


def row_values(data: Any, given: Any, role: str, rows: Selection) -> Array:
    """Values on the rows used: of a column by its name, of an array, or of one number.

    Parameters
    ----------
    data
        What has the column.
    given
        A name, a Series (matched by its labels if the data have labels), an array with one value
        for each row of the data or for each row used, or a number.
    role
        What the message calls it.
    rows
        Rows of the data.
    """
    if isinstance(given, str):
        values = as_floats(_column(data, given, role), f"{role} {given!r}", rows.index)
        return np.asarray(rows.take(_one_per_row(values, role, len(rows.index))))
    if isinstance(given, pd.DataFrame) and given.shape[1] == 1:
        given = given.iloc[:, 0]
    if isinstance(given, pd.Series) and rows.labelled and not given.index.equals(rows.index):
        kept = rows.kept
        return as_floats(_aligned(given, kept, role), role, kept)
    kept_only = rows.mask is not None and np.size(given) == int(rows.mask.sum())
    index = rows.kept if kept_only else rows.index
    values = _one_per_row(as_floats(given, role, index), role, len(index))
    return values if kept_only else np.asarray(rows.take(values))


def _column(data: Any, name: str, role: str) -> Any:
    names = getattr(data, "columns", None)
    if names is None:
        names = list(data) if isinstance(data, Mapping) else _field_names(data)
    if name in names:
        return data[name]
    has = f"which have {listed(names)}" if len(names) else "which have no column names"
    raise MissingColumnError(
        f"{role}={name!r} is not a column of the data, {has}.{nearest(name, names)} Name another "
        f"column, or pass the values themselves as {role}=."
    )


def _field_names(data: Any) -> tuple[str, ...]:
    return getattr(getattr(data, "dtype", None), "names", None) or ()


def _one_per_row(values: Array, role: str, n: int) -> Array:
    if values.ndim == 0:
        return np.full(n, float(values))
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.shape != (n,):
        shape = f"shape {values.shape}" if values.ndim > 1 else f"{len(values)} values"
        raise DataError(
            f"{role} has {shape} for {n} rows; give one value per row of the data, or the name of "
            "a column."
        )
    return values


@dataclass(frozen=True)
class RowVariable:
    """Offset, exposure or a weight: where it came from and its values on the rows kept."""

    name: str | None
    values: Array

    def on(self, data: Any, given: Any, role: str, rows: Selection) -> Array:
        """Values on new rows: what the caller gives, or the column of the same name."""
        if given is None and self.name is None:
            raise DataError(
                f"the model was fitted with an {role} given as an array, so it cannot be looked up "
                f"in new data; pass {role}= for the new rows as well."
            )
        return row_values(data, self.name if given is None else given, role, rows)
