"""What happens to the columns of a model when one of its inputs moves."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm import formula as fm
from deepglm.data.columns import ColumnSource, PlainColumns
from deepglm.data.inputs import Input, is_variable
from deepglm.data.standardise import Standardisation
from deepglm.errors import DataError, FormulaError, NotAvailableError, SpecificationError
from deepglm.formula.columns import listed

Array = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.intp]

_NONE = np.empty(0, dtype=np.intp)

__all__ = ["Change", "ColumnMaker", "typed"]

STEP = 1e-3
"""Length of a difference through a user's transform, in units of the variable; the error is of the
fourth order."""

_CENTRAL = (np.arange(-2.0, 3.0), np.array([1.0, -8.0, 0.0, 8.0, -1.0]) / 12.0)
_FORWARD = (np.arange(5.0), np.array([-25.0, 48.0, -36.0, 16.0, -3.0]) / 12.0)

COARSE = 0.05
"""Length at which a transform is tried for jumps: few rows are near to one."""

_SMOOTH = frozenset(
    {"I", "Q", "C", "center", "standardize", "scale", "bs", "cr", "cc", "te", "log", "log1p"}
    | {"log2", "log10", "exp", "expm1", "sqrt", "square", "power", "sin", "cos", "tanh", "arctan"}
    | {"abs", "maximum", "minimum", "clip", "float", "array", "asarray"}
)
"""Functions without jumps."""

_STEPS = frozenset(
    {"floor", "ceil", "round", "rint", "trunc", "fix", "sign", "digitize", "searchsorted", "cut"}
)
"""Functions that do nothing else than jump."""


@dataclass(frozen=True, eq=False)
class Change:
    """Columns of one design with new values, or with their derivatives.

    Few of them differ between rows where an input is put to a value: the dummies of a factor do
    not, and of its interactions those of one level do.

    Parameters
    ----------
    numbers
        (c,) numbers of the columns.
    fixed
        (c,) standardised values or derivatives of columns in which all rows have the same.
    varying
        (v,) which of the columns have others.
    rows
        (v, n) the values of these.
    """

    numbers: Numbers
    fixed: Array
    varying: Numbers
    rows: Array

    @classmethod
    def of(cls, numbers: Numbers, values: Array) -> Change:
        """From (c, n) values, or (c, 1) where all rows have the same."""
        single = values.shape[1] == 1  # not even a NaN differs from itself
        varying = _NONE if single else np.flatnonzero((values != values[:, :1]).any(axis=1))
        return cls(numbers, values[:, 0].copy(), varying, values[varying])

    @property
    def values(self) -> Array:
        """(c, n) values, or (c, 1) where all rows have the same."""
        if not len(self.varying):
            return self.fixed[:, None]
        out = np.repeat(self.fixed[:, None], self.rows.shape[1], axis=1)
        out[self.varying] = self.rows
        return out

    def take(self, lo: int, hi: int) -> Change:
        """The same of some rows."""
        return replace(self, rows=self.rows[:, lo:hi]) if len(self.varying) else self

    def times(self, factor: Array) -> Change:
        """Values multiplied row by row with (n,) factors."""
        return Change.of(self.numbers, self.values * factor)

    def reduced(self, row: Callable[[Array], float]) -> Change:
        """One row in place of all."""
        fixed = self.fixed.copy()
        fixed[self.varying] = [row(x) for x in self.rows]
        return replace(self, fixed=fixed, varying=_NONE, rows=np.empty((0, 1)))


class ColumnMaker:
    """Makes the columns of a model's rows anew, with one input moved.

    Parameters
    ----------
    sources, standards
        What builds the columns of every design, and their centres and scales.
    seen
        Variables of the formula on the rows kept; None for columns of an array.
    n
        Number of rows.
    """

    def __init__(
        self,
        sources: Sequence[ColumnSource],
        standards: Sequence[Standardisation],
        seen: Any,
        n: int,
    ) -> None:
        self._designs = list(zip(sources, standards, strict=True))
        self.seen, self._n = seen, n
        self._apart: set[tuple[str, ...]] = set()

    def at(self, one: Input, values: Any) -> tuple[Change, ...]:
        """Columns with an input at a level or number: one for all rows, or (n,) values.

        Raises
        ------
        DataError
            If a column has no finite value there, as ``np.log(z)`` below zero.
        """
        if one.is_factor:
            _check_level(one, values)

        def build(design: fm.Design) -> Array:
            return self._with_value(design, one.name, values)

        given = np.atleast_1d(values)[None] if not one.is_factor else np.empty((0, 1))
        changes = self._changes(one, build, given)
        for (source, _), change in zip(self._designs, changes, strict=True):
            bad = np.flatnonzero(~np.isfinite(change.values).all(axis=1))
            if len(bad):
                name = source.names[change.numbers[bad[0]]]
                value = f" of {values:g}" if isinstance(values, int | float) else ""
                raise DataError(
                    f"{one.name} has a value{value} at which the column {name!r} is not finite; "
                    "give values at which it is."
                )
        return changes

    def slopes(self, one: Input) -> tuple[Change, ...]:
        """Derivatives of the columns by a numeric input.

        They are exact for a column that is the variable itself. Through the user's transforms they
        are differences of the fourth order, one-sided at the ends of the data.

        Raises
        ------
        NotAvailableError
            If a transform jumps, or the input is not one column of numbers.
        """
        if one.steps:
            raise NotAvailableError(
                f"it enters through {listed(one.steps)}, which jumps and has no derivative; "
                "compare two of its values instead"
            )
        changes = self._changes(one, lambda design: self._stencil(design, one.name), None)
        if not all(np.isfinite(change.values).all() for change in changes):
            raise NotAvailableError(
                "the columns made from it have no finite derivative in some rows; compare two of "
                "its values instead"
            )
        return changes

    def _changes(
        self, one: Input, build: Callable[[fm.Design], Array], given: Array | None
    ) -> tuple[Change, ...]:
        built: dict[tuple[str, ...], Array] = {}
        out = []
        for (source, standard), columns in zip(self._designs, one.columns, strict=True):
            numbers = np.array(columns, dtype=np.intp)
            scale, centre = standard.scale[numbers, None], standard.centre[numbers, None]
            if isinstance(source, PlainColumns) or not columns:
                new = np.ones((1, 1)) if given is None else given
                new = new if columns else np.empty((0, 1))
            else:
                assert isinstance(source, fm.Design)
                part = source.made_from(one.name)
                if part.names not in built:
                    with np.errstate(all="ignore"):
                        self._check_rows_apart(part, one)
                        built[part.names] = build(part)
                new = built[part.names]
            out.append(Change.of(numbers, (new if given is None else new - centre) / scale))
        return tuple(out)

    def _check_rows_apart(self, design: fm.Design, one: Input) -> None:
        """Raise where a row's columns depend on the variable in other rows, as ``x - x.mean()``."""
        kinds = [_jumpiness(f) for f, factor in design.factors.items() if one.name in factor.inputs]
        if one.is_factor or "unknown" not in kinds or design.names in self._apart:
            return
        x = np.asarray(self.seen[one.name], dtype=np.float64)
        moved = x.copy()
        moved[::2] = x[0]
        here, there = (
            design.build(_frame(self.seen, design.inputs, one.name, values, self._n))[1::2]
            for values in (None, moved)
        )
        if not np.array_equal(here, there):
            raise NotAvailableError(
                f"{one.name} enters through {listed(design.factors)}, which looks at other rows as "
                "well; write center(x) for x - x.mean(), or compute a column of the data"
            )
        self._apart.add(design.names)

    def _with_value(self, design: fm.Design, name: str, values: Any) -> Array:
        """(c, n) columns with one value; (c, 1) where no other variable is in them."""
        single = np.ndim(values) == 0
        if single and design.inputs == (name,):
            try:
                return design.build(_frame(self.seen, design.inputs, name, values, 1)).T
            except FormulaError:  # a variable of the caller's has all rows
                pass
        return design.build(_frame(self.seen, design.inputs, name, values, self._n)).T

    def _stencil(self, design: fm.Design, name: str) -> Array:
        """(c, n) derivatives of columns; (c, 1) where they are the variable itself."""
        plain = _is_plain(design, name)
        if plain.all():
            return np.ones((len(plain), 1))
        x = np.asarray(self.seen[name])
        if x.ndim != 1:
            raise NotAvailableError(
                "it is a matrix of several columns; give them names of their own in the data"
            )
        x = x.astype(np.float64)
        length = _lengths(x)
        whole, half = self._pair(design, name, x, STEP * length)
        self._check_jumps(design, name, x, length, (whole, half))
        slopes = (16.0 * half - whole) / 15.0
        slopes[plain] = 1.0
        return slopes

    def _pair(self, design: fm.Design, name: str, x: Array, step: Array) -> tuple[Array, Array]:
        """Derivatives by a step, and by half of it."""
        return (
            self._differences(design, name, x, step),
            self._differences(design, name, x, 0.5 * step),
        )

    def _differences(self, design: fm.Design, name: str, x: Array, step: Array) -> Array:
        low, high = x - 2.0 * step < x.min(), x + 2.0 * step > x.max()
        total: Any = 0.0
        for k in range(5):
            move, weight = np.full(len(x), _CENTRAL[0][k]), np.full(len(x), _CENTRAL[1][k])
            move[low], weight[low] = _FORWARD[0][k], _FORWARD[1][k]
            move[high], weight[high] = -_FORWARD[0][k], -_FORWARD[1][k]
            frame = _frame(self.seen, design.inputs, name, x + move * step, self._n)
            total = total + design.build(frame).T * (weight / step)
        return np.asarray(total)

    def _check_jumps(
        self, design: fm.Design, name: str, x: Array, length: Array, pair: tuple[Array, Array]
    ) -> None:
        """Raise where half the step gives another derivative, and one that is much too large."""
        factors = [f for f, factor in design.factors.items() if name in factor.inputs]
        kinds = {factor: _jumpiness(factor) for factor in factors}
        steps = [factor for factor, kind in kinds.items() if kind == "some"]
        if "unknown" in kinds.values():
            columns = design.build(_frame(self.seen, design.inputs, name, None, self._n)).T
            large = 10.0 * np.ptp(columns, axis=1, keepdims=True) / length
            for whole, half in (pair, self._pair(design, name, x, COARSE * length)):
                size = np.abs(whole) + np.abs(half)
                jumps = ((np.abs(whole - half) > 0.2 * size) & (size > large)).any(axis=1)
                steps += [one for one, jump in zip(design.names, jumps, strict=True) if jump]
        if steps:
            raise NotAvailableError(
                f"it enters through {listed(dict.fromkeys(steps))}, which jumps and has no "
                "derivative; compare two of its values instead"
            )


