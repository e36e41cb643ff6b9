"""What can go wrong, each with its sentence and its remedy.

Every error of the package derives from :class:`DeepGLMError` and from the built-in exception that a
caller would catch. A message says what was found (column, row, value), what is needed, and what to
do.
"""

from __future__ import annotations

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
    "UnseenLevelError",
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
    """Rows that no model of this kind can be fitted to: empty, outside the support, wrong length."""


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
