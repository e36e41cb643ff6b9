"""Rows in which nothing is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm.data.checks import found
from deepglm.errors import DataError, DroppedRowsWarning, MissingDataError, warn_user

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def complete_rows(
    columns: Iterable[tuple[str, Array]],
    index: pd.Index,
    missing: str,
    hints: Mapping[str, str] = MappingProxyType({}),
) -> Mask:
    """Rows in which every column has a number; how many have not is said in a warning.

    Parameters
    ----------
    columns
        What a message calls a column, and its (n,) or (n, k) values.
    index
        Labels of the rows.
    missing
        "drop", or "raise" for an error in place of the warning.
    hints
        What a message says in addition of a column.

    Raises
    ------
    MissingDataError
        For an infinity, which is never a missing value, and with "raise" for a NaN.
    DataError
        If no row is left.
    """
    complete: Mask = np.ones(len(index), dtype=bool)
    incomplete = []
    for name, values in columns:
        finite = _each_row(np.isfinite(values))
        if finite.all():
            continue
        bad = ~finite if missing == "raise" else _any_in_row(np.isinf(values))
        if bad.any():
            drop = ", or use missing='drop' for missing values" if missing == "raise" else ""
            raise MissingDataError(
                f"{found(name, values, bad, index)}. A fit needs finite numbers: correct them, "
                f"leave those rows out with subset={drop}.{hints.get(name, '')}"
            )
        incomplete.append(name)
        complete &= finite
    _report(complete, incomplete, "".join(hints.get(name, "") for name in incomplete))
    return complete


def _report(complete: Mask, incomplete: list[str], hint: str) -> None:
    gone = int(complete.size - complete.sum())
    if not gone:
        return
    where = ", ".join(incomplete)
    if gone == complete.size:
        raise DataError(
            f"every row has a missing value (in {where}), and no row is left to fit. Look at these "
            f"columns.{hint}"
        )
    warn_user(
        f"{gone} of {complete.size} rows have a missing value and were left out (in {where})."
        f"{hint}",
        DroppedRowsWarning,
    )


def _each_row(values: Mask) -> Mask:
    return values if values.ndim == 1 else np.asarray(values.all(axis=1))


def _any_in_row(values: Mask) -> Mask:
    return values if values.ndim == 1 else np.asarray(values.any(axis=1))
