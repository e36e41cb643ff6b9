"""From a statsmodels family, with any of its links, to one of ours."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import special
from statsmodels.genmod import families as sm_families

from deepglm.errors import SpecificationError
from deepglm.families import fused
from deepglm.families.contract import Family, FloatArray
from deepglm.families.dispersion import DispersionFamily
from deepglm.families.kernels import DevianceKernel, Kernel, MeanKernel, TailKernel
from deepglm.families.laws import (
    BinomialLaw,
    ExtendedQuasiLaw,
    GammaLaw,
    GaussianLaw,
    InverseGaussianLaw,
    Law,
    NegativeBinomialLaw,
    PoissonLaw,
    TweedieLaw,
)
from deepglm.families.multinomial import Multinomial
from deepglm.families.negative_binomial import NegativeBinomialFamily
from deepglm.families.ordinal import Ordinal
from deepglm.families.quasi import Quasi
from deepglm.families.tobit import Tobit, TobitFamily
from deepglm.families.tweedie import TweedieFamily
from deepglm.families.variance import (
    BinomialVariance,
    ConstantVariance,
    NegativeBinomialVariance,
    PowerVariance,
    Variance,
    variance_function,
)
from deepglm.links import Link, get

__all__ = ["adapt", "limits", "of_response", "reading", "with_limits"]


def reading(family: Any) -> str:
    """How a family reads a response: one of ``deepglm.data.READINGS``.

    Examples
    --------
    >>> import statsmodels.api as sm
    >>> reading(sm.families.Binomial())
    'proportion'
    """
    instance = family() if inspect.isclass(family) else family
    for kind, how in _READINGS.items():
        if isinstance(instance, kind):
            return how
    return adapt(instance).reading


def of_response(family: Any, levels: tuple[Any, ...], y: FloatArray) -> Family:
    """Return our version of a family, once it is known which responses it is to have.

    Parameters
    ----------
    family
        As for :func:`adapt`, or one of ours that waits for the levels of its response
        (Multinomial, Ordinal) or for the kind of its limits (Tobit).
    levels
        What the classes of the response are called.
    y : ndarray of shape (n,) or (k, n)
        The response.
    """
    instance = family() if inspect.isclass(family) else family
    if isinstance(instance, Multinomial | Ordinal):
        return instance.with_levels(levels)
    if isinstance(instance, Tobit):
        return instance.for_rows(len(y))
    return adapt(instance)


def adapt(family: Any, scale: float | None = None) -> Family:
    """Return our version of a family.

    Parameters
    ----------
    family : statsmodels family instance or class, Quasi, or Family
        With any link. A statsmodels family of a user's own, of which only link and variance are
        known, becomes a quasi family.
    scale : float, optional
        A scale to hold fixed. By default the scale is one for Binomial, Poisson and
        NegativeBinomial and is estimated for every other family, as the auxiliary parameter
        ``"log_scale"``.

    Examples
    --------
    >>> import statsmodels.api as sm
    >>> adapt(sm.families.Gamma(sm.families.links.Log())).aux_names
    ('log_scale',)
    """
    if scale is not None and not (np.isfinite(scale) and scale > 0.0):
        raise SpecificationError(f"scale={scale!r}: a fixed scale must be a positive number.")
    instance = family() if inspect.isclass(family) else family
    ours = instance if isinstance(instance, Family) else _estimated(instance)
    ours = _from_statsmodels(instance) if ours is None else ours
    if scale is None or scale == ours.scale:
        return ours
    if not isinstance(ours, DispersionFamily):
        raise SpecificationError(f"scale={scale!r}: the {ours.name} family has no scale to fix.")
    return ours.with_scale(float(scale))


_READINGS: dict[type, str] = {
    Multinomial: "classes",
    Ordinal: "ordered",
    Tobit: "interval",
}


def limits(family: Any) -> tuple[Any, Any]:
    """Lower and upper limit of a censored response as they were given; None for others."""
    instance = family() if inspect.isclass(family) else family
    return (instance.lower, instance.upper) if isinstance(instance, Tobit) else (None, None)


def with_limits(family: Family, lower: FloatArray | None, upper: FloatArray | None) -> Family:
    """The family with the limits of rows, whose predictions depend on them; others as they are."""
    if not isinstance(family, TobitFamily):
        return family
    low = -np.inf if lower is None else lower
    return replace(family, lower=low, upper=np.inf if upper is None else upper)


def _from_statsmodels(instance: Any) -> DispersionFamily:
    if not isinstance(instance, sm_families.Family):
        accepted = ", ".join(kind.__name__ for kind in (*_LAWS, *_READINGS))
        raise SpecificationError(
            f"family={instance!r} is not a family. Give one of {accepted} from "
            f"deepglm.families, as in family=deepglm.families.Poisson(), or an object of a class "
            f"of your own that derives from deepglm.families.Family."
        )
    for kind, describe in _LAWS.items():
        if isinstance(instance, kind) and _has_the_law_of(type(instance), kind):
            return describe(instance)
    return _quasi(instance)


def _estimated(instance: Any) -> Family | None:
    """The family of an instance one of whose parameters is to be estimated."""
    if not getattr(instance, "estimated", False):
        return None
    kind = TweedieFamily if isinstance(instance, sm_families.Tweedie) else NegativeBinomialFamily
    return kind(link=get(instance.link, "link"), statsmodels=instance)


def _has_the_law_of(kind: type, known: type) -> bool:
    """Whether a user's subclass has left the distribution as it was."""
    methods = ("_resid_dev", "loglike_obs")
    return all(getattr(kind, name) is getattr(known, name) for name in methods)


