"""Designs: the columns of a formula's right side, and how to build them again on new rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import patsy

from deepglm.errors import check_dense
from deepglm.formula.columns import Columns
from deepglm.formula.environment import Environment
from deepglm.formula.factors import Codes, Factor, code_levels, learn_factor
from deepglm.formula.grammar import cannot_read, describe
from deepglm.formula.values import Labels, Numbers

Array = npt.NDArray[np.float64]

_MANY_LEVELS = (
    " Leave out a factor that names the rows; merge rare levels, or put a number in the place of a "
    "factor of many levels, such as the mean of something for every level."
)

_ROWS_AT_ONCE = 8192
"""Rows that are built together, so that products of factors stay in the cache."""


@dataclass(frozen=True, eq=False)
class Product:
    """Columns that are products of factors; with no factor, the intercept.

    ``coding`` has for each categorical factor its (columns, levels + 1) contrasts; the last one is
    NaN, for a missing level.
    """

    factors: tuple[str, ...]
    coding: dict[str, Array]
    width: int


@dataclass(frozen=True, eq=False)
class Design:
    """Columns of a formula, as plain state that pickles and rebuilds them on new rows.

    Parameters
    ----------
    text
        The formula's right side.
    names
        Columns, named as statsmodels names them.
    term_names
        Terms, in the order of their columns.
    term_slices
        First column, and column after the last, of every term.
    inputs
        Columns of the data that are used, in the order of the formula.
    input_columns
        For each of them the numbers of the columns that are made from it.
    levels
        Levels of the categorical factors, by factor.
    factors, products, env
        What the columns are computed from.

    Examples
    --------
    >>> import pandas as pd
    >>> from deepglm.formula import learn
    >>> seen = pd.DataFrame({"x": [1.0, 2.0, 6.0], "g": ["a", "b", "a"]})
    >>> design, X = learn("center(x) + g", seen, {})
    >>> design.names
    ('Intercept', 'g[T.b]', 'center(x)')
    >>> design.build(pd.DataFrame({"x": [3.0], "g": ["b"]})).tolist()
    [[1.0, 1.0, 0.0]]
    """

    text: str
    names: tuple[str, ...]
    term_names: tuple[str, ...]
    term_slices: dict[str, tuple[int, int]]
    inputs: tuple[str, ...]
    input_columns: dict[str, tuple[int, ...]]
    levels: dict[str, tuple[Any, ...]]
    factors: dict[str, Factor] = field(repr=False)
    products: tuple[tuple[Product, ...], ...] = field(repr=False)
    env: Environment = field(repr=False)

    @property
    def has_intercept(self) -> bool:
        """Whether the intercept is a term of its own."""
        return any(not product.factors for term in self.products for product in term)

    def build(self, data: Any) -> Array:
        """Build the same columns on new rows.

        Parameters
        ----------
        data : DataFrame or mapping of str to array_like
            Has every column in ``inputs``; others are not looked at.

        Returns
        -------
        ndarray of shape (n, p)
            A column is NaN in the rows in which one of its inputs is missing. The memory is that of
            a C-contiguous (p, n) matrix.

        Raises
        ------
        MissingColumnError
            If an input is not in the data.
        UnseenLevelError
            If a factor has a level that was not there when the design was learned.
        DataError
            Without rows, or with values that are not of the kind that was learned.
        """
        columns = Columns(data)
        values = {name: f.compute(columns, self.env) for name, f in self.factors.items()}
        return _fill(self.products, values, columns.n)

    def without_intercept(self) -> Design:
        """Give the same columns without the intercept."""
        kept = [k for k, term in enumerate(self.products) if all(p.factors for p in term)]
        start = {term: lo for term, (lo, _) in self.term_slices.items()}
        dropped = [start[t] for k, t in enumerate(self.term_names) if k not in kept]
        if not dropped:
            return self
        terms = tuple(self.term_names[k] for k in kept)
        products = tuple(self.products[k] for k in kept)
        return replace(
            self,
            names=tuple(name for j, name in enumerate(self.names) if j not in dropped),
            term_names=terms,
            term_slices=_slices(terms, products),
            input_columns=_input_columns(products, self.factors, self.inputs),
            products=products,
        )

    def made_from(self, name: str) -> Design:
        """Give the columns alone that are made from one input, in their order."""
        columns = self.input_columns[name]
        made = {f for f, factor in self.factors.items() if name in factor.inputs}
        kept = {
            term: tuple(part for part in parts if made.intersection(part.factors))
            for term, parts in zip(self.term_names, self.products, strict=True)
        }
        terms = tuple(term for term, parts in kept.items() if parts)
        products = tuple(kept[term] for term in terms)
        used = {f for parts in products for part in parts for f in part.factors}
        factors = {f: factor for f, factor in self.factors.items() if f in used}
        inputs = tuple(dict.fromkeys(i for factor in factors.values() for i in factor.inputs))
        return replace(
            self,
            names=tuple(self.names[j] for j in columns),
            term_names=terms,
            term_slices=_slices(terms, products),
            inputs=inputs,
            input_columns=_input_columns(products, factors, inputs),
            levels={f: levels for f, levels in self.levels.items() if f in used},
            factors=factors,
            products=products,
        )


def learn(rhs: str, data: Any, env: Mapping[str, Any]) -> tuple[Design, Array]:
    """Learn the columns of a formula's right side from rows, and build them there.

    Parameters
    ----------
    rhs
        patsy's language, without ``deep()``. The intercept is there unless it is taken away.
    data : DataFrame or mapping of str to array_like
        At least one row. It is not changed.
    env
        Names that are not columns; see :func:`deepglm.formula.capture`.

    Returns
    -------
    design : Design
        Builds the same columns on other rows.
    X : ndarray of shape (n, p)
        The columns on these rows, as :meth:`Design.build` gives them.

    Raises
    ------
    FormulaError
        If the formula cannot be read or computed.
    MissingColumnError
        If a name is neither a column nor in ``env``.
    DataError
        Without rows, with two columns of one name, or with nothing to learn from.

    Notes
    -----
    A column is NaN in every row in which a variable that it is made from is missing, also where
    Python would hide that, as in ``I(x > 0)``; unless the factor says itself what a missing value
    is to be, as ``x.fillna(0)`` and ``np.isnan(x)`` do. Stateful transforms learn from complete
    rows. Anything else that looks across rows, such as ``x - x.mean()``, is computed anew from new
    rows: write ``center(x)`` instead.
    """
    columns = Columns(data)
    design, values = learn_terms(rhs, describe(f"~ {rhs}").rhs_termlist, columns, env)
    check_dense(len(design.names), f"the columns of '{rhs}'", _MANY_LEVELS)
    return design, _fill(design.products, values, columns.n)


def learn_terms(
    text: str, terms: list[Any], columns: Columns, env: Mapping[str, Any]
) -> tuple[Design, dict[str, Numbers]]:
    """Learn terms that patsy has read; give the values of their factors as well."""
    drafts: dict[str, Factor] = {}
    seen: dict[str, Numbers | Labels] = {}
    for name in dict.fromkeys(factor.name() for term in terms for factor in term.factors):
        drafts[name], known = learn_factor(name, columns, env)
        seen[name] = known
        if isinstance(known, Labels):
            check_dense(len(known.distinct), f"the levels of '{name}'", _MANY_LEVELS)
    info = _code(terms, seen)
    levels = {known.factor.name(): known.categories for known in info.factor_infos.values()}
    factors: dict[str, Factor] = {}
    values: dict[str, Numbers] = {}
    for name, value in seen.items():
        if isinstance(value, Labels):
            factors[name] = replace(drafts[name], levels=tuple(levels[name]))
            values[name] = code_levels(value, factors[name], columns)
        else:
            factors[name], values[name] = drafts[name], value
    return _design(text, info, factors, env), values


class _Known:
    """A factor that has been evaluated, in patsy's factor protocol."""

    origin = None  # patsy asks for a place to point at in its errors

    def __init__(self, name: str, sample: Any) -> None:
        self._name, self._sample = name, sample

    def name(self) -> str:
        return self._name

    def memorize_passes_needed(self, state: Any, eval_env: Any) -> int:
        return 0

    def eval(self, state: Any, data: Any) -> Any:
        return self._sample

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and self._name == other._name

    def __hash__(self) -> int:
        return hash(self._name)


