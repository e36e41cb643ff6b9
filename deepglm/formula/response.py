"""Responses: the left side of a formula, one column or several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from deepglm.errors import FormulaError
from deepglm.formula.columns import Columns
from deepglm.formula.design import Design, learn_terms
from deepglm.formula.grammar import describe
from deepglm.formula.values import Numbers

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Response:
    """Left side of a formula, as plain state that pickles and computes it on new rows.

    Parameters
    ----------
    text
        As it is written.
    names
        Its columns, named as statsmodels names them; a response of labels has one, named as the
        factor.
    inputs
        Columns of the data that it uses.
    levels
        Of a response of labels, in order: of two, the second counts 1. Else empty.
    ordered
        Whether the order of the levels was given, by the data or by ``C(y, levels=[...])``.
    """

    text: str
    names: tuple[str, ...]
    inputs: tuple[str, ...]
    levels: tuple[Any, ...]
    ordered: bool
    design: Design = field(repr=False)

    def build(self, data: Any) -> Array:
        """Compute the response on new rows: (n,) for one column, else (n, k); NaN where missing."""
        columns = Columns(data)
        factors = self.design.factors
        return _joined([f.compute(columns, self.design.env) for f in factors.values()], self)


def learn_response(lhs: str, data: Any, env: Mapping[str, Any]) -> tuple[Response, Array]:
    """Learn the left side of a formula from rows, and compute it there.

    Parameters
    ----------
    lhs
        ``y``, ``np.log(y)``, ``successes + failures``, or labels: a boolean (True counts 1), or
        texts or categories.
    data : DataFrame or mapping of str to array_like
        At least one row.
    env
        Names that are not columns.

    Returns
    -------
    response : Response
        Computes the same on other rows.
    y : ndarray of shape (n,) or (n, k)
        The response on these rows, codes of its levels for labels; NaN where something is missing.

    Raises
    ------
    FormulaError
        If it is not one factor, or several numeric ones joined by '+'.

    Examples
    --------
    >>> from deepglm.formula import learn_response
    >>> response, y = learn_response("outcome", {"outcome": ["no", "yes", "no"]}, {})
    >>> response.levels, y.tolist()
    (('no', 'yes'), [0.0, 1.0, 0.0])
    """
    columns = Columns(data)
    terms = describe(f"{lhs} ~ 0").lhs_termlist
    if not terms or any(len(term.factors) != 1 for term in terms):
        raise FormulaError(
            f"The response '{lhs}' is not a variable, nor several joined by '+'. Hide arithmetic "
            "in I(), as in I(a * b); count responses are 'successes + failures'."
        )
    design, values = learn_terms(lhs, terms, columns, env)
    factors = [design.factors[term.name()] for term in terms]
    labelled = [factor for factor in factors if not factor.is_numeric]
    if labelled and len(factors) > 1:
        raise FormulaError(
            f"The response '{lhs}' joins columns, and '{labelled[0].name}' is a factor. Only "
            "numbers can be joined by '+'."
        )
    levels = labelled[0].levels if labelled else ()
    names = (labelled[0].name,) if labelled else design.names
    ordered = bool(labelled) and labelled[0].ordered
    response = Response(lhs, names, design.inputs, levels, ordered, design)
    return response, _joined([values[factor.name] for factor in factors], response)


def _joined(values: list[Numbers], response: Response) -> Array:
    if response.levels:
        codes = values[0].astype(np.float64)
        codes[values[0] < 0] = np.nan
        return codes
    joined = np.column_stack(values).astype(np.float64, copy=False)
    return joined[:, 0].copy() if joined.shape[1] == 1 else joined
