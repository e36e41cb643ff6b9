"""Nested generalised linear models: from a formula to a report."""

from deepglm import datasets, errors, families, links, penalties, solvers
from deepglm.families import (
    Binomial,
    Gamma,
    Gaussian,
    InverseGaussian,
    NegativeBinomial,
    Poisson,
    Quasi,
    Tweedie,
)
from deepglm.model import DeepGLM
from deepglm.penalties import L2
from deepglm.results import DeepGLMResults
from deepglm.selection import average

__version__ = "0.1.0"

__all__ = [
    "L2",
    "Binomial",
    "DeepGLM",
    "DeepGLMResults",
    "Gamma",
    "Gaussian",
    "InverseGaussian",
    "NegativeBinomial",
    "Poisson",
    "Quasi",
    "Tweedie",
    "average",
    "datasets",
    "errors",
    "families",
    "links",
    "penalties",
    "solvers",
]
