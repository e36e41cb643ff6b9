"""What can go wrong, each with its sentence and its remedy.

Every error of the package derives from :class:`DeepGLMError` and from the built-in exception that a
caller would catch. A message says what was found (column, row, value), what is needed, and what to
do.
"""

from __future__ import annotations

import math
import sys
import warnings
from numbers import Integral, Real
from typing import Any

from statsmodels.tools.sm_exceptions import (
    ConvergenceWarning as _StatsmodelsConvergenceWarning,
)

__all__ = [
    "CollinearityWarning",
    "ConvergenceWarning",
    "DataError",
    "DatasetNotFoundError",
    "DeepGLMError",
    "DeepGLMWarning",
    "DroppedRowsWarning",
    "FileFormatError",
    "FormulaError",
    "MissingColumnError",
    "MissingDataError",
    "MissingExtraError",
    "NotAvailableError",
    "ScaleWarning",
    "SeparationWarning",
    "SingleStartWarning",
    "SpecificationError",
    "StoppedWarning",
    "UnseenLevelError",
    "check_dense",
    "positive_number",
    "probability",
    "truth_value",
    "warn_user",
    "whole_number",
]


class DeepGLMError(Exception):
    """Base of every error that the package raises on purpose."""

    def __str__(self) -> str:
        # KeyError would show the repr of its message; a sentence is a sentence.
        return str(self.args[0]) if self.args else ""


class FormulaError(DeepGLMError, ValueError):
    """A formula that cannot be read, or that asks for what its grammar has not."""


class MissingColumnError(DeepGLMError, KeyError):
    """A variable of the formula, or a named column, that the data do not have."""


class UnseenLevelError(DeepGLMError, ValueError):
    """A level of a factor that was not there when the model was fitted."""


class DataError(DeepGLMError, ValueError):
    """Rows that no model of this kind can be fitted to: none, outside the support, too few."""


class MissingDataError(DataError):
    """NaN or infinity where ``missing="raise"`` allows none."""


class SpecificationError(DeepGLMError, ValueError):
    """A keyword whose value is not accepted; the message lists the values that are."""


class NotAvailableError(DeepGLMError, NotImplementedError):
    """A member that cannot exist for this model; the message says why and what to use."""


class DatasetNotFoundError(DeepGLMError, FileNotFoundError):
    """A data set that lies outside the installed package and was not found."""


class MissingExtraError(DeepGLMError, ImportError):
    """An optional dependency that is not installed; the message names the extra."""


class FileFormatError(DeepGLMError, ValueError):
    """A saved model that is damaged, or written by a newer version."""


class DeepGLMWarning(UserWarning):
    """Base of every warning of the package."""


class ConvergenceWarning(DeepGLMWarning, _StatsmodelsConvergenceWarning):
    """A fit that is not certified; standard errors are withheld."""


class CollinearityWarning(DeepGLMWarning):
    """Columns set aside because earlier columns determine them."""


class SeparationWarning(DeepGLMWarning):
    """A likelihood that rises without end along some direction."""


class DroppedRowsWarning(DeepGLMWarning):
    """Rows left out because something in them is missing."""


class ScaleWarning(DeepGLMWarning):
    """Columns whose scales differ so much that digits are lost."""


class SingleStartWarning(DeepGLMWarning):
    """An optimum that only one start has found."""


class StoppedWarning(DeepGLMWarning):
    """A search that Ctrl-C or ``max_seconds`` ended before all its starts were made."""


def warn_user(message: str, category: type[Warning]) -> None:
    """Warn at the line of the user's code that called the package, however deep the warning arose.

    Parameters
    ----------
    message
        What was found and what was done.
    category
        Class of the warning.
    """
    frame, level = sys._getframe(1), 2
    package = __name__.partition(".")[0]
    while frame.f_back is not None and _is_inside(frame.f_globals, package):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_inside(scope: dict[str, Any], package: str) -> bool:
    return str(scope.get("__name__", "")).partition(".")[0] == package


def whole_number(name: str, value: Any, least: int, remedy: str = "") -> int:
    """Check a keyword that counts something.

    Examples
    --------
    >>> whole_number("starts", 3, least=1)
    3
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise SpecificationError(
            f"{name}={value!r}: a whole number of {least} or more is needed.{remedy}"
        )
    return int(value)


def positive_number(name: str, value: Any, remedy: str = "") -> float:
    """Check a keyword that is a finite number above zero.

    Examples
    --------
    >>> positive_number("tol", 1e-8)
    1e-08
    """
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not (real and math.isfinite(value) and value > 0):
        raise SpecificationError(f"{name}={value!r}: a finite number above zero is needed.{remedy}")
    return float(value)


def probability(name: str, value: Any) -> float:
    """Check a keyword that is a number between 0 and 1, neither of them included.

    Examples
    --------
    >>> probability("alpha", 0.05)
    0.05
    """
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not (real and 0 < value < 1):
        raise SpecificationError(
            f"{name}={value!r}: a number between 0 and 1 is needed, such as {name}=0.05."
        )
    return float(value)


LARGEST = 10_000
"""Rows and columns of the dense matrices that a fit may need."""


def check_dense(count: int, what: str, remedy: str) -> None:
    """Refuse what would need dense matrices that are too large, before they are made.

    Parameters
    ----------
    count
        Their rows and columns.
    what
        What is counted.
    remedy
        What to do instead.

    Examples
    --------
    >>> check_dense(40, "the columns of 'x'", "")
    """
    if count > LARGEST:
        raise SpecificationError(
            f"{what} are {count:,}, and {LARGEST:,} are accepted: a fit needs about ten dense "
            f"matrices with as many rows and columns, {8e-9 * count**2:,.1f} GB each.{remedy}"
        )


def truth_value(name: str, value: Any) -> bool:
    """Check a keyword that is true or false; a text would count as true whatever it says.

    Examples
    --------
    >>> truth_value("skip", False)
    False
    """
    if type(value).__name__ not in ("bool", "bool_"):
        raise SpecificationError(f"{name}={value!r}: accepted are True and False.")
    return bool(value)
