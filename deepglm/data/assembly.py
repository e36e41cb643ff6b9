"""From a formula and a table, or from arrays, to checked and standardised rows."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm import formula as fm
from deepglm.data.columns import (
    ColumnSource,
    ModelData,
    PlainColumns,
    RowVariable,
    column_values,
    intercept_column,
)
from deepglm.data.rows import Rows, check_exposure, check_weights
from deepglm.data.standardise import (
    Standardisation,
    aliased_columns,
    identity_standardisation,
    standardisation,
)
from deepglm.errors import (
    CollinearityWarning,
    DataError,
    DroppedRowsWarning,
    MissingDataError,
    ScaleWarning,
    SpecificationError,
)

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

MISSING = ("drop", "raise")
ROLES = ("offset", "exposure", "freq_weights", "var_weights")


@dataclass(frozen=True)
class Request:
    """What the analyst asked for beside formula and data.

    Parameters
    ----------
    roles
        Offset, exposure and weights as given: a column name, an array, or None.
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
    subset: Any = None
    missing: str = "drop"
    standardize: bool = True
    network: bool = False
    skip: bool = True

    def __post_init__(self) -> None:
        if self.missing not in MISSING:
            raise SpecificationError(
                f"missing={self.missing!r} is not known; accepted are 'drop' (rows are counted and a "
                "warning says how many) and 'raise'."
            )


@dataclass(frozen=True)
class _Raw:
    """Unchecked pieces, row by row as in the data."""

    endog: Array
    endog_name: str
    sources: tuple[ColumnSource, ...]
    matrices: tuple[Array, ...]
    """(n, p) for the first design and for deep() terms; shared designs are repeated objects."""
    index: pd.Index
    shared: bool = False
    """Whether the second design is the first without its intercept."""
    response: Any = None


def from_formula(
    parsed: fm.Parsed, data: Any, env: Mapping[str, Any], request: Request
) -> ModelData:
    """Build the rows of a model from a formula and a table.

    Parameters
    ----------
    parsed
        The formula, taken apart.
    data
        A data frame or a dictionary of arrays; it is not changed.
    env
        Names of the caller that the formula uses.
    request
        Everything else that decides about rows and columns.
    """
    frame = data if isinstance(data, pd.DataFrame) else pd.DataFrame(dict(data))
    keep = _subset(request.subset, frame.index)
    roles = {role: _role(frame, request.roles.get(role), role, keep) for role in ROLES}
    if keep is not None:
        frame = frame[keep]
    response, endog = fm.learn_response(parsed.response, frame, env)
    design, X = fm.learn(parsed.terms, frame, env)
    sources: list[ColumnSource] = [design]
    matrices = [X]
    if request.network:
        inside = _inner(design)
        sources.append(inside)
        matrices.append(X[:, 1:] if design.has_intercept else X)
        if not request.skip:
            sources[0], matrices[0] = fm.learn("1" if design.has_intercept else "0", frame, env)
    for term in parsed.deep:
        inner, Z = fm.learn(term.text, frame, env)
        sources.append(_inner(inner))
        matrices.append(Z[:, 1:] if inner.has_intercept else Z)
    shared = request.network and request.skip
    raw = _Raw(endog, response.text, tuple(sources), tuple(matrices), frame.index, shared, response)
    return _finish(raw, roles, request)


def _inner(design: fm.Design) -> fm.Design:
    return design.without_intercept() if design.has_intercept else design


def from_arrays(
    endog: Any,
    exog: Any,
    request: Request,
    exog_names: Sequence[str] | None = None,
    endog_name: str | None = None,
) -> ModelData:
    """Build the rows of a model from arrays, with statsmodels' meaning of ``exog``.

    Parameters
    ----------
    endog
        (n,) response, or (n, 2) successes and failures.
    exog
        (n, p) columns; a constant column is the intercept.
    request
        Everything else that decides about rows and columns.
    exog_names, endog_name
        Names; by default the labels of the arrays, else statsmodels' ``const``, ``x1``, ...
    """
    index = exog.index if isinstance(exog, pd.DataFrame | pd.Series) else None
    if index is None:
        index = getattr(endog, "index", None)
        if callable(index) or index is None:
            index = pd.RangeIndex(len(np.asarray(endog)))
    names = exog_names
    if names is None and isinstance(exog, pd.DataFrame):
        names = [str(name) for name in exog.columns]
    # columns are standardised in place, and these are the caller's arrays
    X = _matrix(exog).copy()
    y = _matrix(endog).copy()
    if len(X) != len(y):
        raise DataError(f"endog has {len(y)} rows and exog has {len(X)}; they must be the same rows.")
    constant = [j for j in range(X.shape[1]) if _constant(X[:, j])]
    if names is None:
        count = iter(range(1, X.shape[1] + 1))
        names = ["const" if j in constant else f"x{next(count)}" for j in range(X.shape[1])]
    if len(names) != X.shape[1]:
        raise DataError(f"exog has {X.shape[1]} columns but exog_names has {len(names)} names.")
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if list(names).count(name) > 1})
        raise DataError(f"the name {twice[0]!r} stands for more than one column of exog.")
    keep = _subset(request.subset, index)
    roles = {role: _role(None, request.roles.get(role), role, keep, len(X)) for role in ROLES}
    if keep is not None:
        X, y, index = X[keep], y[keep], index[keep]
    first = constant[:1]
    inside = tuple(j for j in range(X.shape[1]) if j not in constant)
    label = endog_name or str(getattr(endog, "name", None) or "y")
    everything = tuple(range(X.shape[1]))
    sources: list[ColumnSource] = [PlainColumns(tuple(names), everything, *first)]
    matrices = [X]
    if request.network:
        sources.append(PlainColumns(tuple(names), inside))
        matrices.append(X[:, inside])
        if not request.skip:
            sources[0] = PlainColumns(tuple(names), tuple(first), 0 if first else None)
            matrices[0] = X[:, first]
    endog_array = y[:, 0] if y.shape[1] == 1 else y
    shared = request.network and request.skip and first == [0]
    raw = _Raw(endog_array, label, tuple(sources), tuple(matrices), index, shared)
    return _finish(raw, roles, request)


