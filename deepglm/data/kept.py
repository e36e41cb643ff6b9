"""What a model keeps of its data, and how new rows are brought to the same form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm.data.changes import ColumnMaker
from deepglm.data.checks import check_exposure, check_not_infinite
from deepglm.data.columns import ColumnSource, made_from
from deepglm.data.inputs import Input, find_inputs
from deepglm.data.rows import Rows
from deepglm.data.selection import RowVariable, Selection, row_values, rows_of
from deepglm.data.standardise import Standardisation
from deepglm.errors import DataError, MissingColumnError, SpecificationError

Array = npt.NDArray[np.float64]


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
        Response as the analyst sees it: (n,) numbers or codes of levels, or (n, k) columns.
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
    levels
        What the classes of the response are called: of two, the one that counts 0 and the one that
        counts 1.
    link
        Name of the response's inverse link, which an exposure needs to be "exp"; None if it is not
        known.
    seen
        The variables that the formula's right side uses, on the rows kept; None for columns of an
        array.
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
    levels: tuple[Any, ...] = ()
    link: str | None = None
    seen: Any = None

    @cached_property
    def inputs(self) -> dict[str, Input]:
        """The variables that the columns are made from, by name."""
        return find_inputs(self.sources, self.seen)

    @cached_property
    def maker(self) -> ColumnMaker:
        """Makes the columns of the rows anew with an input moved."""
        return ColumnMaker(self.sources, self.standards, self.seen, self.rows.n)

    @property
    def own_columns(self) -> list[int]:
        """Columns of the final layer, but for the intercept, that no deep term has a variable of.

        Without deep terms these are all columns made from variables.
        """
        deep = {name for name, one in self.inputs.items() if any(one.columns[1:])}
        shared = {j for name in deep for j in self.inputs[name].columns[0]}
        made = {j for one in self.inputs.values() for j in one.columns[0]}
        return sorted(made - shared)

    def values_of(self, name: str) -> Array:
        """(n,) values of a numeric input on the rows kept, in the user's units."""
        if self.seen is not None:
            return np.asarray(self.seen[name], dtype=np.float64)
        for columns, X, standard in zip(
            self.inputs[name].columns, self.rows.designs, self.standards, strict=True
        ):
            if columns:
                j = columns[0]
                return _whole_again(X[j] * standard.scale[j] + standard.centre[j])
        raise KeyError(name)

    def designs(self, data: Any) -> list[Array]:
        """Standardised (columns, n) designs of new rows; NaN where an input is missing."""
        built: dict[int, Array] = {}
        designs = []
        for source, standard in zip(self.sources, self.standards, strict=True):
            if id(source) not in built:
                built[id(source)] = source.build(data)
                _check_columns(source, built[id(source)], data)
            designs.append(standard.apply(built[id(source)].T.copy()))
        return designs

    def offset_on(self, data: Any, n: int, offset: Any, exposure: Any) -> Array:
        """Offset plus log exposure on new rows, NaN where one is missing.

        Parameters
        ----------
        data
            The new rows; None for the rows of the model.
        n
            How many they are.
        offset, exposure
            A column name, an array or a number; None for what was named at construction, or for
            the model's own values on its own rows.
        """
        rows = Selection(self.index, labelled=True) if data is None else rows_of(data, n)
        total = np.zeros(n)
        added = self._role("offset", data, offset, rows)
        if added is not None:
            check_not_infinite(added, "offset", rows.index)
            total += added
        exposed = self._role("exposure", data, exposure, rows)
        if exposed is not None:
            self.check_takes_exposure()
            check_exposure(exposed, "exposure", rows.index)
            total += np.log(exposed)
        return total

    def limits_on(self, data: Any, n: int) -> tuple[Array | None, Array | None]:
        """Lower and upper limits of new rows; None where they were not given as columns."""
        rows = Selection(self.index, labelled=True) if data is None else rows_of(data, n)
        lower, upper = (self._limit(role, data, rows, n) for role in ("lower", "upper"))
        return lower, upper

    def _limit(self, role: str, data: Any, rows: Selection, n: int) -> Array | None:
        variable = self.variables.get(role)
        if variable is None or data is None:
            return None if variable is None else variable.values
        if variable.name is None and np.ptp(variable.values) == 0.0:
            return np.full(n, variable.values[0])  # a number is the limit of new rows too
        if variable.name is None:
            raise DataError(
                f"the {role} limits were given as an array, and new rows have limits of their own. "
                f"Give them as a column when the model is made, as in Tobit({role}='limit'), or "
                "ask for which='latent', which needs none."
            )
        try:
            return variable.on(data, None, role, rows)
        except MissingColumnError:
            raise MissingColumnError(
                f"the new rows have no column {variable.name!r}, which holds their {role} limits. "
                "Add it, or ask for which='latent', which needs none."
            ) from None

    def _role(self, role: str, data: Any, given: Any, rows: Selection) -> Array | None:
        variable = self.variables.get(role)
        if variable is None:
            return None if given is None else row_values(data, given, role, rows)
        if data is None and given is None:
            return variable.values
        return variable.on(data, given, role, rows)

    def check_takes_exposure(self) -> None:
        """Raise unless the link is the logarithm."""
        if self.link not in (None, "exp"):
            raise SpecificationError(
                f"exposure is for a log link, where its logarithm is an offset; the inverse link "
                f"of this model is {self.link!r}. Use offset=, or divide the response and give "
                "var_weights=."
            )


def _whole_again(x: Array) -> Array:
    """Values with the rounding of the standardisation undone.

    Otherwise a count of 7 comes back as 6.999999999999999, and is no count.
    """
    whole = np.rint(x)
    return np.where(np.abs(x - whole) <= 1e-12 * np.abs(x).max(initial=1.0), whole, x)


def _check_columns(source: ColumnSource, X: Array, data: Any) -> None:
    if np.isinf(X).any():
        column = int(np.flatnonzero(np.isinf(X).any(axis=0))[0])
        index = rows_of(data, len(X)).index
        check_not_infinite(X[:, column], made_from(source, column), index)
