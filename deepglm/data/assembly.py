"""From unchecked pieces to the checked, standardised rows of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm.data.checks import check_exposure, check_weights
from deepglm.data.columns import ColumnSource, intercept_column, made_from
from deepglm.data.complete import complete_rows
from deepglm.data.kept import ModelData
from deepglm.data.responses import READINGS, Endog, complete, hint_of, read_response
from deepglm.data.rows import Rows
from deepglm.data.selection import RowVariable, Selection, row_values, rows_only
from deepglm.data.standardise import (
    ALIASED,
    Spread,
    Standardisation,
    aliased_columns,
    identity_standardisation,
    spread,
    standardisation,
    unit_intercept,
)
from deepglm.errors import (
    CollinearityWarning,
    DataError,
    ScaleWarning,
    SpecificationError,
    truth_value,
    warn_user,
)

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

MISSING = ("drop", "raise")
ROLES = ("offset", "exposure", "freq_weights", "var_weights")
WEIGHTS = ROLES[2:]
LIMITS = ("lower", "upper")

LITTLE = 4e-5
"""Share of a column's length that has to be left beside earlier columns. The smallest eigenvalue of
the information, on a unit-diagonal scale, is about half its square, and has to exceed 1e-9."""

LARGE_RATIO = 1e6
"""Ratio of standard deviations beyond which a warning asks for other units."""


@dataclass(frozen=True)
class Request:
    """What the analyst asked for beside formula and data.

    Parameters
    ----------
    roles
        Offset, exposure and weights as given: a column name, an array, or None.
    reading
        How the family reads the response.
    limits
        Lower and upper limit of a censored response: a number, a column name, an array, or None.
    subset
        Rows to use: a boolean mask or labels; None for all.
    missing
        "drop" or "raise".
    standardize
        Whether columns are standardised inside the fit.
    network
        Whether the terms go through hidden layers (``hidden=`` is not empty).
    skip
        Whether they enter the final layer as well.
    """

    roles: Mapping[str, Any]
    reading: str = "number"
    limits: tuple[Any, Any] = (None, None)
    subset: Any = None
    missing: str = "drop"
    standardize: bool = True
    network: bool = False
    skip: bool = True

    def __post_init__(self) -> None:
        if self.missing not in MISSING:
            raise SpecificationError(
                f"missing={self.missing!r} is not known; accepted are 'drop' (rows are counted and "
                "a warning says how many) and 'raise'."
            )
        assert self.reading in READINGS
        truth_value("standardize", self.standardize)
        truth_value("skip", self.skip)


@dataclass(frozen=True)
class Pieces:
    """Unchecked parts of a model, row by row as in the rows used.

    Parameters
    ----------
    endog
        The response.
    designs
        What builds the columns, and their (n, p) values: the final layer's, then every deep
        term's. None for the values of a deep term says that they are the final layer's without
        its first column, the intercept. The values are overwritten.
    index
        Labels of the rows.
    seen
        The variables of the formula's right side; None without a formula.
    """

    endog: Endog
    designs: tuple[tuple[ColumnSource, Array | None], ...]
    index: pd.Index
    seen: Any = None

    @property
    def sources(self) -> tuple[ColumnSource, ...]:
        """What builds the columns."""
        return tuple(source for source, _ in self.designs)

    def columns(self) -> Iterator[tuple[str, Array]]:
        """Every column of the designs once, by what a message calls it."""
        for source, X in self.designs:
            for j in range(0 if X is None else X.shape[1]):
                assert X is not None
                yield made_from(source, j), X[:, j]

    def only(self, rows: Mask) -> Pieces:
        """The same of some rows."""
        return replace(
            self,
            endog=self.endog.only(rows),
            designs=tuple((source, None if X is None else X[rows]) for source, X in self.designs),
            index=self.index[rows],
            seen=None if self.seen is None else rows_only(self.seen, rows),
        )


def read_roles(request: Request, data: Any, rows: Selection) -> dict[str, RowVariable]:
    """Offset, exposure, weights and limits on the rows used, as far as given; a copy of them."""
    variables = {}
    for role, given in [*request.roles.items(), *zip(LIMITS, request.limits, strict=True)]:
        if given is not None:
            values = np.array(row_values(data, given, role, rows))
            variables[role] = RowVariable(given if isinstance(given, str) else None, values)
    return variables


def assemble(pieces: Pieces, variables: dict[str, RowVariable], request: Request) -> ModelData:
    """Leave out incomplete rows, check what is left, and standardise it.

    Parameters
    ----------
    pieces
        Response and designs.
    variables
        Offset, exposure and weights by role.
    request
        What the analyst asked for.
    """
    values = [
        (_called(role, variable), variable.values)
        for role, variable in variables.items()
        if role not in LIMITS  # which may be infinite
    ]
    response = (repr(pieces.endog.name), complete(pieces.endog, request.reading))
    columns = [response, *pieces.columns(), *values]
    hints = {response[0]: hint_of(pieces.endog, request.reading)}
    kept = complete_rows(columns, pieces.index, request.missing, hints)
    dropped = int(kept.size - kept.sum())
    if dropped:
        pieces = pieces.only(kept)
        variables = {r: RowVariable(v.name, v.values[kept]) for r, v in variables.items()}
    limits = _limits(variables, len(pieces.index))
    y, trials, levels = read_response(pieces.endog, request.reading, limits, pieces.index)
    weight, freq = _weights(variables, trials, pieces.index)
    offset = _offset(variables, pieces.index)
    designs, standards, aliased = _standardised(pieces, weight, freq, request.standardize)
    return ModelData(
        Rows(y, designs, offset, weight, freq),
        pieces.sources,
        standards,
        aliased,
        pieces.endog.values,
        pieces.endog.name,
        trials,
        variables,
        pieces.index,
        dropped,
        levels,
        seen=pieces.seen,
    )


def _called(role: str, variable: RowVariable) -> str:
    return role if variable.name is None else f"{role} {variable.name!r}"


def _limits(variables: Mapping[str, RowVariable], n: int) -> tuple[Array, Array]:
    """Limits of a censored response, infinite where there are none."""
    given = [variables.get(role) for role in LIMITS]
    ends = (-np.inf, np.inf)
    lower, upper = (
        np.full(n, end) if limit is None else limit.values
        for limit, end in zip(given, ends, strict=True)
    )
    return lower, upper


def _weights(
    variables: Mapping[str, RowVariable], trials: Array, index: pd.Index
) -> tuple[Array, Array]:
    """What divides the dispersion and what multiplies the log-likelihood.

    A row without trials or with a ``var_weights`` of zero says nothing about the mean, nor about
    the dispersion: it counts zero times.
    """
    ones = np.ones(len(trials))
    given = {}
    for role in WEIGHTS:
        given[role] = variables[role].values if role in variables else ones
        if role in variables:
            check_weights(given[role], _called(role, variables[role]), index)
    weight, freq = given["var_weights"] * trials, given["freq_weights"]
    empty = weight == 0
    if empty.any():
        weight, freq = np.where(empty, 1.0, weight), np.where(empty, 0.0, freq)
        if not freq.any():
            raise DataError(
                "no row has both a weight and a trial above zero, so that none counts. Look at the "
                "weights."
            )
    return weight, freq


def _offset(variables: Mapping[str, RowVariable], index: pd.Index) -> Array:
    offset = np.zeros(len(index))
    if "offset" in variables:
        offset += variables["offset"].values
    if "exposure" in variables:
        exposure = variables["exposure"]
        check_exposure(exposure.values, _called("exposure", exposure), index)
        offset += np.log(exposure.values)
    return offset


def _standardised(
    pieces: Pieces, weight: Array, freq: Array, standardize: bool
) -> tuple[tuple[Array, ...], tuple[Standardisation, ...], tuple[tuple[int, ...], ...]]:
    """Feature-major designs, centre and scale of their columns, and the aliased ones."""
    root = np.sqrt(weight * freq)
    designs: list[Array] = []
    standards: list[Standardisation] = []
    aliased: list[tuple[int, ...]] = []
    for t, (source, X) in enumerate(pieces.designs):
        if X is None:  # the final layer's columns without the intercept share its memory
            designs.append(designs[0][1:])
            standards.append(Standardisation(standards[0].centre[1:], standards[0].scale[1:]))
            aliased.append(tuple(j - 1 for j in aliased[0]))
            continue
        Z = np.ascontiguousarray(X.T)
        columns = spread(Z, freq)
        _warn_scales(source, columns)
        # a hidden unit has an intercept of its own
        centre = t > 0 or source.has_intercept
        standard = (
            standardisation(columns, centre) if standardize else identity_standardisation(len(Z))
        )
        intercept = intercept_column(source)
        if intercept is not None:
            standard = unit_intercept(standard, intercept, float(columns.mean[intercept]))
        designs.append(standard.apply(Z))
        standards.append(standard)
        short = _short(designs[-1], root, intercept, t > 0, LITTLE)
        aliased.append(_short(designs[-1], root, intercept, t > 0) if short else ())
        _warn_aliased(source, aliased[-1])
        _warn_nearly_aliased(source, [j for j in short if j not in aliased[-1]])
    return tuple(designs), tuple(standards), tuple(aliased)


def _short(
    Z: Array, root: Array, intercept: int | None, hidden: bool, tol: float = ALIASED
) -> tuple[int, ...]:
    """Columns of which an intercept and earlier columns leave no larger share."""
    ahead = [-1] if hidden else [] if intercept is None else [intercept]
    order = [*ahead, *(j for j in range(len(Z)) if j != intercept)]
    return tuple(sorted(aliased_columns(Z, root, order, tol)))


def _warn_aliased(source: ColumnSource, aliased: Sequence[int]) -> None:
    if aliased:
        names = ", ".join(repr(source.names[j]) for j in aliased)
        warn_user(
            f"set aside because earlier columns determine them: {names}. Their coefficients are "
            "not estimated; those of the other columns are what they would be without them.",
            CollinearityWarning,
        )


def _warn_nearly_aliased(source: ColumnSource, columns: Sequence[int]) -> None:
    if columns:
        names = ", ".join(repr(source.names[j]) for j in columns)
        warn_user(
            f"nearly determined by earlier columns: {names}; a share of less than {LITTLE:g} is "
            "left beside those. It decides their coefficients, and a fit can hardly be certified. "
            "Leave them out, replace them by differences from the other columns, or centre a "
            "variable before its powers are made.",
            CollinearityWarning,
        )


def _warn_scales(source: ColumnSource, columns: Spread) -> None:
    sd = np.where(columns.sd > 0, columns.sd, np.nan)
    if np.isnan(sd).all():
        return
    small, large = int(np.nanargmin(sd)), int(np.nanargmax(sd))
    if sd[large] > LARGE_RATIO * sd[small]:
        warn_user(
            f"the standard deviations of {source.names[large]!r} ({sd[large]:.3g}) and "
            f"{source.names[small]!r} ({sd[small]:.3g}) differ by more than a million; express "
            "them in units of similar size.",
            ScaleWarning,
        )
