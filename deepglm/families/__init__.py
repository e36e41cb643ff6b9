"""Distribution of the response given eta.

statsmodels' families are here under their own names, and :class:`Quasi` with them; ``adapt`` turns
any of them, with any link, into the one contract that the likelihood speaks.
"""

from statsmodels.genmod.families import (
    Binomial,
    Gamma,
    Gaussian,
    InverseGaussian,
    Poisson,
    links,
)

from deepglm.families.adapter import adapt, limits, of_response, reading, with_limits
from deepglm.families.contract import Family, Level, MeanFamily, RowTerms
from deepglm.families.multinomial import Multinomial
from deepglm.families.negative_binomial import NegativeBinomial
from deepglm.families.ordinal import Ordinal
from deepglm.families.own import NotANumberError, check_own_family, is_own, refuse_nan
from deepglm.families.quasi import Quasi
from deepglm.families.tobit import Tobit
from deepglm.families.tweedie import Tweedie

__all__ = [
    "Binomial",
    "Family",
    "Gamma",
    "Gaussian",
    "InverseGaussian",
    "Level",
    "limits",
    "of_response",
    "reading",
    "with_limits",
    "Multinomial",
    "Ordinal",
    "Tobit",
    "MeanFamily",
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
