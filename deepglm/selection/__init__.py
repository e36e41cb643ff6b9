"""Choosing by refitting, and averages of fits."""

from deepglm.selection.averages import Average, average
from deepglm.selection.mixture import Mixture

__all__ = ["Average", "Mixture", "average"]
