"""Distribution of the response given eta.

statsmodels' families are here under their own names, and :class:`Quasi` with them; ``adapt`` turns
any of them, with any link, into the one contract that the likelihood speaks.
"""

from statsmodels.genmod.families import (
    Binomial,
    Gamma,
    Gaussian,
    InverseGaussian,
    NegativeBinomial,
    Poisson,
    Tweedie,
    links,
)

from deepglm.families.adapter import adapt
from deepglm.families.contract import Family, Level, RowTerms
from deepglm.families.own import NotANumberError, check_own_family, is_own, refuse_nan
from deepglm.families.quasi import Quasi

__all__ = [
    "Binomial",
    "Family",
    "Gamma",
    "Gaussian",
    "InverseGaussian",
    "Level",
    "NegativeBinomial",
    "NotANumberError",
    "Poisson",
    "Quasi",
    "RowTerms",
    "Tweedie",
    "adapt",
    "check_own_family",
    "is_own",
    "links",
    "refuse_nan",
]