def _matrix(values: Any) -> Array:
    if hasattr(values, "to_numpy"):
        array = values.to_numpy(dtype=float, na_value=np.nan)
    else:
        array = np.asarray(values, dtype=float)
    if array.size == 0:
        raise DataError("there are no rows: endog or exog is empty.")
    return array[:, None] if array.ndim == 1 else array


def _constant(x: Array) -> bool:
    return bool(x[0] != 0 and (x == x[0]).all())


def _subset(subset: Any, index: pd.Index) -> Mask | None:
    """Rows to use, as a mask over all rows."""
    if subset is None:
        return None
    values = np.asarray(subset)
    if values.dtype == bool:
        if values.shape != (len(index),):
            raise DataError(
                f"subset has {values.size} truth values for {len(index)} rows; give one per row."
            )
        mask = values
    else:
        unknown = [label for label in values if label not in index]
        if unknown:
            raise DataError(
                f"subset names the row {unknown[0]!r}, which is not in the data; give labels of "
                "rows, or one truth value per row."
            )
        mask = np.asarray(index.isin(values))
    if not mask.any():
        raise DataError("subset leaves no rows; at least one row must be kept.")
    return mask


def _role(
    frame: Any, given: Any, role: str, keep: Mask | None, n: int | None = None
) -> RowVariable | None:
    if given is None:
        return None
    rows = len(frame) if n is None else n
    name = given if isinstance(given, str) else None
    if not isinstance(given, str) and keep is not None and np.size(given) == int(keep.sum()):
        return RowVariable(name, column_values(frame, given, role, int(keep.sum())))
    values = column_values(frame, given, role, rows)
    return RowVariable(name, values if keep is None else values[keep])


def _finish(raw: _Raw, roles: Mapping[str, RowVariable | None], request: Request) -> ModelData:
    variables = {role: v for role, v in roles.items() if v is not None}
    complete = _complete(raw, variables, request.missing)
    dropped = int(complete.size - complete.sum())
    endog = raw.endog[complete] if dropped else raw.endog
    index = raw.index[complete] if dropped else raw.index
    if dropped:
        variables = {r: RowVariable(v.name, v.values[complete]) for r, v in variables.items()}
    n = len(endog)
    weights = {r: variables[r].values if r in variables else np.ones(n) for r in ROLES[2:]}
    for role, values in weights.items():
        check_weights(values, role)
    offset = _offset(variables, n)
    y, trials = _proportion(endog, raw.endog_name)
    freq = weights["freq_weights"]
    root = np.sqrt(weights["var_weights"] * trials * freq)
    designs, standards, aliased = _designs(raw, complete if dropped else None, freq, root, request)
    weight = weights["var_weights"] * trials
    empty = weight == 0
    if empty.any():  # a row without weight says nothing about the mean, nor about the dispersion
        weight, freq = np.where(empty, 1.0, weight), np.where(empty, 0.0, freq)
    rows = Rows(y, tuple(designs), offset, weight, freq)
    return ModelData(
        rows,
        raw.sources,
        tuple(standards),
        tuple(aliased),
        endog,
        raw.endog_name,
        trials,
        variables,
        index,
        dropped,
        raw.response,
    )


