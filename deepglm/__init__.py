"""Nested generalised linear models: from a formula to a report."""

import importlib as _importlib
from typing import Any as _Any

from deepglm import datasets, errors, families, links, penalties, solvers
from deepglm.families import (
    Binomial,
    Gamma,
    Gaussian,
    InverseGaussian,
    Multinomial,
    NegativeBinomial,
    Ordinal,
    Poisson,
    Quasi,
    Tobit,
    Tweedie,
)
from deepglm.model import DeepGLM
from deepglm.penalties import L2
from deepglm.results import DeepGLMResults
from deepglm.selection import anova, average

__version__ = "0.1.0"


def __getattr__(name: str) -> _Any:
    """``deepglm.plots``, imported when it is first used."""
    if name == "plots":
        return _importlib.import_module("deepglm.plots")
    raise AttributeError(f"module 'deepglm' has no attribute {name!r}")


__all__ = [
    "L2",
    "Binomial",
    "DeepGLM",
    "DeepGLMResults",
    "Gamma",
    "Gaussian",
    "InverseGaussian",
    "Multinomial",
    "NegativeBinomial",
    "Ordinal",
    "Poisson",
    "Quasi",
    "Tobit",
    "Tweedie",
    "anova",
    "average",
    "datasets",
    "errors",
    "families",
    "links",
    "penalties",
    "solvers",
]
