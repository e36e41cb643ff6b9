"""Choosing by refitting, and averages of fits."""

from deepglm.inference.mixture import Mixture
from deepglm.selection.anova import anova
from deepglm.selection.averages import Average, average

__all__ = ["Average", "Mixture", "anova", "average"]