def _jumpiness(code: str) -> str:
    """What the Python of a factor says about jumps: "none", "some" or "unknown"."""
    nodes = list(ast.walk(ast.parse(code, mode="eval")))
    calls = [node.func for node in nodes if isinstance(node, ast.Call)]
    called = {getattr(one, "attr", getattr(one, "id", "")) for one in calls}
    if called & _STEPS or any(isinstance(node, ast.FloorDiv | ast.Mod) for node in nodes):
        return "some"
    compares = any(isinstance(node, ast.Compare) for node in nodes)
    return "unknown" if compares or called - _SMOOTH else "none"


def _lengths(x: Array) -> Array:
    """(n,) units in which the variable's transforms are smooth: its own size, within limits."""
    sd = float(x.std()) or max(abs(float(x[0])), 1.0)
    return np.clip(np.abs(x), 1e-4 * sd, sd)


def _is_plain(design: fm.Design, name: str) -> npt.NDArray[np.bool_]:
    """Which columns are the variable itself."""
    out: list[bool] = []
    for part in (part for term in design.products for part in term):
        plain = [f for f in part.factors if is_variable(design.factors[f], name)]
        alone = len(part.factors) == 1 and bool(plain) and design.factors[plain[0]].is_numeric
        out += [alone and part.width == 1] * part.width
    return np.array(out)


