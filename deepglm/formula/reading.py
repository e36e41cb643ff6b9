"""Reads the Python of a factor: which columns and names it uses, what in it learns; and runs it."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import patsy.builtins

from deepglm.errors import DeepGLMError, FormulaError
from deepglm.formula.columns import Columns, Mask, missing_column, nearest
from deepglm.formula.transforms import Transform
from deepglm.formula.values import spread_labels

BUILTINS: dict[str, Any] = {name: getattr(patsy.builtins, name) for name in patsy.builtins.__all__}
"""Names that a formula has without import: C, Q, I, bs, center, Treatment, ..."""

_TELLS_MISSING = frozenset(
    {"isna", "isnull", "notna", "notnull", "isnan", "isfinite", "fillna", "nan_to_num", "ffill"}
    | {"bfill", "interpolate", "combine_first"}
)
"""A factor that uses one of these says itself what a missing value is to be."""


@dataclass(frozen=True, eq=False)
class Reading:
    """The Python of one factor, as plain state.

    Parameters
    ----------
    name
        As patsy writes it.
    code
        What computes it; calls of stateful transforms go to ``transforms``.
    lessons
        What has to be run before, once, for the transforms to learn; the inner ones first.
    transforms
        What has been learned, by the name that ``code`` uses.
    inputs
        Columns of the data that it uses, in order.
    outside
        Names that it takes from the environment.
    tells_missing
        Whether it says itself what a missing value is to be, as ``x.fillna(0)`` does.
    """

    name: str
    code: str
    lessons: tuple[str, ...]
    transforms: dict[str, Transform]
    inputs: tuple[str, ...]
    outside: tuple[str, ...]
    tells_missing: bool

    def missing(self, columns: Columns) -> Mask | None:
        """Rows in which it is missing because an input is; None if there is no such row."""
        return None if self.tells_missing else columns.missing_any(self.inputs)

    def values(
        self, columns: Columns, env: Mapping[str, Any], numbers: frozenset[str] | None = None
    ) -> Any:
        """Run it on all rows.

        A function may look across rows (a lag, a mean), so it gets all of them. If it cannot stand
        what is missing, it is run on the other rows alone.

        Parameters
        ----------
        columns, env
            Where its names are.
        numbers
            Inputs that have to be numeric; None while it is learned.
        """
        given = {name: env[name] for name in self.outside}
        for name in self.inputs:
            as_numbers = numbers is not None and name in numbers
            given[name] = columns.numbers(name) if as_numbers else columns[name]
        lessons = self.lessons if numbers is None else ()
        try:
            return self._run(lessons, given)
        except DeepGLMError:
            raise
        except Exception as error:
            missing = columns.missing_any(self.inputs)
            if missing is None or missing.all():
                raise self._cannot(error) from error
        return self._values_where(~missing, lessons, given)

    def _values_where(self, rows: Mask, lessons: tuple[str, ...], given: dict[str, Any]) -> Any:
        given = {name: _at(value, rows) for name, value in given.items()}
        for transform in self.transforms.values() if lessons else ():
            transform.forget()
        try:
            return spread_labels(self._run(lessons, given), rows)
        except DeepGLMError:
            raise
        except Exception as error:
            raise self._cannot(error) from error

    def _run(self, lessons: tuple[str, ...], given: dict[str, Any]) -> Any:
        namespace = {**BUILTINS, "Q": dict(given).__getitem__, **given, **self.transforms}
        for lesson in lessons:
            eval(lesson, namespace)
        return eval(self.code, namespace)

    def _cannot(self, error: Exception) -> FormulaError:
        return FormulaError(
            f"'{self.name}' cannot be computed: {type(error).__name__}: {error}. Correct the "
            "formula, or compute it as a column of the data."
        )


def _at(value: Any, rows: Mask) -> Any:
    by_row = isinstance(value, np.ndarray | pd.Series | pd.DataFrame) and value.ndim > 0
    return value[rows] if by_row and len(value) == len(rows) else value


@dataclass
class _Calls(ast.NodeTransformer):
    """Sends calls of stateful transforms to objects that keep what they learn."""

    known: Mapping[str, Any]
    transforms: dict[str, Transform] = field(default_factory=dict)
    lessons: list[str] = field(default_factory=list)

    def visit_Call(self, node: ast.Call) -> ast.AST:  # noqa: N802
        self.generic_visit(node)  # an inner transform learns before the outer one
        if not isinstance(node.func, ast.Name):
            return node
        function = self.known.get(node.func.id)
        make = getattr(function, "__patsy_stateful_transform__", None)
        if make is None:
            return node
        slot = f"_learned_{len(self.transforms)}"
        self.transforms[slot] = Transform(node.func.id, make)
        learn = ast.Attribute(ast.Name(slot, ast.Load()), "learn", ast.Load())
        self.lessons.append(ast.unparse(ast.Call(learn, node.args, node.keywords)))
        return ast.Call(ast.Name(slot, ast.Load()), node.args, node.keywords)


def read(name: str, columns: Columns, env: Mapping[str, Any]) -> Reading:
    """Read a factor. Columns hide names of the environment, and those hide patsy's and Python's.

    Raises
    ------
    MissingColumnError
        If a name is nowhere.
    FormulaError
        If a function is nowhere.
    """
    known = {**BUILTINS, **env}
    tree = ast.parse(name, mode="eval")
    words = {getattr(node, "attr", getattr(node, "id", None)) for node in ast.walk(tree)}
    calls = _Calls({key: value for key, value in known.items() if key not in columns})
    tree = calls.visit(tree)
    inputs: dict[str, None] = {}
    outside: dict[str, None] = {}
    for used, called in _names(tree, name, env):
        if used in columns:
            inputs[used] = None
        elif used in env:
            outside[used] = None
        elif not (used in calls.transforms or used in BUILTINS or hasattr(builtins, used)):
            raise _unknown(used, name, called, columns, known)
    return Reading(
        name=name,
        code=ast.unparse(tree),
        lessons=tuple(calls.lessons),
        transforms=calls.transforms,
        inputs=tuple(inputs),
        outside=tuple(outside),
        tells_missing=not words.isdisjoint(_TELLS_MISSING),
    )


def _names(tree: ast.AST, name: str, env: Mapping[str, Any]) -> list[tuple[str, bool]]:
    # In the order of the text; True for what is called.
    nodes = list(ast.walk(tree))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    called = {id(call.func) for call in calls}
    found = [
        (getattr(node, "col_offset", -1), node.id, id(node) in called)
        for node in nodes
        if isinstance(node, ast.Name)
    ]
    found += [
        (call.col_offset, _quoted(call, name, env), False)
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "Q"
    ]
    return [(used, is_called) for _, used, is_called in sorted(found, key=lambda one: one[0])]


def _quoted(call: ast.Call, name: str, env: Mapping[str, Any]) -> str:
    argument = call.args[0] if len(call.args) == 1 else None
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    if isinstance(argument, ast.Name) and isinstance(env.get(argument.id), str):
        return str(env[argument.id])
    raise FormulaError(
        f"Q() in '{name}' needs the name of one column in quotes, as in Q(\"odd name\")."
    )


_ELSEWHERE = {
    "offset": "give offset= (or exposure=, whose logarithm is the offset) to DeepGLM",
    "log": "write np.log(...), with numpy imported as np",
    "exp": "write np.exp(...), with numpy imported as np",
    "sqrt": "write np.sqrt(...), with numpy imported as np",
    "poly": "write I(x**2), I(x**3), or a spline as bs(x, df=4)",
    "s": "write a spline as bs(x, df=4) or cr(x, df=4), or send the term through deep(x)",
    "factor": "write C(...)",
}
"""Words of R's formulas, and what to write here."""


def _unknown(
    used: str, name: str, called: bool, columns: Columns, known: Mapping[str, Any]
) -> DeepGLMError:
    if not called:
        return missing_column(used, name, columns)
    if used in _ELSEWHERE:
        return FormulaError(f"'{name}' is not part of this formula language: {_ELSEWHERE[used]}.")
    return FormulaError(
        f"The function '{used}' in '{name}' is not defined where the formula is written."
        f"{nearest(used, known)} Define or import it there."
    )
