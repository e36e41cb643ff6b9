"""Variance functions: what makes a quasi-likelihood, and most of a family.

Each is a callable ``V(mu)`` with a derivative, the open interval in which its means lie, the values
that a response may take, and the unit deviance ``2 * integral of (y - t) / V(t) dt`` from mu to y.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import special
from statsmodels.genmod.families import links as sm_links
from statsmodels.genmod.families import varfuncs

from deepglm.errors import SpecificationError
from deepglm.families.contract import FloatArray
from deepglm.links import Link, get

__all__ = [
    "BinomialVariance",
    "ConstantVariance",
    "GivenVariance",
    "NegativeBinomialVariance",
    "PowerVariance",
    "Support",
    "Variance",
    "WedderburnVariance",
    "variance_function",
]


@dataclass(frozen=True)
class Support:
    """Values that a response may take, and the words for them."""

    words: str
    low: float = -np.inf
    high: float = np.inf
    low_included: bool = True

    def contains(self, y: FloatArray) -> npt.NDArray[np.bool_]:
        """Return where `y` is a finite value of the support."""
        above = y >= self.low if self.low_included else y > self.low
        return above & (y <= self.high) & np.isfinite(y)


REAL = Support("finite numbers")
POSITIVE = Support("positive values", low=0.0, low_included=False)
NOT_NEGATIVE = Support("values of zero or more", low=0.0)
PROPORTION = Support("values from 0 to 1", low=0.0, high=1.0)


class Variance(Protocol):
    """What the rest of the room asks of a variance function."""

    @property
    def name(self) -> str:
        """Name in tables and messages."""

    @property
    def means(self) -> tuple[float, float]:
        """Open interval of the means."""

    @property
    def support(self) -> Support:
        """Values that a response may take."""

    @property
    def canonical(self) -> Link | None:
        """The inverse link whose derivative is proportional to the variance."""

    def __call__(self, mu: FloatArray) -> FloatArray:
        """Return the variance of a unit of scale and weight."""

    def deriv(self, mu: FloatArray) -> FloatArray:
        """Return the derivative of the variance."""

    def deviance(self, y: FloatArray, mu: FloatArray) -> FloatArray:
        """Return the unit deviance."""

    def start(self, y: FloatArray, weight: FloatArray, overall: float) -> FloatArray:
        """Return means from which scoring may start, given the overall mean."""


def _half_a_success(y: FloatArray, weight: FloatArray) -> FloatArray:
    return (weight * y + 0.5) / (weight + 1.0)


@dataclass(frozen=True)
class ConstantVariance:
    """``V = 1``, the Gaussian."""

    name: str = "constant"
    means: tuple[float, float] = (-np.inf, np.inf)
    support: Support = REAL

    @property
    def canonical(self) -> Link:
        """The identity."""
        return get("identity")

    def __call__(self, mu: FloatArray) -> FloatArray:
        """Return the variance."""
        return np.ones_like(mu)

    def deriv(self, mu: FloatArray) -> FloatArray:
        """Return zeros."""
        return np.zeros_like(mu)

    def deviance(self, y: FloatArray, mu: FloatArray) -> FloatArray:
        """Return the squared residual."""
        return np.square(y - mu)

    def start(self, y: FloatArray, weight: FloatArray, overall: float) -> FloatArray:
        """Return the weighted mean."""
        return np.full(y.shape, overall)


@dataclass(frozen=True)
class PowerVariance:
    """``V = mu**power`` with positive means: Poisson 1, Tweedie, Gamma 2, inverse Gaussian 3."""

    power: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.power) or 0.0 <= self.power < 1.0:
            raise SpecificationError(
                f"no distribution has the variance function mu**{self.power}: the power must be "
                f"below 0 or at least 1 (1 Poisson, between 1 and 2 compound Poisson, 2 Gamma, "
                f"3 inverse Gaussian; for 0 use the Gaussian family)."
            )

    @property
    def name(self) -> str:
        """The power of the mean."""
        return "mu" if self.power == 1.0 else f"mu^{self.power:g}"

    @property
    def means(self) -> tuple[float, float]:
        """Positive numbers."""
        return (0.0, np.inf)

    @property
    def support(self) -> Support:
        """Zero is possible between powers 1 and 2 only, negative values below 0 only."""
        if self.power < 0.0:
            return REAL
        return NOT_NEGATIVE if self.power < 2.0 else POSITIVE

    @property
    def canonical(self) -> Link:
        """The power link of exponent ``1 - power``, or its limit, the log."""
        return get("exp") if self.power == 1.0 else get(sm_links.Power(1.0 - self.power))

    def __call__(self, mu: FloatArray) -> FloatArray:
        """Return the variance."""
        return np.asarray(mu**self.power)

    def deriv(self, mu: FloatArray) -> FloatArray:
        """Return ``power * mu**(power - 1)``."""
        return np.asarray(self.power * mu ** (self.power - 1.0))

    def deviance(self, y: FloatArray, mu: FloatArray) -> FloatArray:
        """Return the unit deviance; rounding below zero is set to zero."""
        p = self.power
        if p == 1.0:
            return np.asarray(np.maximum(2.0 * special.kl_div(y, mu), 0.0))
        if p == 2.0:
            relative = (y - mu) / mu
            # log1p where y and mu are close, log where their ratio would round away
            log_ratio = np.where(relative < -0.5, np.log(y / mu), np.log1p(relative))
            return np.maximum(2.0 * (relative - log_ratio), 0.0)
        if p == 3.0:
            return np.square((y - mu) / mu) / y
        own = np.maximum(y, 0.0) ** (2.0 - p) / ((1.0 - p) * (2.0 - p))
        d = 2.0 * (own - y * mu ** (1.0 - p) / (1.0 - p) + mu ** (2.0 - p) / (2.0 - p))
        return np.maximum(d, 0.0)

    def start(self, y: FloatArray, weight: FloatArray, overall: float) -> FloatArray:
        """Return values halfway to the weighted mean."""
        return 0.5 * (y + overall) if self.power > 0.0 else np.full(y.shape, overall)


@dataclass(frozen=True)
class BinomialVariance:
    """``V = mu (1 - mu)``, a proportion."""

    name: str = "mu(1-mu)"
    means: tuple[float, float] = (0.0, 1.0)
    support: Support = PROPORTION

    @property
    def canonical(self) -> Link:
        """The logistic function."""
        return get("logistic")

    def __call__(self, mu: FloatArray) -> FloatArray:
        """Return the variance."""
        return mu * (1.0 - mu)

    def deriv(self, mu: FloatArray) -> FloatArray:
        """Return ``1 - 2 mu``."""
        return 1.0 - 2.0 * mu

    def deviance(self, y: FloatArray, mu: FloatArray) -> FloatArray:
        """Return twice the divergence of `mu` from `y`; a mean may be 0 or 1."""
        d = 2.0 * (special.rel_entr(y, mu) + special.rel_entr(1.0 - y, 1.0 - mu))
        return np.asarray(np.maximum(d, 0.0))

    def start(self, y: FloatArray, weight: FloatArray, overall: float) -> FloatArray:
        """Return proportions after half a success and half a failure more."""
        return _half_a_success(y, weight)


@dataclass(frozen=True)
class NegativeBinomialVariance:
    """``V = mu + alpha mu**2``."""

    alpha: float
    means: tuple[float, float] = (0.0, np.inf)
    support: Support = NOT_NEGATIVE

    def __post_init__(self) -> None:
        if not (np.isfinite(self.alpha) and self.alpha > 0.0):
            raise SpecificationError(
                f"alpha = {self.alpha} of the negative binomial must be a positive number; "
                f"for alpha = 0 use the Poisson family."
            )

    @property
    def name(self) -> str:
        """The formula with its number."""
        return f"mu+{self.alpha:g}mu^2"

    @property
    def canonical(self) -> Link:
        """The negative binomial link with the same alpha."""
        return get(sm_links.NegativeBinomial(alpha=self.alpha))

    def __call__(self, mu: FloatArray) -> FloatArray:
        """Return the variance."""
        return mu * (1.0 + self.alpha * mu)

    def deriv(self, mu: FloatArray) -> FloatArray:
        """Return ``1 + 2 alpha mu``."""
        return 1.0 + 2.0 * self.alpha * mu

    def deviance(self, y: FloatArray, mu: FloatArray) -> FloatArray:
        """Return the unit deviance."""
        distance = np.log1p(self.alpha * (y - mu) / (1.0 + self.alpha * mu))
        d = 2.0 * (special.rel_entr(y, mu) - (y + 1.0 / self.alpha) * distance)
        return np.asarray(np.maximum(d, 0.0))

    def start(self, y: FloatArray, weight: FloatArray, overall: float) -> FloatArray:
        """Return values halfway to the weighted mean."""
        return 0.5 * (y + overall)


@dataclass(frozen=True)
class WedderburnVariance:
    """``V = mu**2 (1 - mu)**2``, proportions whose logit has a constant variance.

    Notes
    -----
    The deviance of an observed 0 or 1 is infinite. As in R's ``gnm``, the term of the deviance in
    `y` alone uses ``y + 0.0005`` and ``1 - y + 0.0005``, which touches neither estimates nor
    Pearson statistics. The deviance of a single row can then be negative.
    """

    name: str = "mu^2(1-mu)^2"
    means: tuple[float, float] = (0.0, 1.0)
    support: Support = PROPORTION
    canonical: None = None
    shift: float = 0.0005

    def __call__(self, mu: FloatArray) -> FloatArray:
        """Return the variance."""
        return np.square(mu * (1.0 - mu))

    def deriv(self, mu: FloatArray) -> FloatArray:
        """Return ``2 mu (1 - mu) (1 - 2 mu)``."""
        return 2.0 * mu * (1.0 - mu) * (1.0 - 2.0 * mu)

    def deviance(self, y: FloatArray, mu: FloatArray) -> FloatArray:
        """Return the unit deviance, shifted as the notes say."""
        rest = 1.0 - y
        odds = np.log((y + self.shift) / (rest + self.shift)) - special.logit(mu)
        return np.asarray(2.0 * (y / mu + rest / (1.0 - mu) - 2.0 + (2.0 * y - 1.0) * odds))

    def start(self, y: FloatArray, weight: FloatArray, overall: float) -> FloatArray:
        """Return proportions after half a success and half a failure more."""
        return _half_a_success(y, weight)


_NODES, _NODE_WEIGHTS = special.roots_sh_legendre(40)


@dataclass(frozen=True)
class GivenVariance:
    """A user's variance function: a callable with a method ``deriv``.

    The mean may be any number at which the variance is positive. The deviance is an integral over
    40 nodes that lie densest at `y`, where a variance may vanish.
    """

    function: Callable[[FloatArray], Any]
    means: tuple[float, float] = (-np.inf, np.inf)
    support: Support = REAL
    canonical: None = None

    def __post_init__(self) -> None:
        if not callable(getattr(self.function, "deriv", None)):
            raise SpecificationError(
                f"variance={self.function!r} has no method deriv(mu). Give a name "
                f"({', '.join(_NAMED)}), a statsmodels variance function, or a callable with "
                f"its derivative."
            )

    @property
    def name(self) -> str:
        """The name of the function or its class."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def __call__(self, mu: FloatArray) -> FloatArray:
        """Return the variance."""
        return np.array(self.function(mu), dtype=np.float64)

    def deriv(self, mu: FloatArray) -> FloatArray:
        """Return what the function's ``deriv`` does."""
        return np.array(self.function.deriv(mu), dtype=np.float64)  # type: ignore[attr-defined]

    def deviance(self, y: FloatArray, mu: FloatArray) -> FloatArray:
        """Return the unit deviance by quadrature."""
        distance = mu - y
        # With t = y + (mu - y) s**2 the integrand is s**3 / V(t), smooth also where V(y) is zero.
        total = np.zeros_like(distance)
        for node, node_weight in zip(_NODES, _NODE_WEIGHTS, strict=True):
            total += node_weight * node**3 / self(y + distance * node**2)
        return np.asarray(4.0 * distance * distance * total)

    def start(self, y: FloatArray, weight: FloatArray, overall: float) -> FloatArray:
        """Return the weighted mean."""
        return np.full(y.shape, overall)


