"""Transforms that learn from the rows they first see: center, standardize, bs, cr, te, a user's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from patsy.splines import BS
from patsy.state import Standardize

from deepglm.errors import DataError
from deepglm.formula.environment import Portable, pack, unpack

Mask = npt.NDArray[np.bool_]


class Transform:
    """One call of a stateful transform in a formula, and what it has learned.

    Rows with something missing teach nothing and come out as NaN, whatever the transform does with
    NaN by itself.

    Parameters
    ----------
    name
        As it is called in the formula.
    make
        Gives an object with patsy's protocol: ``memorize_chunk``, ``memorize_finish`` and
        ``transform``.
    """

    def __init__(self, name: str, make: Callable[[], Any]) -> None:
        self.name = name
        self._make = make
        self.learned = make()

    def forget(self) -> None:
        """Start again, as if no row had been seen."""
        self.learned = self._make()

    def learn(self, *args: Any, **kwargs: Any) -> None:
        """Learn from the rows in which every argument is finite."""
        rows = _rows_where(_finite, args, kwargs)
        if rows is not None:
            args, kwargs = _take(rows, args, kwargs)
        if type(self.learned) is Standardize:
            _learn_moments(self.learned, *args, **kwargs)
        else:
            self.learned.memorize_chunk(*args, **kwargs)
        self.learned.memorize_finish()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Transform rows; those with something missing become NaN."""
        rows = _rows_where(_present, args, kwargs)
        if rows is None:
            return self._transform(args, kwargs)
        return spread(self._transform(*_take(rows, args, kwargs)), rows)

    def _transform(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            return self.learned.transform(*args, **kwargs)
        except NotImplementedError:
            if isinstance(self.learned, BS):
                _name_row_outside(self.learned, args[0] if args else kwargs["x"])
            raise

    def __deepcopy__(self, memo: dict[int, Any]) -> Transform:
        return self  # what is learned stays as it is

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, (self.name, pack(f"{self.name}()", self.learned))


def _arrive(name: str, packed: Portable) -> Transform:
    return Transform(name, lambda: unpack(packed))


def spread(values: Any, rows: Mask) -> Any:
    """Put values of the chosen rows in their places, NaN (or None, for labels) in the others."""
    chosen = np.asarray(values)
    shape = (len(rows), *chosen.shape[1:])
    numeric = chosen.dtype.kind in "iuf"
    full: Any = np.full(shape, np.nan) if numeric else np.full(shape, None, dtype=object)
    full[rows] = chosen
    return full


def _learn_moments(learned: Standardize, x: Any, *ignored: Any, **also_ignored: Any) -> None:
    # patsy's own loop over the rows takes seconds for a million; the state is the same.
    X = np.asarray(x, dtype=np.float64)
    X = X[:, None] if X.ndim == 1 else X
    learned.current_n = len(X)
    learned.current_mean = X.mean(axis=0)
    learned.current_M2 = ((X - learned.current_mean) ** 2).sum(axis=0)


def _by_row(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    # Arrays as long as the first one go by row; lists, such as knots, do not.
    arrays = [
        value
        for value in (*args, *kwargs.values())
        if isinstance(value, np.ndarray | pd.Series | pd.DataFrame) and value.ndim
    ]
    return [value for value in arrays if len(value) == len(arrays[0])]


def _rows_where(
    check: Callable[[Any], Mask], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Mask | None:
    masks = [check(value) for value in _by_row(args, kwargs)]
    if all(mask.all() for mask in masks):
        return None
    return np.asarray(np.logical_and.reduce(masks))


def _take(
    rows: Mask, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    by_row = {id(value) for value in _by_row(args, kwargs)}

    def taken(value: Any) -> Any:
        return value[rows] if id(value) in by_row else value

    return tuple(map(taken, args)), {key: taken(value) for key, value in kwargs.items()}


def _present(value: Any) -> Mask:
    return _whole_row(~np.asarray(pd.isna(value)))


def _finite(value: Any) -> Mask:
    array = np.asarray(value)
    return _whole_row(np.isfinite(array)) if array.dtype.kind == "f" else _present(value)


def _whole_row(mask: Mask) -> Mask:
    return mask if mask.ndim == 1 else np.asarray(mask.all(axis=1))


def _name_row_outside(learned: BS, x: Any) -> None:
    values = np.asarray(x, dtype=np.float64).ravel()
    low, high = learned._all_knots.min(), learned._all_knots.max()
    outside = np.flatnonzero((values < low) | (values > high))
    if len(outside):
        row = int(outside[0])
        label = x.index[row] if isinstance(x, pd.Series | pd.DataFrame) else row
        raise DataError(
            f"Row {label!r} has {values[row]:g} where bs() learned a curve from {low:g} to "
            f"{high:g}, and it says nothing beyond. Give lower_bound= and upper_bound= in the "
            "formula, or use cr(), which goes on as a straight line."
        )
