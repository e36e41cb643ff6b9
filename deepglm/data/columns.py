"""What builds the columns of a design: a formula's design, or plain columns of an array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm.data.checks import as_floats
from deepglm.errors import DataError, MissingColumnError
from deepglm.formula.columns import listed

Array = npt.NDArray[np.float64]


class ColumnSource(Protocol):
    """What builds the columns of one design: a formula's design, or plain columns of an array."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""

    @property
    def has_intercept(self) -> bool:
        """Whether one of them is the intercept."""

    def build(self, data: Any) -> Array:
        """(n, p) columns of new rows, NaN where an input is missing."""


def intercept_column(source: ColumnSource) -> int | None:
    """Which column of a design is the intercept: a formula puts it first, an array anywhere."""
    if isinstance(source, PlainColumns):
        return source.intercept
    return 0 if source.has_intercept else None


def made_from(source: ColumnSource, column: int) -> str:
    """Name a column, and the variables that it is made from if they are called otherwise."""
    name = source.names[column]
    inputs = getattr(source, "input_columns", {})
    variables = [repr(variable) for variable, columns in inputs.items() if column in columns]
    if not variables or variables == [repr(name)]:
        return repr(name)
    return f"{name!r} (made from {', '.join(variables)})"


@dataclass(frozen=True)
class PlainColumns:
    """Columns of an array as they are, for models without a formula.

    Parameters
    ----------
    all_names
        Names of all columns of the array.
    keep
        Numbers of the columns that belong to this design.
    intercept
        Which column of this design is constant; None for none.
    added
        Whether the first column was added by the model (``add_constant=True``): new rows may come
        without it.
    """

    all_names: tuple[str, ...]
    keep: tuple[int, ...]
    intercept: int | None = None
    added: bool = False

    @property
    def has_intercept(self) -> bool:
        """Whether there is a constant column."""
        return self.intercept is not None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of this design."""
        return tuple(self.all_names[j] for j in self.keep)

    def build(self, data: Any) -> Array:
        """(n, p) float matrix; labelled columns are found by their names."""
        if isinstance(data, Mapping):
            data = pd.DataFrame({name: np.atleast_1d(values) for name, values in data.items()})
        X = self._labelled(data) if isinstance(data, pd.DataFrame) else self._unlabelled(data)
        if len(X) == 0:
            raise DataError("exog has no rows; give at least one.")
        return X[:, list(self.keep)]

    def _labelled(self, data: pd.DataFrame) -> Array:
        columns = {str(name): j for j, name in enumerate(data.columns)}
        found = [columns.get(name) for name in self.all_names]
        if self.added and found[0] is None:
            data = data.assign(**{self.all_names[0]: 1.0})
            found[0] = data.shape[1] - 1
        missing = [n for n, at in zip(self.all_names, found, strict=True) if at is None]
        if missing:
            raise MissingColumnError(
                f"exog has no column {missing[0]!r}; it has {listed(columns)}. This model needs "
                f"{listed(self.all_names)}; columns are found by their names. Add or rename it, "
                "or pass exog.to_numpy() with the columns in this order."
            )
        return as_floats(data.iloc[:, [at for at in found if at is not None]], "exog", data.index)

    def _unlabelled(self, data: Any) -> Array:
        X = as_floats(data, "exog")
        width = len(self.all_names)
        if X.ndim == 1:  # one column, or one row of several
            X = X[:, None] if width - self.added == 1 else X[None, :]
        if self.added and X.shape[1] == width - 1:
            X = np.column_stack((np.ones(len(X)), X))
        if X.ndim != 2 or X.shape[1] != width:
            raise DataError(
                f"exog has {X.shape[-1]} columns; this model was given {width}: "
                f"{listed(self.all_names)}."
            )
        return X