_NAMED: dict[str, Variance] = {
    "constant": ConstantVariance(),
    "mu": PowerVariance(1.0),
    "mu^2": PowerVariance(2.0),
    "mu^3": PowerVariance(3.0),
    "mu(1-mu)": BinomialVariance(),
    "mu^2(1-mu)^2": WedderburnVariance(),
}


_OURS = (
    ConstantVariance,
    PowerVariance,
    BinomialVariance,
    NegativeBinomialVariance,
    WedderburnVariance,
    GivenVariance,
)


def variance_function(spec: Any) -> Variance:
    """Return the variance function that a name, a statsmodels object or a callable stands for.

    Examples
    --------
    >>> variance_function("mu^2").power
    2.0
    """
    if isinstance(spec, str):
        if spec not in _NAMED:
            raise SpecificationError(
                f"unknown variance function {spec!r}. Accepted: {', '.join(_NAMED)}, a "
                f"statsmodels variance function, or a callable with a method deriv."
            )
        return _NAMED[spec]
    if type(spec) is varfuncs.VarianceFunction:
        return ConstantVariance()
    if type(spec) is varfuncs.Power:
        return ConstantVariance() if spec.power == 0 else PowerVariance(float(spec.power))
    if type(spec) is varfuncs.Binomial and spec.n == 1:
        return BinomialVariance()
    if type(spec) is varfuncs.NegativeBinomial:
        return NegativeBinomialVariance(float(spec.alpha))
    return spec if isinstance(spec, _OURS) else GivenVariance(spec)
