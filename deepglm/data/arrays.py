"""Rows of a model from arrays, with statsmodels' meaning of ``endog`` and ``exog``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm import formula as fm
from deepglm.data.assembly import Pieces, Request, assemble, read_roles
from deepglm.data.checks import as_floats
from deepglm.data.columns import ColumnSource, PlainColumns
from deepglm.data.kept import ModelData
from deepglm.data.responses import Endog
from deepglm.data.rows import BLOCK_ROWS, row_runs
from deepglm.data.selection import Selection
from deepglm.data.threads import each
from deepglm.errors import DataError, check_dense

Array = npt.NDArray[np.float64]

_FEW = 1000
"""Rows that tell most columns from a constant."""


def from_arrays(
    endog: Any,
    exog: Any,
    request: Request,
    exog_names: Sequence[str] | None = None,
    endog_name: str | None = None,
    add_constant: bool = False,
) -> ModelData:
    """Build the rows of a model from arrays.

    Parameters
    ----------
    endog
        (n,) response, or (n, 2) successes and failures.
    exog
        (n, p) columns; a constant column is the intercept.
    request
        Everything else that decides about rows and columns.
    exog_names, endog_name
        Names; by default the labels of the arrays, else statsmodels' ``const``, ``x1``, ...
    add_constant
        Whether a constant column is put in front.

    Notes
    -----
    With hidden layers the constant comes first among the coefficients, wherever it stands in
    `exog`.
    """
    rows = _common_rows(endog, exog)
    response = _response(endog, endog_name)
    X = _matrix(exog)
    check_dense(X.shape[1], "the columns of exog", " Leave columns out.")
    if len(X) != len(response.values):
        raise DataError(
            f"endog has {len(response.values)} rows and exog has {len(X)}; they must be the same "
            "rows."
        )
    rows = rows.narrowed(request.subset)
    variables = read_roles(request, exog if isinstance(exog, pd.DataFrame) else None, rows)
    X, response = rows.take(X), response._replace(values=rows.take(response.values))
    constants = _constants(X)
    intercept = _intercept(X, constants)
    # the cut-points of ordered classes are an intercept, which nobody writes into exog
    add_constant = add_constant or (request.reading == "ordered" and intercept is None)
    names = _names(exog, exog_names, X.shape[1], None if add_constant else intercept)
    if add_constant:
        _check_no_constant(names, intercept)
        constants, names, intercept = [0, *(j + 1 for j in constants)], ("const", *names), 0
    columns = PlainColumns(names, (), intercept, add_constant)
    designs = _designs(X, columns, constants, request)
    return assemble(Pieces(response, tuple(designs), rows.kept), variables, request)


def _common_rows(endog: Any, exog: Any) -> Selection:
    """All rows, with the labels of exog or of endog."""
    labelled = (pd.DataFrame, pd.Series)
    indexes = [values.index for values in (exog, endog) if isinstance(values, labelled)]
    if len(indexes) == 2 and len(endog) == len(exog) and not indexes[0].equals(indexes[1]):
        raise DataError(
            "endog and exog have different labels of rows, so that their rows cannot be matched. "
            "Align them, as in endog.reindex(exog.index), or pass endog.to_numpy() if their rows "
            "stand in the same order."
        )
    if indexes:
        return Selection(indexes[0], labelled=True)
    return Selection(pd.RangeIndex(np.shape(endog)[0] if np.ndim(endog) else 1), labelled=False)


def _response(endog: Any, name: str | None) -> Endog:
    """The response as numbers, its name, and its levels if it has labels."""
    if isinstance(endog, pd.DataFrame) and endog.shape[1] == 1:
        endog = endog.iloc[:, 0]
    own = endog.name if isinstance(endog, pd.Series) else None
    label = str(name or ("y" if own is None else own))
    if np.size(endog) == 0:
        raise DataError("endog has no rows; give at least one.")
    if np.ndim(endog) == 2:
        y = as_floats(endog, f"the response {label!r}", getattr(endog, "index", None))
        given = getattr(endog, "columns", range(y.shape[1]))
        columns = tuple(str(column) for column in given)
        return Endog((y[:, 0] if y.shape[1] == 1 else y).copy(), label, columns)
    if np.ndim(endog) != 1:
        raise DataError(
            f"endog has {np.ndim(endog)} dimensions; give (n,) responses, or (n, k) columns such "
            "as successes and failures."
        )
    key = label if label.isidentifier() else "y"
    response, y = fm.learn_response(key, {key: endog}, {})
    return Endog(y, label, (label,), response.levels, response.ordered)


def _matrix(exog: Any) -> Array:
    """(n, p) columns; the memory may be the caller's."""
    X = as_floats(exog, "exog", getattr(exog, "index", None))
    X = X[:, None] if X.ndim == 1 else X
    if X.ndim != 2 or X.size == 0:
        raise DataError(
            f"exog has the shape {X.shape}; give (n, p) columns with at least one row and one "
            "column."
        )
    return X


