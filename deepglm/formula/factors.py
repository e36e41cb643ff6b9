"""Factors: what a formula computes from columns, learned on some rows and computed again on others.

A factor is numeric (one or more columns) or categorical (levels). Numbers are kept as they come;
levels are kept as codes, with -1 where something is missing.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import patsy.builtins
from patsy.categorical import C

from deepglm.errors import DataError, DeepGLMError, FormulaError, UnseenLevelError
from deepglm.formula.columns import (
    Columns,
    Mask,
    is_numeric,
    listed,
    missing_column,
    nearest,
    plain,
)
from deepglm.formula.transforms import Transform, spread

Codes = npt.NDArray[np.int32]
Numbers = npt.NDArray[Any]

_BUILTINS: dict[str, Any] = {name: getattr(patsy.builtins, name) for name in patsy.builtins.__all__}
_MARKED = type(C(()))
_TELLS_MISSING = frozenset(
    {"isna", "isnull", "notna", "notnull", "isnan", "isfinite", "fillna", "nan_to_num", "ffill"}
    | {"bfill", "interpolate", "combine_first"}
)
"""A factor that calls one of these says itself what a missing value is to be."""
_ABSENT, _UNKNOWN = -1, -2


@dataclass(frozen=True, eq=False)
class Factor:
    """One factor of a formula, as plain state.

    Parameters
    ----------
    name
        As patsy writes it.
    code
        Python that computes it; calls of stateful transforms go to ``transforms``.
    transforms
        What has been learned, by the name that ``code`` uses.
    inputs
        Columns of the data that it uses, in order.
    outside
        Names that it takes from the environment.
    numbers
        Those inputs that were numeric when it was learned.
    width
        Columns of a numeric factor; 0 for a categorical one.
    levels
        Levels of a categorical factor; empty for a numeric one.
    """

    name: str
    code: str
    transforms: dict[str, Transform]
    inputs: tuple[str, ...]
    outside: tuple[str, ...]
    numbers: frozenset[str] = frozenset()
    width: int = 0
    levels: tuple[Any, ...] = ()

    @property
    def is_numeric(self) -> bool:
        """Whether it is numeric; else it has levels."""
        return self.width > 0

    def compute(self, columns: Columns, env: Mapping[str, Any]) -> Numbers:
        """Compute it on rows: (n, width) numbers, or (n,) codes of levels."""
        for name in self.inputs:
            if name not in columns:
                raise missing_column(name, self.name, columns)
        missing = _missing(self.name, self.inputs, columns)
        if self.is_numeric and missing is not None and missing.all():
            return np.full((columns.n, self.width), np.nan)
        value = _evaluate(self, columns, env, learn=())
        if self.is_numeric:
            numbers = _as_numbers(value, self.name, columns)
            if numbers.shape[1] != self.width:
                raise FormulaError(
                    f"'{self.name}' has {numbers.shape[1]} columns on these rows and had "
                    f"{self.width} when it was learned. Make it give as many on any rows."
                )
            return _with_missing(numbers, missing)
        return code_levels(_as_labels(value, self.name, columns), self, columns, missing)


@dataclass(frozen=True, eq=False)
class Labels:
    """Categorical values: codes of the distinct ones, and what C() said about them."""

    codes: npt.NDArray[np.intp]
    distinct: list[Any]
    contrast: Any = None
    levels: tuple[Any, ...] | None = None

    def marked(self) -> Any:
        """Give what patsy needs to order the levels and to choose their coding."""
        return C(self.distinct, self.contrast, self.levels)


def learn_factor(
    name: str, columns: Columns, env: Mapping[str, Any]
) -> tuple[Factor, Numbers | Labels]:
    """Learn a factor from rows; its levels are still to be ordered.

    Returns
    -------
    factor : Factor
        Complete if it is numeric.
    values : ndarray or Labels
        What it is on these rows.
    """
    draft, learn = _read(name, columns, env)
    missing = _missing(name, draft.inputs, columns)
    if missing is not None and missing.all():
        raise DataError(
            f"Every row has something missing in '{name}', so nothing can be learned about it. "
            f"Look at {listed(draft.inputs)}."
        )
    value = _evaluate(draft, columns, env, learn)
    numbers = frozenset(column for column in draft.inputs if is_numeric(columns[column]))
    if _is_categorical(value):
        labels = _as_labels(value, name, columns)
        if missing is not None:
            labels.codes[missing] = _ABSENT
        return _complete(draft, numbers, 0), labels
    values = _with_missing(_as_numbers(value, name, columns), missing)
    return _complete(draft, numbers, values.shape[1]), values


def _complete(draft: Factor, numbers: frozenset[str], width: int) -> Factor:
    return Factor(
        draft.name, draft.code, draft.transforms, draft.inputs, draft.outside, numbers, width
    )


# ---------------------------------------------------------------------------- reading the Python


@dataclass
class _Calls(ast.NodeTransformer):
    """Sends calls of stateful transforms to objects that keep what they learn."""

    known: Mapping[str, Any]
    transforms: dict[str, Transform] = field(default_factory=dict)
    learn: list[str] = field(default_factory=list)

    def visit_Call(self, node: ast.Call) -> ast.AST:  # noqa: N802
        self.generic_visit(node)  # an inner transform is learned before the outer one
        kind = None
        if isinstance(node.func, ast.Name):
            function = self.known.get(node.func.id)
            kind = getattr(function, "__patsy_stateful_transform__", None)
        if kind is None or not isinstance(node.func, ast.Name):
            return node
        slot = f"_learned_{len(self.transforms)}"
        self.transforms[slot] = Transform(node.func.id, kind())
        teach = ast.Attribute(ast.Name(slot, ast.Load()), "learn", ast.Load())
        self.learn.append(ast.unparse(ast.Call(teach, node.args, node.keywords)))
        return ast.Call(ast.Name(slot, ast.Load()), node.args, node.keywords)


def _read(name: str, columns: Columns, env: Mapping[str, Any]) -> tuple[Factor, tuple[str, ...]]:
    known = {**_BUILTINS, **env}
    calls = _Calls({key: value for key, value in known.items() if key not in columns})
    tree = calls.visit(ast.parse(name, mode="eval"))
    inputs: dict[str, None] = {}
    outside: dict[str, None] = {}
    for used, function in _names(tree, name, env):
        if used in columns:
            inputs[used] = None
        elif used in env:
            outside[used] = None
        elif used not in calls.transforms and used not in _BUILTINS and not _is_python(used):
            raise _unknown(used, name, function, columns, known)
    draft = Factor(name, ast.unparse(tree), calls.transforms, tuple(inputs), tuple(outside))
    return draft, tuple(calls.learn)


def _names(tree: Any, name: str, env: Mapping[str, Any]) -> list[tuple[str, bool]]:
    # In the order of the text; True for what is called.
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = [
        (node.col_offset if hasattr(node, "col_offset") else -1, node.id, id(node) in called)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name)
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Q":
            found.append((node.col_offset, _quoted(node, name, env), False))
    return [(used, function) for _, used, function in sorted(found, key=lambda one: one[0])]


def _quoted(node: ast.Call, name: str, env: Mapping[str, Any]) -> str:
    argument = node.args[0] if len(node.args) == 1 else None
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    if isinstance(argument, ast.Name) and isinstance(env.get(argument.id), str):
        return str(env[argument.id])
    raise FormulaError(
        f"Q() in '{name}' needs the name of one column in quotes, as in Q(\"odd name\")."
    )


def _is_python(name: str) -> bool:
    return hasattr(builtins, name)


def _unknown(
    used: str, name: str, function: bool, columns: Columns, known: Mapping[str, Any]
) -> DeepGLMError:
    if not function:
        return missing_column(used, name, columns)
    return FormulaError(
        f"The function '{used}' in '{name}' is not defined where the formula is written."
        f"{nearest(used, known)} Define or import it there."
    )


# ---------------------------------------------------------------------------- computing values


def _missing(name: str, inputs: tuple[str, ...], columns: Columns) -> Mask | None:
    tree = ast.walk(ast.parse(name, mode="eval"))
    if any(getattr(node, "attr", getattr(node, "id", None)) in _TELLS_MISSING for node in tree):
        return None
    return columns.missing_any(inputs)


def _evaluate(
    factor: Factor, columns: Columns, env: Mapping[str, Any], learn: tuple[str, ...]
) -> Any:
    # All rows at once first, since a function may look across rows (a lag, a mean). If it cannot
    # stand what is missing, it is asked about the other rows alone.
    try:
        return _run(factor, learn, _namespace(factor, columns, env, None))
    except DeepGLMError:
        raise
    except Exception as error:
        missing = columns.missing_any(factor.inputs)
        if missing is None or missing.all():
            raise _cannot_compute(factor, error) from error
    rows = ~missing
    for transform in factor.transforms.values() if learn else ():
        transform.learned = type(transform.learned)()
    try:
        value = _run(factor, learn, _namespace(factor, columns, env, rows))
    except DeepGLMError:
        raise
    except Exception as error:
        raise _cannot_compute(factor, error) from error
    return _spread(value, rows)


def _run(factor: Factor, learn: tuple[str, ...], namespace: dict[str, Any]) -> Any:
    for code in learn:
        eval(code, namespace)
    return eval(factor.code, namespace)


def _namespace(
    factor: Factor, columns: Columns, env: Mapping[str, Any], rows: Mask | None
) -> dict[str, Any]:
    given = {name: env[name] for name in factor.outside}
    for name in factor.inputs:
        given[name] = columns.numbers(name) if name in factor.numbers else columns[name]
    if rows is not None:
        given = {name: _at(value, rows) for name, value in given.items()}
    quoted = dict(given)
    namespace = {**_BUILTINS, "Q": quoted.__getitem__, **given, **factor.transforms}
    return namespace


def _at(value: Any, rows: Mask) -> Any:
    by_row = isinstance(value, np.ndarray | pd.Series | pd.DataFrame) and value.ndim > 0
    return value[rows] if by_row and len(value) == len(rows) else value


def _spread(value: Any, rows: Mask) -> Any:
    if isinstance(value, _MARKED):
        return C(_spread(value.data, rows), value.contrast, value.levels)
    if _is_categorical(value):
        full = np.full(len(rows), None, dtype=object)
        full[rows] = np.asarray(value, dtype=object)
        dtype = getattr(value, "dtype", None)
        return pd.Categorical(full, dtype=dtype) if isinstance(dtype, pd.CategoricalDtype) else full
    return spread(value, rows)


def _cannot_compute(factor: Factor, error: Exception) -> FormulaError:
    return FormulaError(
        f"'{factor.name}' cannot be computed: {type(error).__name__}: {error}. Correct the "
        "formula, or compute it as a column of the data."
    )


def _is_categorical(value: Any) -> bool:
    return isinstance(value, _MARKED) or not is_numeric(plain(value, None))


def _as_numbers(value: Any, name: str, columns: Columns) -> Numbers:
    _check_index(value, name, columns)
    value = plain(value, columns.index)
    array = np.asarray(value)
    if array.dtype.kind in "Ob":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            array = np.asarray(["words"])
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


def _with_missing(numbers: Numbers, missing: Mask | None) -> Numbers:
    if missing is None or (numbers.dtype.kind == "f" and np.isnan(numbers[missing]).all()):
        return numbers
    numbers = numbers.astype(np.float64)  # a copy: these may be the user's own
    numbers[missing] = np.nan
    return numbers


def _as_labels(value: Any, name: str, columns: Columns) -> Labels:
    contrast = levels = None
    if isinstance(value, _MARKED):
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
        return Labels(codes, known, contrast, tuple(known) if levels is None else levels)
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
    return Labels(codes, distinct.tolist(), contrast, levels)


def code_levels(
    labels: Labels, factor: Factor, columns: Columns, missing: Mask | None = None
) -> Codes:
    """Translate codes of distinct values into codes of the factor's levels.

    Raises
    ------
    UnseenLevelError
        At the first row whose level is not one of them.
    """
    place = {level: k for k, level in enumerate(factor.levels)}
    table = [place.get(value, _UNKNOWN) for value in labels.distinct]
    codes = np.array([*table, _ABSENT], dtype=np.int32)[labels.codes]
    if missing is not None:
        codes[missing] = _ABSENT
    if _UNKNOWN in table and (codes == _UNKNOWN).any():
        row = int(np.argmax(codes == _UNKNOWN))
        level = labels.distinct[labels.codes[row]]
        named = " and ".join(f"'{name}'" for name in factor.inputs) or f"'{factor.name}'"
        of = "" if factor.inputs == (factor.name,) else f" of '{factor.name}'"
        raise UnseenLevelError(
            f"Column {named} has the level {level!r}{of} in row {columns.label(row)!r}, which was "
            f"not there when the formula was learned. Known levels: {listed(factor.levels)}. "
            "Recode the row, leave it out, or fit with rows that have this level."
        )
    return codes
