"""Families with a mean of which a parameter beside the dispersion is estimated."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from deepglm.families.contract import Comparison, Family, FloatArray
from deepglm.families.dispersion import DispersionFamily

__all__ = ["EstimatedFamily"]


@dataclass(frozen=True, kw_only=True)
class EstimatedFamily(Family):
    """What does not depend on the parameter, and is said by the family in which it is known."""

    @abstractmethod
    def _known(self, a: float) -> DispersionFamily:
        """The family with the parameter known, on the scale of the fit."""

    def start_level(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the linear predictor of the mean response."""
        return self._known(0.0).start_level(y, weight)

    def start_eta(self, y: FloatArray, weight: FloatArray, level: FloatArray) -> FloatArray:
        """Return the linear predictors of means halfway from the responses to their mean."""
        return self._known(0.0).start_eta(y, weight, level)

    def response_scale(self, y: FloatArray, weight: FloatArray) -> float:
        """Return the scale of the response on the scale of eta."""
        return self._known(0.0).response_scale(y, weight)

    def check_response(self, y: FloatArray, name: str, labels: Any = None) -> None:
        """Raise DataError for negative and missing responses."""
        self._known(0.0).check_response(y, name, labels)

    def comparisons(self, y: FloatArray) -> tuple[Comparison, ...]:
        """Return responses of zero, which a mean reaches at an infinite eta."""
        return self._known(0.0).comparisons(y)

    @property
    def statistics(self) -> tuple[str, ...]:
        """What :meth:`statistic` can predict of a row."""
        return ("mean", "linear", "var_unscaled")
