"""What a model keeps of its data: how columns are built again, and the values beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm.data.rows import Rows, check_exposure
from deepglm.data.standardise import Standardisation
from deepglm.errors import DataError, MissingColumnError

Array = npt.NDArray[np.float64]


class ColumnSource(Protocol):
    """What builds the columns of one design: a formula's design, or plain columns of an array."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def has_intercept(self) -> bool: ...
    def build(self, data: Any) -> Array: ...


def intercept_column(source: ColumnSource) -> int | None:
    """Which column of a design is the intercept: a formula puts it first, an array anywhere."""
    if isinstance(source, PlainColumns):
        return source.intercept
    return 0 if source.has_intercept else None


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
    """

    all_names: tuple[str, ...]
    keep: tuple[int, ...]
    intercept: int | None = None

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
        if isinstance(data, pd.DataFrame):
            missing = [name for name in self.all_names if name not in data.columns]
            if len(missing) == 0:
                data = data[list(self.all_names)]
        X = np.asarray(data, dtype=float)
        X = X[:, None] if X.ndim == 1 and len(self.all_names) == 1 else np.atleast_2d(X)
        if X.shape[1] != len(self.all_names):
            raise DataError(
                f"exog has {X.shape[1]} columns; this model was given {len(self.all_names)}: "
                f"{', '.join(self.all_names)}."
            )
        return X[:, list(self.keep)]


@dataclass(frozen=True)
class RowVariable:
    """Offset, exposure or a weight: where it came from and its values on the rows kept."""

    name: str | None
    values: Array

    def on(self, data: Any, given: Any, role: str, n: int) -> Array:
        """Values on new rows: what the caller gives, or the column of the same name."""
        if given is not None:
            return column_values(data, given, role, n)
        if self.name is None:
            raise DataError(
                f"the model was fitted with an {role} given as an array, so it cannot be looked up "
                f"in new data; pass {role}= for the new rows as well."
            )
        return column_values(data, self.name, role, n)


@dataclass(frozen=True)
class ModelData:
    """Everything that a model keeps of its data.

    Parameters
    ----------
    rows
        Standardised rows for the numerical core.
    sources
        What builds the columns: the final layer's, then every deep term's.
    standards
        Centre and scale of every design's columns.
    aliased
        For every design, the columns that earlier ones determine.
    endog
        Response as the analyst sees it: (n,), or (n, 2) for binomial counts.
    endog_name
        Its name.
    trials
        (n,) binomial trials, ones for other responses.
    variables
        Offset, exposure and weights by role, as far as they were given.
    index
        Labels of the rows kept.
    dropped
        Rows left out because something was missing.
    response
        What rebuilds the response on new rows; None for a model from arrays.
    """

    rows: Rows
    sources: tuple[ColumnSource, ...]
    standards: tuple[Standardisation, ...]
    aliased: tuple[tuple[int, ...], ...]
    endog: Array
    endog_name: str
    trials: Array
    variables: dict[str, RowVariable]
    index: pd.Index
    dropped: int
    response: Any = None

    def designs(self, data: Any) -> list[Array]:
        """Standardised (columns, n) designs of new rows; NaN where an input is missing."""
        built: dict[int, Array] = {}
        designs = []
        for source, standard in zip(self.sources, self.standards, strict=True):
            if id(source) not in built:
                built[id(source)] = np.ascontiguousarray(source.build(data).T)
            designs.append(standard.apply(built[id(source)].copy()))
        return designs

    def offset_on(self, data: Any, n: int, offset: Any, exposure: Any) -> Array:
        """Offset plus log exposure on new rows."""
        total = np.zeros(n)
        for role, given in (("offset", offset), ("exposure", exposure)):
            variable = self.variables.get(role)
            if variable is None and given is None:
                continue
            if variable is None:
                values = column_values(data, given, role, n)
            else:
                values = variable.on(data, given, role, n)
            if role == "exposure":
                check_exposure(values, role)
                values = np.log(values)
            total += values
        return total


def column_values(data: Any, given: Any, role: str, n: int) -> Array:
    """A column by name, an array or a number, as (n,) floats."""
    if isinstance(given, str):
        try:
            given = data[given]
        except (KeyError, TypeError, IndexError):
            present = ", ".join(map(str, getattr(data, "columns", getattr(data, "keys", list)())))
            raise MissingColumnError(
                f"{role}={given!r} is not a column of the data, which have: {present}. Name another "
                f"column, or pass the values themselves as {role}=."
            ) from None
    if hasattr(given, "to_numpy"):
        values = given.to_numpy(dtype=float, na_value=np.nan)
    else:
        values = np.asarray(given, dtype=float)
    if values.ndim == 0:
        values = np.full(n, float(values))
    values = np.squeeze(values) if values.ndim > 1 else values
    if values.shape != (n,):
        raise DataError(
            f"{role} has {values.shape[0] if values.ndim else 0} values for {n} rows; give one value "
            "per row of the data, or the name of a column."
        )
    return values
