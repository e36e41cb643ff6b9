"""What the analyst holds, prints and compares after a fit."""

from deepglm.results.estimate import Estimate
from deepglm.results.frozen import check_covariance
from deepglm.results.results import DeepGLMResults

__all__ = ["DeepGLMResults", "Estimate", "check_covariance"]