def _complete(raw: _Raw, variables: Mapping[str, RowVariable], missing: str) -> Mask:
    """Rows in which nothing is missing; infinity is an error, never a missing value."""
    columns: list[tuple[str, Array]] = [
        (raw.endog_name, raw.endog) if raw.endog.ndim == 1 else (raw.endog_name, raw.endog.T)
    ]
    seen: set[int] = set()
    for source, X in zip(raw.sources, raw.matrices, strict=True):
        if id(X) not in seen:
            seen.add(id(X))
            columns += [(name, X[:, j]) for j, name in enumerate(source.names)]
    columns += [(role, v.values) for role, v in variables.items() if role in ("offset", "exposure")]
    columns += [(role, v.values) for role, v in variables.items() if role.endswith("weights")]
    complete = np.ones(len(raw.endog), dtype=bool)
    for name, values in columns:
        finite = np.isfinite(values)
        if finite.all():
            continue
        infinite = np.isinf(values)
        bad = infinite if missing == "drop" else ~finite
        bad = bad if bad.ndim == 1 else bad.any(axis=0)
        if bad.any():
            where = int(np.flatnonzero(bad)[0])
            shown = values[..., where]
            raise MissingDataError(
                f"{name!r} has the value {shown} in row {raw.index[where]!r} ({int(bad.sum())} such "
                "rows). A fit needs finite numbers: correct them, leave those rows out with subset="
                + ("." if missing == "drop" else ", or use missing='drop' for missing values.")
            )
        complete &= finite if finite.ndim == 1 else finite.all(axis=0)
    if not complete.any():
        raise DataError("every row has a missing value; no row is left to fit.")
    if not complete.all():
        gone = int((~complete).sum())
        warnings.warn(
            f"{gone} of {complete.size} rows have a missing value and were left out.",
            DroppedRowsWarning,
            stacklevel=6,
        )
    return complete


def _offset(variables: Mapping[str, RowVariable], n: int) -> Array:
    offset = np.zeros(n)
    if "offset" in variables:
        offset += variables["offset"].values
    if "exposure" in variables:
        exposure = variables["exposure"]
        check_exposure(exposure.values, exposure.name or "exposure")
        offset += np.log(exposure.values)
    return offset


def _proportion(endog: Array, name: str) -> tuple[Array, Array]:
    """Successes and failures as a proportion and trials; any other response as it is."""
    if endog.ndim == 1:
        return endog, np.ones(len(endog))
    if endog.shape[1] != 2:
        raise DataError(
            f"the response {name!r} has {endog.shape[1]} columns; binomial counts have two, "
            "successes + failures."
        )
    bad = np.flatnonzero((endog < 0).any(axis=1))
    if bad.size:
        raise DataError(
            f"the response {name!r} has the counts {endog[bad[0]].tolist()} in row {bad[0]}; successes "
            "and failures cannot be negative."
        )
    trials = endog.sum(axis=1)
    y = np.divide(endog[:, 0], trials, out=np.zeros(len(endog)), where=trials > 0)
    return y, trials


def _designs(
    raw: _Raw, complete: Mask | None, freq: Array, root: Array, request: Request
) -> tuple[list[Array], list[Standardisation], list[tuple[int, ...]]]:
    """Feature-major, standardised designs; a deep design that repeats the GLM's shares its memory."""
    designs: list[Array] = []
    standards: list[Standardisation] = []
    aliased: list[tuple[int, ...]] = []
    for t, (source, X) in enumerate(zip(raw.sources, raw.matrices, strict=True)):
        intercept = intercept_column(raw.sources[0])
        if t == 1 and raw.shared and intercept == 0:
            designs.append(designs[0][1:])
            standards.append(Standardisation(standards[0].centre[1:], standards[0].scale[1:]))
            aliased.append(tuple(j - 1 for j in aliased[0] if j > 0))
            continue
        Z = np.ascontiguousarray((X if complete is None else X[complete]).T)
        _warn_scales(source, Z)
        if request.standardize:
            centre = intercept_column(source) is not None or t > 0
            standard = standardisation(Z, freq, centre)
        else:
            standard = identity_standardisation(len(Z))
        standard.apply(Z)
        with_one = Z if t == 0 else np.concatenate((np.ones((1, Z.shape[1])), Z))
        found = aliased_columns(with_one, root)
        if t > 0:
            found = [j - 1 for j in found]
        _warn_aliased(source, found)
        designs.append(Z)
        standards.append(standard)
        aliased.append(tuple(found))
    return designs, standards, aliased


def _warn_aliased(source: ColumnSource, found: list[int]) -> None:
    if found:
        names = ", ".join(repr(source.names[j]) for j in found)
        warnings.warn(
            f"set aside because earlier columns determine them: {names}. Their coefficients are not "
            "estimated; those of the other columns are what they would be without them.",
            CollinearityWarning,
            stacklevel=7,
        )


def _warn_scales(source: ColumnSource, Z: Array) -> None:
    if len(Z) < 2:
        return
    sd = Z.std(axis=1)
    spread = sd > 0
    if spread.sum() < 2:
        return
    small, large = sd[spread].min(), sd[spread].max()
    if large > 1e6 * small:
        low = source.names[int(np.flatnonzero(sd == small)[0])]
        high = source.names[int(np.flatnonzero(sd == large)[0])]
        warnings.warn(
            f"the standard deviations of {high!r} ({large:.3g}) and {low!r} ({small:.3g}) differ by "
            "more than a million; express them in units of similar size.",
            ScaleWarning,
            stacklevel=7,
        )
