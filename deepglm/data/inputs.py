"""Inputs: the variables of the data that a model's columns are made from.

An input is a variable, not a column: everything that is made from it (a power, a spline, the
dummies of a factor, interactions) moves together when it moves.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepglm import formula as fm
from deepglm.data.columns import ColumnSource, PlainColumns
from deepglm.formula.factors import Factor

__all__ = ["Input", "find_inputs", "is_variable"]


MANY = 50
"""Values of a variable of labels, beyond which they are not taken for levels."""


@dataclass(frozen=True)
class Input:
    """A variable of the data that columns are made from.

    Parameters
    ----------
    name
        Name of the column of the data.
    kind
        "numeric" or "factor". A variable of truth values, texts or categories is a factor, and so
        is a number inside ``C()``.
    levels
        Levels of a factor, in the order of the model; empty for a number, and for labels of many
        values, such as dates, that only a transform sees.
    columns
        For the final layer, then for every deep term, the numbers of the columns that are made from
        it, those of interactions among them.
    reference
        The level that the others are compared with: the one that treatment coding leaves out, else
        the first; None for a number.
    steps
        Factors of the formula in which a number decides about a level, as in ``C(x > 3)``: they
        jump, and have no derivative.
    """

    name: str
    kind: str
    levels: tuple[Any, ...]
    columns: tuple[tuple[int, ...], ...]
    reference: Any = None
    steps: tuple[str, ...] = ()

    @property
    def is_factor(self) -> bool:
        """Whether it has levels."""
        return self.kind == "factor"


def find_inputs(sources: Sequence[ColumnSource], seen: Any) -> dict[str, Input]:
    """Find the inputs of a model, in the order of its formula.

    Parameters
    ----------
    sources
        What builds the columns of the final layer, then those of every deep term.
    seen
        The variables of the formula on the rows kept; not needed for columns of an array.
    """
    found: dict[str, Input] = {}
    for name in dict.fromkeys(name for source in sources for name in _variables(source)):
        columns = tuple(_made_from(source, name) for source in sources)
        designs = [source for source in sources if isinstance(source, fm.Design)]
        found[name] = _described(name, columns, designs, seen)
    return found


def _variables(source: ColumnSource) -> tuple[str, ...]:
    if isinstance(source, PlainColumns):
        return tuple(name for j, name in enumerate(source.names) if j != source.intercept)
    assert isinstance(source, fm.Design)
    return tuple(name for name, columns in source.input_columns.items() if columns)


def _made_from(source: ColumnSource, name: str) -> tuple[int, ...]:
    if isinstance(source, PlainColumns):
        return (source.names.index(name),) if name in source.names else ()
    assert isinstance(source, fm.Design)
    return source.input_columns.get(name, ())


def _described(
    name: str,
    columns: tuple[tuple[int, ...], ...],
    designs: Sequence[fm.Design],
    seen: Any,
) -> Input:
    factors = [
        (design, factor)
        for design in designs
        for factor in design.factors.values()
        if name in factor.inputs
    ]
    own = [(d, f) for d, f in factors if not f.is_numeric and _has_its_levels(f, name)]
    if own:
        levels = own[0][1].levels
        return Input(name, "factor", levels, columns, _reference(*own[0]))
    if any(name not in factor.numbers for _, factor in factors):
        assert seen is not None
        levels = _distinct(seen[name])
        if len(levels) > MANY:
            return Input(name, "factor", (), columns)
        return Input(name, "factor", levels, columns, levels[0])
    steps = tuple(dict.fromkeys(f.name for _, f in factors if not f.is_numeric))
    return Input(name, "numeric", (), columns, None, steps)


def is_variable(factor: Factor, name: str) -> bool:
    """Whether a factor of the formula is a variable itself: ``g`` or ``Q("g")``."""
    return factor.inputs == (name,) and _is_name(ast.parse(factor.name, mode="eval").body)


def _has_its_levels(factor: Factor, name: str) -> bool:
    """Whether its levels are the variable's: ``g``, ``C(g)`` or ``C(g, Treatment("b"))``."""
    node: ast.expr = ast.parse(factor.name, mode="eval").body
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "C" and node.args:
        node = node.args[0]
    return factor.inputs == (name,) and _is_name(node)


def _is_name(node: ast.expr) -> bool:
    quoted = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Q"
    return quoted or isinstance(node, ast.Name)


def _reference(design: fm.Design, factor: Factor) -> Any:
    """The level that has a zero in every column of its own coding."""
    for product in (product for term in design.products for product in term):
        coding = product.coding.get(factor.name)
        if coding is not None:
            without = np.flatnonzero((coding[:, :-1] == 0.0).all(axis=0))
            if len(without) == 1:
                return factor.levels[int(without[0])]
    return factor.levels[0]


def _distinct(values: Any) -> tuple[Any, ...]:
    if isinstance(getattr(values, "dtype", None), pd.CategoricalDtype):
        series = pd.Series(values)
        return tuple(series.cat.remove_unused_categories().cat.categories.tolist())
    return tuple(sorted(pd.unique(pd.Series(values)).tolist()))