def _gaussian(instance: Any) -> DispersionFamily:
    variance = ConstantVariance()
    return _family(instance, variance, GaussianLaw(variance))


def _gamma(instance: Any) -> DispersionFamily:
    variance = PowerVariance(2.0)
    return _family(instance, variance, GammaLaw(variance))


def _inverse_gaussian(instance: Any) -> DispersionFamily:
    variance = PowerVariance(3.0)
    return _family(instance, variance, InverseGaussianLaw(variance))


def _poisson(instance: Any) -> DispersionFamily:
    variance = PowerVariance(1.0)
    return _family(instance, variance, PoissonLaw(variance))


def _binomial(instance: Any) -> DispersionFamily:
    variance = BinomialVariance()
    return _family(instance, variance, BinomialLaw(variance))


def _negative_binomial(instance: Any) -> DispersionFamily:
    variance = NegativeBinomialVariance(float(instance.alpha))
    return _family(instance, variance, NegativeBinomialLaw(variance, alpha=variance.alpha))


def _tweedie(instance: Any) -> DispersionFamily:
    power = float(instance.var_power)
    if power == 0.0:
        return _gaussian(instance)
    if power == 2.0:
        return _gamma(instance)
    if power == 3.0:
        return _inverse_gaussian(instance)
    variance = PowerVariance(power)
    density = 1.0 < power < 2.0 and not instance.eql
    law = TweedieLaw(variance, statsmodels=instance) if density else ExtendedQuasiLaw(variance)
    return _family(instance, variance, law)


def _quasi(instance: Any) -> DispersionFamily:
    variance = variance_function(instance.variance)
    return _family(instance, variance, ExtendedQuasiLaw(variance))


_LAWS: dict[type, Callable[[Any], DispersionFamily]] = {
    sm_families.Gaussian: _gaussian,
    sm_families.Binomial: _binomial,
    sm_families.Poisson: _poisson,
    sm_families.Gamma: _gamma,
    sm_families.InverseGaussian: _inverse_gaussian,
    sm_families.NegativeBinomial: _negative_binomial,
    sm_families.Tweedie: _tweedie,
    Quasi: _quasi,
}

_KNOWN_SCALE = (BinomialLaw, PoissonLaw, NegativeBinomialLaw)


def _family(instance: Any, variance: Variance, law: Law) -> DispersionFamily:
    link = instance.inverse_link if isinstance(instance, Quasi) else get(instance.link, "link")
    known = isinstance(law, _KNOWN_SCALE)
    return DispersionFamily(
        name=type(instance).__name__,
        link=link,
        aux_names=() if known else ("log_scale",),
        scale=1.0 if known else None,
        statsmodels=instance,
        canonical=link == variance.canonical,
        reading="proportion" if variance.means == (0.0, 1.0) else "number",
        variance_function=variance,
        law=law,
        kernel=_kernel(link, variance, law),
    )


def _kernel(link: Link, variance: Variance, law: Law) -> Kernel:
    """The fastest kernel for a pair; its value is minus half the deviance under a free scale."""
    counts = isinstance(law, _KNOWN_SCALE)
    if isinstance(variance, BinomialVariance):
        kernel: Kernel = fused.binomial_logit if link.name == "logistic" else TailKernel(link)
        return kernel if counts else DevianceKernel(kernel, _saturated_proportion)
    if isinstance(variance, ConstantVariance) and link.name == "identity":
        return fused.gaussian_identity
    if link.name == "exp":
        if isinstance(variance, NegativeBinomialVariance) and counts:
            return fused.NegativeBinomialLog(variance.alpha)
        if isinstance(variance, PowerVariance) and variance.power == 1.0:
            return (
                fused.poisson_log if counts else DevianceKernel(fused.poisson_log, _saturated_count)
            )
        if isinstance(variance, PowerVariance):
            named = {2.0: fused.gamma_log, 3.0: fused.inverse_gaussian_log}
            return named.get(variance.power, fused.PowerLog(variance.power))
    return MeanKernel(link, variance, law, link == variance.canonical)


def _saturated_proportion(y: FloatArray) -> FloatArray:
    return np.asarray(special.xlogy(y, y) + special.xlog1py(1.0 - y, -y))


def _saturated_count(y: FloatArray) -> FloatArray:
    return np.asarray(special.xlogy(y, y) - y)