def _frame(seen: Any, names: Sequence[str], name: str, values: Any, n: int) -> Any:
    """The variables of some columns, one of them (unless it is None) with new values."""
    if isinstance(seen, pd.DataFrame):
        frame = seen[list(names)]
        frame = frame if n == len(frame) else frame.iloc[:n]
        if values is None:
            return frame
        return frame.assign(**{name: typed(values, seen[name].dtype, n)})
    out = {other: seen[other][:n] for other in names}
    if values is not None:
        out[name] = typed(values, getattr(seen[name], "dtype", None), n)
    return out


def typed(values: Any, dtype: Any, n: int) -> Any:
    """(n,) values, of one or of as many; levels of the type that the variable has."""
    if isinstance(dtype, pd.CategoricalDtype):
        many = [values] * n if np.ndim(values) == 0 else list(values)
        return pd.Categorical(many, dtype=dtype)
    if isinstance(values, str):
        return np.full(n, values, dtype=object)
    return np.full(n, values) if np.ndim(values) == 0 else np.asarray(values)


def _check_level(one: Input, level: Any) -> None:
    if one.levels and (np.ndim(level) or level not in one.levels):
        raise SpecificationError(
            f"{level!r} is not a level of {one.name}; its levels are {listed(one.levels)}."
        )