def _code(terms: list[Any], seen: Mapping[str, Numbers | Labels]) -> Any:
    # patsy orders the levels, chooses the contrasts and names the columns; it needs no rows for it.
    known = {
        name: _Known(name, v.marked() if isinstance(v, Labels) else np.zeros((1, v.shape[1])))
        for name, v in seen.items()
    }
    coded = [patsy.Term([known[f.name()] for f in term.factors]) for term in terms]
    nowhere = patsy.EvalEnvironment([{}])
    try:
        return patsy.design_matrix_builders([coded], lambda: iter([{}]), nowhere)[0]
    except patsy.PatsyError as error:
        raise cannot_read(error) from error


def _design(text: str, info: Any, factors: dict[str, Factor], env: Mapping[str, Any]) -> Design:
    terms = tuple(info.term_names)
    products = tuple(tuple(map(_product, parts)) for parts in info.term_codings.values())
    inputs = tuple(dict.fromkeys(name for f in factors.values() for name in f.inputs))
    outside = sorted({name for f in factors.values() for name in f.reading.outside})
    return Design(
        text=text,
        names=tuple(info.column_names),
        term_names=terms,
        term_slices=_slices(terms, products),
        inputs=inputs,
        input_columns=_input_columns(products, factors, inputs),
        levels={name: f.levels for name, f in factors.items() if not f.is_numeric},
        factors=factors,
        products=products,
        env=Environment({name: env[name] for name in outside}),
    )


