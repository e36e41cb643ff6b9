"""Rows of a model from a formula and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm import formula as fm
from deepglm.data.assembly import Pieces, Request, assemble, read_roles
from deepglm.data.columns import ColumnSource
from deepglm.data.kept import ModelData
from deepglm.data.responses import Endog
from deepglm.data.selection import Selection, rows_only
from deepglm.formula.columns import Columns

Array = npt.NDArray[np.float64]


def read_table(data: Any) -> tuple[Any, Selection]:
    """A data frame or a dictionary of arrays, and all its rows.

    Parameters
    ----------
    data
        One of these, or a structured array.

    Raises
    ------
    DataError
        Without rows, for columns of one name or of different lengths, or for anything that has no
        named columns.
    """
    columns = Columns(data)
    if isinstance(data, np.ndarray):
        data = {name: data[name] for name in columns.names}
    if columns.index is None:
        return data, Selection(pd.RangeIndex(columns.n), labelled=False)
    return data, Selection(columns.index, labelled=True)


def from_formula(
    parsed: fm.Parsed, data: Any, env: Mapping[str, Any], request: Request
) -> ModelData:
    """Build the rows of a model from a formula and a table.

    Parameters
    ----------
    parsed
        The formula, taken apart.
    data
        A data frame or a dictionary of arrays; it is not changed.
    env
        Names of the caller that the formula uses.
    request
        Everything else that decides about rows and columns.
    """
    data, rows = read_table(data)
    rows = rows.narrowed(request.subset)
    variables = read_roles(request, data, rows)
    used = _used(data, rows)
    response, y = fm.learn_response(parsed.response, used, env)
    designs = _designs(parsed.terms, used, env, request)
    for term in parsed.deep:
        source, Z = fm.learn(term.text, used, env)
        designs.append(_inside(source, Z))
    endog = Endog(y, response.text, response.names, response.levels, response.ordered)
    pieces = Pieces(endog, tuple(designs), rows.kept, _seen(used, [one for one, _ in designs]))
    return assemble(pieces, variables, request)


def _used(data: Any, rows: Selection) -> Any:
    return data if rows.mask is None else rows_only(data, rows.mask)


def _seen(used: Any, sources: Sequence[ColumnSource]) -> Any:
    """The variables of the right side, safe from what happens to the user's data later."""
    names = list(dict.fromkeys(name for one in sources for name in getattr(one, "inputs", ())))
    if isinstance(used, pd.DataFrame):
        return used[names]  # copied when either is written to
    return {name: copy(used[name]) for name in names}


def _designs(
    terms: str, used: Any, env: Mapping[str, Any], request: Request
) -> list[tuple[ColumnSource, Array | None]]:
    """The final layer's design and, if the terms go through hidden layers, theirs."""
    design, X = fm.learn(terms, used, env)
    if not request.network:
        return [(design, X)]
    if not request.skip:
        return [fm.learn("1" if design.has_intercept else "0", used, env), _inside(design, X)]
    if design.has_intercept:
        return [(design, X), (design.without_intercept(), None)]
    return [(design, X), (design, X.copy())]


def _inside(design: fm.Design, X: Array) -> tuple[ColumnSource, Array]:
    """A design without its intercept: hidden units have their own."""
    return (design.without_intercept(), X[:, 1:]) if design.has_intercept else (design, X)
