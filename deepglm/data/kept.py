"""What a model keeps of its data, and how new rows are brought to the same form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm.data.checks import check_exposure, check_not_infinite
from deepglm.data.columns import ColumnSource, made_from
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


def _check_columns(source: ColumnSource, X: Array, data: Any) -> None:
    if np.isinf(X).any():
        column = int(np.flatnonzero(np.isinf(X).any(axis=0))[0])
        index = rows_of(data, len(X)).index
        check_not_infinite(X[:, column], made_from(source, column), index)
