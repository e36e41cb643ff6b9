"""What the analyst holds, prints and compares after a fit."""

from deepglm.results.estimate import Estimate
from deepglm.results.results import DeepGLMResults

__all__ = ["DeepGLMResults", "Estimate"]
