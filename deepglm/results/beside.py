"""What a fit computes beside itself, so that its summary can print it without fitting anything."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

__all__ = ["Beside"]


class Beside(NamedTuple):
    """Tests that need other fits, made once inside a fit.

    Parameters
    ----------
    inputs
        Two score tests for every input, see ``results.input_tests``; None where they were not made.
    glm_deviance, glm_edf
        Deviance and number of coefficients of the GLM that is nested in the model; NaN without one.
    linearity
        The tests of that GLM, see ``results.nonlinearity_test``; None where they were not made.
    """

    inputs: pd.DataFrame | None = None
    glm_deviance: float = float("nan")
    glm_edf: float = float("nan")
    linearity: pd.DataFrame | None = None
    dropped: bool = False
    """Whether tests were made under another covariance, and are not there for that reason."""

    def without_tests(self) -> Beside:
        """The same for another covariance, which the tests do not know."""
        had = self.inputs is not None or self.linearity is not None
        return self._replace(inputs=None, linearity=None, dropped=had or self.dropped)