def _constants(X: Array) -> list[int]:
    """Columns of one value other than zero."""
    few = X[:_FEW]
    maybe = np.flatnonzero((few[0] != 0) & (few == few[0]).all(axis=0))
    return [int(j) for j in maybe if (X[:, j] == X[0, j]).all()]


def _intercept(X: Array, constants: Sequence[int]) -> int | None:
    """The first column of ones, or else the first constant one."""
    ones = [j for j in constants if X[0, j] == 1.0]
    return next(iter([*ones, *constants]), None)


def _names(
    exog: Any, given: Sequence[str] | None, width: int, intercept: int | None
) -> tuple[str, ...]:
    if given is not None:
        names = [given] if isinstance(given, str) else [str(name) for name in given]
    elif isinstance(exog, pd.DataFrame):
        names = [str(name) for name in exog.columns]
    elif isinstance(exog, pd.Series) and exog.name is not None:
        names = [str(exog.name)]
    else:
        count = iter(range(1, width + 1))
        names = ["const" if j == intercept else f"x{next(count)}" for j in range(width)]
    if len(names) != width:
        raise DataError(
            f"exog has {width} columns and exog_names has {len(names)} names; give one per column."
        )
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(
            f"the name {twice[0]!r} stands for more than one column of exog. Rename or drop all "
            "but one."
        )
    return tuple(names)


def _check_no_constant(names: tuple[str, ...], intercept: int | None) -> None:
    if intercept is not None or "const" in names:
        name = "const" if intercept is None else names[intercept]
        raise DataError(
            f"exog has a constant already, the column {name!r}, and add_constant=True adds one. "
            "Leave add_constant out, or drop or rename the column."
        )


def _designs(
    X: Array, columns: PlainColumns, constants: Sequence[int], request: Request
) -> list[tuple[ColumnSource, Array | None]]:
    """The final layer's columns and, if they go through hidden layers, those of the first layer."""
    every, first = tuple(range(len(columns.all_names))), columns.intercept
    if not request.network:
        return [_design(X, replace(columns, keep=every))]
    ahead = () if first is None else (first,)
    inside = tuple(j for j in every if j not in constants)
    own = (*ahead, *(j for j in every if j != first)) if request.skip else ahead
    final = replace(columns, keep=own, intercept=None if first is None else 0)
    hidden = replace(columns, keep=inside, intercept=None)
    if own[1:] == inside and first is not None and (columns.added or X[0, first] == 1.0):
        return [_design(X, final), (hidden, None)]
    return [_design(X, final), _design(X, hidden)]


def _design(X: Array, columns: PlainColumns) -> tuple[ColumnSource, Array]:
    """The columns of a design in memory of their own, one after the other."""
    numbers = np.array(columns.keep, dtype=np.intp) - columns.added
    out = np.empty((len(numbers), len(X)))
    out[numbers < 0] = 1.0
    given = np.flatnonzero(numbers >= 0)
    wanted = numbers[given]

    def fill(run: tuple[int, int]) -> None:
        rows = slice(*run)
        out[given, rows] = X[rows, wanted].T

    each(fill, row_runs(len(X), 2 * BLOCK_ROWS), out.size)
    return columns, out.T
