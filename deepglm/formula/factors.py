"""Factors: what a formula computes from columns, learned on some rows and computed again on others.

A factor is numeric (one or more columns) or categorical (levels).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepglm.errors import DataError, FormulaError, UnseenLevelError
from deepglm.formula.columns import Columns, Mask, is_numeric, listed, missing_column
from deepglm.formula.reading import Reading, read
from deepglm.formula.values import (
    ABSENT,
    Labels,
    Numbers,
    as_labels,
    as_numbers,
    is_categorical,
    with_missing,
)

Codes = npt.NDArray[np.int32]

_UNKNOWN = -2


@dataclass(frozen=True, eq=False)
class Factor:
    """One factor of a formula, as plain state.

    Parameters
    ----------
    reading
        The Python that computes it, and what its transforms have learned.
    numbers
        Those inputs that were numeric when it was learned.
    width
        Columns of a numeric factor; 0 for a categorical one.
    levels
        Levels of a categorical factor; empty for a numeric one.
    ordered
        Whether the data or ``C(x, levels=[...])`` say in which order.
    """

    reading: Reading
    numbers: frozenset[str]
    width: int
    levels: tuple[Any, ...] = ()
    ordered: bool = False

    @property
    def name(self) -> str:
        """Its name, as patsy writes it."""
        return self.reading.name

    @property
    def inputs(self) -> tuple[str, ...]:
        """Columns of the data that it uses."""
        return self.reading.inputs

    @property
    def is_numeric(self) -> bool:
        """Whether it is numeric; else it has levels."""
        return self.width > 0

    def compute(self, columns: Columns, env: Mapping[str, Any]) -> Numbers:
        """Compute it on rows: (n, width) numbers, or (n,) codes of levels."""
        for name in self.inputs:
            if name not in columns:
                raise missing_column(name, self.name, columns)
        missing = self.reading.missing(columns)
        if self.is_numeric and missing is not None and missing.all():
            return np.full((columns.n, self.width), np.nan)
        value = self.reading.values(columns, env, self.numbers)
        if not self.is_numeric:
            return code_levels(as_labels(value, self.name, columns), self, columns, missing)
        numbers = as_numbers(value, self.name, columns)
        if numbers.shape[1] != self.width:
            raise FormulaError(
                f"'{self.name}' has {numbers.shape[1]} columns on these rows and had {self.width} "
                "when it was learned. Make it give as many on any rows."
            )
        return with_missing(numbers, missing)


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
    reading = read(name, columns, env)
    missing = reading.missing(columns)
    if missing is not None and missing.all():
        raise DataError(
            f"Every row has something missing in '{name}', so nothing can be learned about it. "
            f"Look at {listed(reading.inputs)}."
        )
    value = reading.values(columns, env)
    numeric = frozenset(column for column in reading.inputs if is_numeric(columns[column]))
    if is_categorical(value):
        labels = as_labels(value, name, columns)
        if missing is not None:
            labels.codes[missing] = ABSENT
        return Factor(reading, numeric, 0, ordered=labels.ordered), labels
    numbers = with_missing(as_numbers(value, name, columns), missing)
    return Factor(reading, numeric, numbers.shape[1]), numbers


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
    codes = np.array([*table, ABSENT], dtype=np.int32)[labels.codes]
    if missing is not None:
        codes[missing] = ABSENT
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
