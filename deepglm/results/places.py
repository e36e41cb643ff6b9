"""Where effects are taken: the rows of a model, rows with changed inputs, or one row for all."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from deepglm.data import (
    Change,
    ColumnMaker,
    Input,
    ModelData,
    PlainColumns,
    as_floats,
    intercept_column,
)
from deepglm.data.changes import typed
from deepglm.errors import MissingColumnError, NotAvailableError, SpecificationError
from deepglm.families import Family, with_limits
from deepglm.formula.columns import listed, nearest
from deepglm.inference.fitted import Array, Mask
from deepglm.inference.inputs import Place, place_of

Reduce = Callable[[Array], float]

__all__ = ["Ground", "check_some", "ground_of", "input_named", "moves_aliased", "number_of"]


@dataclass(frozen=True, eq=False)
class Ground:
    """Rows at which effects are taken, and what moves their columns.

    Parameters
    ----------
    place
        The rows for the numerical core.
    maker
        Makes their columns with an input moved.
    share
        (n,) how much every row counts in an average.
    values
        Values of numeric inputs, by name.
    counted
        (n,) rows whose values count; all for the row that stands for others.
    reduce
        What makes one row of all; None for rows as they are.
    """

    place: Place
    maker: ColumnMaker
    share: Array
    values: Callable[[str], Array]
    counted: Mask
    reduce: Reduce | None = None

    def at(self, one: Input, value: Any) -> tuple[Change, ...]:
        """Columns with an input at a level, or at (n,) numbers or one."""
        return self._reduced(self.maker.at(one, value))

    def slopes(self, one: Input) -> tuple[Change, ...]:
        """Derivatives of the columns by an input."""
        return self._reduced(self.maker.slopes(one))

    def seen(self, name: str) -> Array:
        """Values of an input in the rows that count: those of frequency zero do not."""
        return np.asarray(self.values(name)[self.counted])

    def of(self, name: str) -> Array:
        """(n,) values of an input, or the one of the row that stands for all."""
        x = self.values(name)
        return x if self.reduce is None else np.array([self.reduce(x)])

    def _reduced(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        if self.reduce is None:
            return changes
        return tuple(change.reduced(self.reduce) for change in changes)


def ground_of(
    results: Any, which: str, log: bool = False, at: str = "overall", given: Any = None
) -> Ground:
    """Rows of a fit, some inputs changed if they are given, or the row that stands for them.

    Parameters
    ----------
    results
        A result.
    which, log
        The statistic, and whether its logarithm is meant.
    at
        "overall" and "all" take the rows, "mean", "median" and "zero" one row.
    given
        Values in place of inputs, as ``atexog`` of ``get_margeff``.
    """
    data = results._model._data
    place = place_of(results._numbers.fitted, which, log)
    share = data.rows.freq / data.rows.freq.sum()
    ground = Ground(place, data.maker, share, data.values_of, share > 0.0)
    if given is not None:
        ground = _changed(ground, data, given)
    if at in ("overall", "all"):
        return ground
    if at == "zero":
        return _at_zero(ground, data)
    reduce = partial(_mean, share) if at == "mean" else partial(_median, share)
    return _one_row(ground, reduce)


def input_named(data: ModelData, name: Any) -> Input:
    """The input of that name.

    Raises
    ------
    MissingColumnError
        If the model has no such input.
    """
    if isinstance(name, Hashable) and name in data.inputs:
        return data.inputs[name]
    check_some(data)
    first = data.sources[0]
    constant = intercept_column(first)
    columns = [column for source in data.sources for column in source.names]
    made = ""
    if constant is not None and name == first.names[constant]:
        made = f" {name!r} is the intercept, which does not vary."
    elif name in columns:
        made = f" {name!r} is a column made from inputs, which move as a whole."
    raise MissingColumnError(
        f"{name!r} is not an input of this model; its inputs are {listed(data.inputs)}."
        f"{made or nearest(str(name), data.inputs)}"
    )


def check_some(data: ModelData) -> None:
    """Raise for a model of an intercept alone.

    Raises
    ------
    NotAvailableError
        If nothing varies between rows.
    """
    if not data.inputs:
        raise NotAvailableError(
            "the model has no inputs: its columns are the intercept alone, so nothing moves."
        )


def number_of(name: str, word: str, value: Any) -> float:
    """A value of a numeric input.

    Raises
    ------
    SpecificationError
        If it is not one finite number.
    """
    single = np.ndim(value) == 0 and value is not None and not isinstance(value, str)
    number = float(as_floats(value, word)) if single else np.nan
    if not np.isfinite(number):
        raise SpecificationError(f"{word}={value!r}: one finite number is needed for {name!r}.")
    return number


def moves_aliased(data: ModelData, one: Input) -> bool:
    """Whether columns that were set aside are made from an input."""
    return any(
        not set(columns).isdisjoint(aliased)
        for columns, aliased in zip(one.columns, data.aliased, strict=True)
    )


# -- changed rows -------------------------------------------------------------------------------


def _changed(ground: Ground, data: ModelData, given: Any) -> Ground:
    if not isinstance(given, Mapping):
        return _other_columns(ground, data, given)
    values = {_name_of(data, key): value for key, value in given.items()}
    values = {name: _given(data, data.inputs[name], value) for name, value in values.items()}
    designs = [X.copy() for X in ground.place.designs]
    for name, value in values.items():
        for X, change in zip(designs, data.maker.at(data.inputs[name], value), strict=True):
            X[change.numbers] = change.values
    maker, n = data.maker, data.rows.n
    if data.seen is not None:
        seen = _replaced(data.seen, values, n)
        maker, designs = ColumnMaker(data.sources, data.standards, seen, n), data.designs(seen)
    place = replace(ground.place, designs=tuple(designs))

    def of(name: str) -> Array:
        new = values.get(name)
        return data.values_of(name) if new is None else np.broadcast_to(np.asarray(new, float), n)

    return replace(ground, place=place, maker=maker, values=of)


def _given(data: ModelData, one: Input, value: Any) -> Any:
    """A value of an input for all rows, or one for each."""
    if one.is_factor:
        return value
    if isinstance(value, pd.Series):
        known = value.index.is_unique and data.index.isin(value.index).all()
        value = (value.loc[data.index] if known else value).to_numpy()
    if np.ndim(value) == 0:
        number_of(one.name, f"atexog[{one.name!r}]", value)
        return value
    x = as_floats(value, f"atexog[{one.name!r}]")
    if x.shape != (data.rows.n,):
        raise SpecificationError(
            f"atexog has values of the shape {x.shape} for {one.name!r}; one number for all rows "
            f"or one for each of the {data.rows.n} is needed."
        )
    if not np.isfinite(x).all():
        raise SpecificationError(
            f"atexog has a value for {one.name!r} that is not finite, "
            f"{x[np.argmin(np.isfinite(x))]}; finite numbers are needed."
        )
    return x


def _replaced(seen: Any, values: Mapping[str, Any], n: int) -> Any:
    new = {name: typed(x, getattr(seen[name], "dtype", None), n) for name, x in values.items()}
    return seen.assign(**new) if isinstance(seen, pd.DataFrame) else {**seen, **new}


def _name_of(data: ModelData, key: Any) -> str:
    """The input that a name means, or the number of a column that is one."""
    if isinstance(key, str) or key in data.inputs:
        return input_named(data, key).name
    names = _columns(data)
    name = names[key] if isinstance(key, int | np.integer) and 0 <= key < len(names) else None
    if name not in data.inputs:
        raise SpecificationError(
            f"atexog has the key {key!r}, which is neither an input nor the number of a column "
            f"that is one. The inputs are {listed(data.inputs)}."
        )
    return str(name)


def _columns(data: ModelData) -> tuple[str, ...]:
    """Columns by number, as the user counts them."""
    source = data.sources[0]
    return source.all_names if isinstance(source, PlainColumns) else source.names


def _other_columns(ground: Ground, data: ModelData, given: Any) -> Ground:
    X = np.asarray(given, dtype=float)
    names = _columns(data)
    if data.seen is not None or X.shape != (data.rows.n, len(names)):
        raise SpecificationError(
            f"atexog has shape {X.shape}; a matrix stands for the {len(names)} columns of a model "
            "made by from_arrays. Give values of inputs, as in {'age': 40}."
        )
    place = replace(ground.place, designs=tuple(data.designs(X)))
    return replace(ground, place=place, values=lambda name: X[:, names.index(name)])


# -- one row ------------------------------------------------------------------------------------


def _one_row(ground: Ground, reduce: Reduce) -> Ground:
    place = ground.place
    designs = tuple(np.array([reduce(x) for x in X]).reshape(-1, 1) for X in place.designs)
    offset = np.array([reduce(place.offset)])
    outcome = replace(place.outcome, family=_limited(place.outcome.family, ground.counted))
    one = Place(place.predictor, outcome, designs, offset)
    return replace(ground, place=one, share=np.ones(1), reduce=reduce)


def _at_zero(ground: Ground, data: ModelData) -> Ground:
    """Numeric inputs at zero and factors at the level that others are compared with."""
    if data.seen is None:
        names = data.sources[0].names
        constant = data.sources[0].has_intercept
        designs = []
        for t, (X, standard) in enumerate(zip(ground.place.designs, data.standards, strict=True)):
            zero = ((0.0 - standard.centre) / standard.scale)[:, None]
            for j in range(len(X)):
                fixed = t == 0 and constant and names[j] not in data.inputs
                zero[j] = X[j, 0] if fixed else zero[j]
            designs.append(zero)
        maker = data.maker
    else:
        seen = {n: _zero(one, data.seen[n]) for n, one in data.inputs.items()}
        maker = ColumnMaker(data.sources, data.standards, seen, 1)
        with np.errstate(all="ignore"):
            designs = [
                standard.apply(source.build(seen).T.copy())
                for source, standard in zip(data.sources, data.standards, strict=True)
            ]
    outcome = ground.place.outcome
    outcome = replace(outcome, family=_limited(outcome.family, ground.counted))
    place = Place(ground.place.predictor, outcome, tuple(designs), np.zeros(1))
    return Ground(place, maker, np.ones(1), lambda _: np.zeros(1), np.ones(1, dtype=bool))


def _zero(one: Input, values: Any) -> Any:
    """One value that is zero, or the reference level as the variable has it."""
    if not one.is_factor:
        return np.zeros(1)
    return typed(one.reference, getattr(values, "dtype", None), 1)


def _limited(family: Family, counted: Mask) -> Family:
    """The family for one row that stands for all: its limits have to be numbers."""
    limits = [np.asarray(getattr(family, name, 0.0)) for name in ("lower", "upper")]
    by_row = [limit.shape == counted.shape for limit in limits]
    if not any(by_row):
        return family
    limits = [x[counted] if rows else x for x, rows in zip(limits, by_row, strict=True)]
    if any(limit.min() != limit.max() for limit in limits):  # infinite ones have no difference
        raise NotAvailableError(
            "the limits differ between rows, so that one row cannot stand for all. Use "
            "at='overall'."
        )
    return with_limits(family, *(np.atleast_1d(limit)[:1] for limit in limits))


def _mean(share: Array, x: Array) -> float:
    return float(share @ x)


def _median(share: Array, x: Array) -> float:
    order = np.argsort(x, kind="stable")
    order = order[share[order] > 0]
    below = np.cumsum(share[order])
    half = 0.5 * below[-1]
    k = int(np.searchsorted(below, half * (1.0 - 1e-12), side="left"))
    if abs(below[k] - half) <= 1e-12 * half and k + 1 < len(order):
        return float(x[order[k]] + x[order[k + 1]]) / 2.0
    return float(x[order[k]])