def _product(part: Any) -> Product:
    coding = {
        factor.name(): np.pad(
            np.asarray(contrast.matrix.T, dtype=np.float64),
            ((0, 0), (0, 1)),
            constant_values=np.nan,
        )
        for factor, contrast in part.contrast_matrices.items()
    }
    return Product(tuple(f.name() for f in part.factors), coding, int(part.num_columns))


def _slices(
    terms: tuple[str, ...], products: tuple[tuple[Product, ...], ...]
) -> dict[str, tuple[int, int]]:
    ends = np.cumsum([0, *(sum(p.width for p in parts) for parts in products)]).tolist()
    return {term: (ends[k], ends[k + 1]) for k, term in enumerate(terms)}


def _input_columns(
    products: tuple[tuple[Product, ...], ...],
    factors: Mapping[str, Factor],
    inputs: tuple[str, ...],
) -> dict[str, tuple[int, ...]]:
    made: dict[str, list[int]] = {name: [] for name in inputs}
    column = 0
    for product in (product for parts in products for product in parts):
        for name in {name for f in product.factors for name in factors[f].inputs}:
            made[name].extend(range(column, column + product.width))
        column += product.width
    return {name: tuple(numbers) for name, numbers in made.items()}


def _fill(
    products: tuple[tuple[Product, ...], ...], values: Mapping[str, Numbers], n: int
) -> Array:
    parts = [product for term in products for product in term]
    out = np.empty((sum(part.width for part in parts), n))
    for lo in range(0, n, _ROWS_AT_ONCE):
        hi = min(lo + _ROWS_AT_ONCE, n)
        row = 0
        for part in parts:
            out[row : row + part.width, lo:hi] = _multiplied(part, values, lo, hi)
            row += part.width
    return out.T


def _multiplied(part: Product, values: Mapping[str, Numbers], lo: int, hi: int) -> Any:
    result: Any = None
    for name in part.factors:
        block = values[name][lo:hi]
        columns = _coded(part.coding[name], block) if name in part.coding else block.T
        if result is None:
            result = columns
            continue
        with np.errstate(invalid="ignore"):  # an infinity times the 0 of another level is NaN
            # The columns of the first factor change fastest.
            result = (columns[:, None, :] * result[None, :, :]).reshape(-1, hi - lo)
    return 1.0 if result is None else result


def _coded(coding: Array, codes: Codes) -> Array:
    return np.take(coding, codes, axis=1, mode="wrap")  # -1 is the last column: missing
