"""Inverse links and their first two derivatives: one registry for output and hidden layers.

The mean of a response is ``mu = h(eta)``, and so is the value of a hidden unit: a hidden unit is a
small generalised linear model, and its activation is an inverse link. Every function here is
elementwise, keeps the floating type of its argument and overflows to 0 or infinity without a
warning. Nothing is clipped: where a link has no mean the value is infinite, so that a likelihood
built on it refuses the step.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import special
from statsmodels.genmod.families import links as sm_links

from deepglm.errors import NotAvailableError, SpecificationError

__all__ = ["Link", "Tanh", "get", "names"]

FloatArray = npt.NDArray[Any]
Derivatives = tuple[FloatArray, ...]
Tails = tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]
Parity = Literal["odd", "even", "reflection"]
Group = Literal["scale", "shift", "linear"]
Role = Literal["activation", "link"]

_ROOT_2PI = float(np.sqrt(2.0 * np.pi))
_ROOT_HALF = float(np.sqrt(0.5))
_LEAK = 0.01
# Below it, log(1 - exp(-exp(eta))) and eta are the same double.
_CLOGLOG_IS_ETA = -37.0


@dataclass(frozen=True)
class Link:
    """An inverse link ``h`` with two derivatives, and the symmetries of a hidden unit that uses it.

    Parameters
    ----------
    name : str
        The name under which the link is shown; links are equal when their declarations are.
    function : callable
        ``function(eta, order)`` returns ``(h,)``, ``(h, h')`` or ``(h, h', h'')`` for order 0, 1
        or 2: fresh arrays of the shape and type of `eta`.
    forward : callable, optional
        The link itself, ``eta = g(mu)``. Without it the link cannot give starting values.
    tail_function : callable, optional
        The five arrays of :meth:`tails`. Without it they come from `function`, which rounds them
        where the mean is closer to one than a double can be.
    domain : tuple of float
        Open interval of eta on which the link is one-to-one with the means it is meant for.
    parity : {"odd", "even", "reflection"}, optional
        ``h(-a) = -h(a)``, ``h(a)`` or ``1 - h(a)``.
    group : {"scale", "shift", "linear"}, optional
        The continuous symmetry of a hidden unit: ``h(c a) = c**degree h(a)`` for positive ``c``,
        ``h(a + b) = exp(b) h(a)``, or the identity's linear maps.
    degree : float
        The exponent that belongs to ``group="scale"``.
    odd_part : float, optional
        ``s`` when ``h(a) - h(-a) = s a``: next to a linear term, such a unit has a sign symmetry.
    kinked : bool
        Whether the function is piecewise linear and so without curvature information.
    across : bool
        Whether the units of a layer share one function, as softmax: `function` then takes the
        linear predictors of a layer, (units, m), and gives the values for every order; the
        Jacobian of a row with values ``z`` is ``diag(z) - z z'``.

    Raises
    ------
    SpecificationError
        If a derivative is not that of the value, or what is declared is not true, at a few hundred
        points of the domain. The message names the point and both numbers.

    Examples
    --------
    A user's own activation, checked when it is made and given as ``activation=wave``:

    >>> import numpy as np
    >>> def sine(eta, order):
    ...     return (np.sin(eta), np.cos(eta), -np.sin(eta))[: order + 1]
    >>> wave = Link("sine", sine, parity="odd")
    >>> wave.deriv1(np.zeros(2))
    array([1., 1.])
    """

    name: str
    function: Callable[[FloatArray, int], Derivatives] = field(repr=False)
    forward: Callable[[FloatArray], FloatArray] | None = field(
        default=None, repr=False, compare=False
    )
    tail_function: Callable[[FloatArray], Tails] | None = field(
        default=None, repr=False, compare=False
    )
    domain: tuple[float, float] = (-np.inf, np.inf)
    parity: Parity | None = None
    group: Group | None = None
    degree: float = 1.0
    odd_part: float | None = None
    kinked: bool = False
    across: bool = False

    def __post_init__(self) -> None:
        if not _is_ours(self.function):
            with np.errstate(all="ignore"):
                _check(self)

    def evaluate(self, eta: npt.ArrayLike, order: int) -> Derivatives:
        """Return the inverse link and its first `order` derivatives.

        Parameters
        ----------
        eta : array_like
            Linear predictors, any shape.
        order : {0, 1, 2}
            The highest derivative wanted; nothing beyond it is computed.

        Returns
        -------
        tuple of ndarray
            ``order + 1`` arrays, of the type of `eta`. They are never `eta` itself nor each
            other, so the caller may write into them.
        """
        values = _floating(eta)
        if values.ndim == 0:
            return tuple(part.reshape(()) for part in self.function(values.reshape(1), order))
        return self.function(values, order)

    def overwrite(self, eta: FloatArray, order: int) -> Derivatives:
        """Return what :meth:`evaluate` does, the value in the memory of `eta`: a copy less."""
        if self.function is _tanh:
            return _from_tanh(np.tanh(eta, out=eta), order)
        parts = self.function(eta, order)
        eta[...] = parts[0]
        return (eta, *parts[1:])

    def inverse(self, eta: npt.ArrayLike) -> FloatArray:
        """Return the mean ``h(eta)``."""
        return self.evaluate(eta, 0)[0]

    def deriv1(self, eta: npt.ArrayLike) -> FloatArray:
        """Return ``h'(eta)``."""
        return self.evaluate(eta, 1)[1]

    def deriv2(self, eta: npt.ArrayLike) -> FloatArray:
        """Return ``h''(eta)``."""
        return self.evaluate(eta, 2)[2]

    def link(self, mu: npt.ArrayLike) -> FloatArray:
        """Return the linear predictor ``g(mu)`` whose mean is `mu`.

        A mean that the link cannot reach gives NaN or infinity, without a warning.
        """
        if self.forward is None:
            raise NotAvailableError(
                f"the inverse link {self.name!r} has no link function: several linear predictors "
                f"share a mean. Use a monotone link such as 'identity', 'exp' or 'softplus' for "
                f"the response."
            )
        with np.errstate(all="ignore"):
            return np.asarray(self.forward(_floating(mu)))

    def tails(self, eta: npt.ArrayLike) -> Tails:
        """Return what a binomial likelihood needs, accurate where the mean rounds to 0 or 1.

        Returns
        -------
        log_mean, log_rest : ndarray
            ``log(mu)`` and ``log(1 - mu)``. Both are ``-inf`` where `mu` is not a probability
            strictly between 0 and 1, and the ratios are then 0.
        mean_ratio, rest_ratio : ndarray
            ``mu' / mu`` and ``mu' / (1 - mu)``.
        curvature : ndarray
            ``mu'' / mu'``.
        """
        values = _floating(eta)
        tails = self.tail_function if self.tail_function is not None else self._tails_from_means
        with np.errstate(all="ignore"):
            if values.ndim == 0:
                a, b, c, d, e = tails(values.reshape(1))
                return a.reshape(()), b.reshape(()), c.reshape(()), d.reshape(()), e.reshape(())
            return tails(values)

    def _tails_from_means(self, eta: FloatArray) -> Tails:
        mu, mu1, mu2 = self.function(eta, 2)
        ratio = np.where(mu1 == 0.0, 0.0, mu2 / mu1)
        parts = (np.log(mu), np.log1p(-mu), mu1 / mu, mu1 / (1.0 - mu), ratio)
        return _only_inside((mu > 0.0) & (mu < 1.0), parts)


def _floating(values: npt.ArrayLike) -> FloatArray:
    array = np.asarray(values)
    if array.dtype.kind == "f":
        return array
    return array.astype(np.float64)


def _only_inside(inside: npt.NDArray[np.bool_], parts: Tails) -> Tails:
    log_mean, log_rest, *ratios = parts
    first, second, third = (np.where(inside, ratio, 0.0) for ratio in ratios)
    return (
        np.where(inside, log_mean, -np.inf),
        np.where(inside, log_rest, -np.inf),
        first,
        second,
        third,
    )


# ---------------------------------------------------------------------------------------------
# What a link promises, checked when it is made: the function may be a user's own.

_PARTS = ("value", "first derivative", "second derivative")
# Far enough for differences to have ten digits, near enough for units a hundred times as steep.
_STEP, _RELATIVE, _ROUNDING = 1e-4, 1e-3, 1e-10


def _is_ours(function: Any) -> bool:
    """Whether a function is of this module: the tests hold those against differences."""
    same = getattr(function, "__module__", None) == __name__
    return same and not isinstance(function, _ThroughMethods)


def _check(link: Link) -> None:
    low, high = link.domain
    if not low < high:
        raise SpecificationError(f"{_called(link)}, domain={link.domain}: give (lower, upper).")
    eta = _points(low, high)
    h, h1, h2 = _parts(link, eta)
    if not (np.isfinite(h) & np.isfinite(h1) & np.isfinite(h2)).any():
        raise SpecificationError(
            f"{_called(link)}: no value is finite between {eta[0]:.6g} and {eta[-1]:.6g}. Correct "
            "the function, or declare the domain= that it is meant for."
        )
    _check_derivative(link, 1, eta, h1)
    _check_derivative(link, 2, eta, h2)
    straight = not h2[np.isfinite(h2)].any()
    if link.kinked != (straight and np.ptp(h1[np.isfinite(h1)]) > 0.0):
        says = "its second derivative is not zero" if link.kinked else "it is piecewise linear"
        raise SpecificationError(
            f"{_called(link)}, kinked={link.kinked}: {says}, which decides how a fit is certified. "
            f"Declare kinked={not link.kinked}."
        )
    _check_declared(link, eta, h)


def _called(link: Link) -> str:
    return f"the inverse link {link.name!r}"


def _points(low: float, high: float) -> FloatArray:
    """A few hundred points of a domain, none of them round: kinks lie at round numbers."""
    if np.isinf(low) and np.isinf(high):
        return np.linspace(-8.0, 8.0, 240) + 0.0137
    if np.isfinite(low) and np.isfinite(high):
        return np.asarray(low + (high - low) * np.linspace(0.0057, 0.9943, 240))
    away = np.geomspace(0.0137, 30.0, 240)
    return low + away if np.isfinite(low) else high - away[::-1]


_NEEDED = "function(eta, order) returns order + 1 new arrays of the shape of eta"


def _parts(link: Link, eta: FloatArray) -> Derivatives:
    """Value and two derivatives, once they are numbers and the same for every order."""
    found = [_call(link, eta, order) for order in range(3)]
    for k, part in enumerate(found[2]):
        bad = np.isnan(part) & ~np.isinf(found[2][0])
        if bad.any():
            raise SpecificationError(
                f"{_called(link)}: its {_PARTS[k]} at eta = {eta[bad][0]:.6g} is nan. Return a "
                "number there, or infinity where there is no mean, or declare the domain= that it "
                "is meant for."
            )
        if any(not np.array_equal(part, lower[k], equal_nan=True) for lower in found[k:2]):
            raise SpecificationError(
                f"{_called(link)}: its {_PARTS[k]} depends on the order that is asked for. Needed: "
                f"{_NEEDED}, the same numbers for every order."
            )
    return found[2]


def _call(link: Link, eta: FloatArray, order: int) -> Derivatives:
    """What the function gives, if it gives the arrays that it has to."""
    kept = eta.copy()
    try:
        parts = tuple(link.function(eta, order))
    except Exception as error:
        raise SpecificationError(
            f"{_called(link)}: function(eta, {order}) failed with {type(error).__name__}: {error}. "
            f"Needed: {_NEEDED}."
        ) from error
    if len(parts) != order + 1 or any(np.shape(part) != eta.shape for part in parts):
        shapes = ", ".join(str(np.shape(part)) for part in parts)
        raise SpecificationError(
            f"{_called(link)}: function(eta, {order}) gives {len(parts)} parts, of shape {shapes}, "
            f"for an eta of shape {eta.shape}. Needed: {_NEEDED}."
        )
    if not (eta == kept).all() or any(np.may_share_memory(part, eta) for part in parts):
        raise SpecificationError(
            f"{_called(link)}: function(eta, {order}) writes into eta or returns it, and a fit "
            f"writes into what it returns. Needed: {_NEEDED}, such as eta.copy()."
        )
    return parts


def _check_derivative(link: Link, order: int, eta: FloatArray, given: FloatArray) -> None:
    """Raise unless a derivative agrees with differences of the one before it, on one side at least.

    At a kink one of the sides is right.
    """
    room = np.minimum(eta - link.domain[0], link.domain[1] - eta)
    step = _STEP * np.minimum(room, 1.0)
    far_left, left, here, right, far_right = (
        link.function(eta + k * step, order - 1)[order - 1] for k in (-2, -1, 0, 1, 2)
    )
    centred = (right - left) / (2.0 * step)
    before = (3.0 * here - 4.0 * left + far_left) / (2.0 * step)
    after = (4.0 * right - 3.0 * here - far_right) / (2.0 * step)
    wrong = np.isfinite(here) & np.isfinite(centred)
    rounding = _ROUNDING * np.abs(here[wrong]).max(initial=0.0)
    for slope in (centred, before, after):
        allowed = _RELATIVE * np.maximum(np.abs(given), np.abs(slope)) + rounding
        wrong &= ~(np.abs(given - slope) <= allowed)
    if wrong.any():
        k = int(np.where(wrong, np.abs(eta), np.inf).argmin())
        more = int(wrong.sum()) - 1
        raise SpecificationError(
            f"{_called(link)}: at eta = {eta[k]:.6g} its {_PARTS[order]} is given as "
            f"{given[k]:.6g}, and differences of its {_PARTS[order - 1]} make it {centred[k]:.6g}"
            f"{f' (and at {more} more of {eta.size} points)' if more else ''}. Correct the "
            "function: a fit would follow a wrong slope."
        )


def _check_declared(link: Link, eta: FloatArray, h: FloatArray) -> None:
    """Raise for a symmetry that is declared and not there: units would be turned by it."""

    def holds(what: str, left: FloatArray, right: FloatArray, at: FloatArray) -> None:
        wrong = ~np.isclose(left, right, rtol=1e-8, atol=1e-10)
        if wrong.any():
            k = int(np.flatnonzero(wrong)[0])
            raise SpecificationError(
                f"{_called(link)}, {what} is not true at a = {at[k]:.6g}: {left[k]:.6g} is not "
                f"{right[k]:.6g}. Leave the declaration out or correct it; units are turned by it."
            )

    def value(at: FloatArray) -> FloatArray:
        return link.function(at, 0)[0]

    a = np.linspace(0.1137, 5.0, 20)
    if link.parity is not None:
        mirrored = {"odd": -value(a), "even": value(a), "reflection": 1.0 - value(a)}
        if link.parity not in mirrored:
            raise SpecificationError(
                f"{_called(link)}, parity={link.parity!r}: accepted are {', '.join(mirrored)}."
            )
        words = {"odd": "-h(a)", "even": "h(a)", "reflection": "1 - h(a)"}[link.parity]
        holds(f"parity={link.parity!r}: h(-a) = {words}", value(-a), mirrored[link.parity], a)
    if link.odd_part is not None:
        s = link.odd_part
        holds(f"odd_part={s}: h(a) - h(-a) = {s} a", value(a) - value(-a), s * a, a)
    if link.group == "scale":
        what = f"group='scale', degree={link.degree}: h(2 a) = 2**degree h(a)"
        holds(what, value(2.0 * eta), 2.0**link.degree * h, eta)
    elif link.group == "shift":
        holds("group='shift': h(a + 1) = e h(a)", value(eta + 1.0), np.e * h, eta)
    elif link.group == "linear":
        holds("group='linear': h(a) = a", h, eta, eta)
    elif link.group is not None:
        raise SpecificationError(
            f"{_called(link)}, group={link.group!r}: accepted are scale, shift and linear."
        )


# ---------------------------------------------------------------------------------------------
# Values and derivatives. Each works in place on what it allocated: these functions are called on
# every row block of every iteration.


def _identity(eta: FloatArray, order: int) -> Derivatives:
    return (eta.copy(), *_constants(eta, (1.0, 0.0), order))


def _constants(eta: FloatArray, values: tuple[float, ...], order: int) -> Derivatives:
    return tuple(np.full(eta.shape, value, eta.dtype) for value in values[:order])


def _tanh(eta: FloatArray, order: int) -> Derivatives:
    return _from_tanh(np.tanh(eta), order)


def _from_tanh(h: FloatArray, order: int) -> Derivatives:
    if order == 0:
        return (h,)
    h1 = h * h
    np.subtract(1.0, h1, out=h1)
    if order == 1:
        return h, h1
    h2 = h * h1
    h2 *= -2.0
    return h, h1, h2


def _logistic(eta: FloatArray, order: int) -> Derivatives:
    h = np.negative(eta)
    # exp(-eta) overflows to the right answer, 1 / (1 + inf) = 0, and keeps the left tail exact.
    with np.errstate(over="ignore"):
        np.exp(h, out=h)
    h += 1.0
    np.reciprocal(h, out=h)
    if order == 0:
        return (h,)
    h1 = np.subtract(1.0, h)
    h1 *= h
    if order == 1:
        return h, h1
    h2 = h * -2.0
    h2 += 1.0
    h2 *= h1
    return h, h1, h2


def _rescaled_tanh(eta: FloatArray, order: int) -> Derivatives:
    # (1 + tanh(eta)) / 2, without the loss of digits of that sum in the left tail
    parts = _logistic(2.0 * eta, order)
    for k, part in enumerate(parts):
        part *= 2.0**k
    return parts


def _exp(eta: FloatArray, order: int) -> Derivatives:
    with np.errstate(over="ignore"):
        h = np.exp(eta)
    return (h, *(h.copy() for _ in range(order)))


def _normal_density(eta: FloatArray) -> FloatArray:
    density = eta * eta
    density *= -0.5
    np.exp(density, out=density)
    density /= _ROOT_2PI
    return density


def _probit(eta: FloatArray, order: int) -> Derivatives:
    h = special.ndtr(eta)
    if order == 0:
        return (h,)
    h1 = _normal_density(eta)
    return (h, h1) if order == 1 else (h, h1, -eta * h1)


def _cloglog(eta: FloatArray, order: int) -> Derivatives:
    with np.errstate(over="ignore"):
        t = np.exp(eta)
        h = -np.expm1(-t)
        if order == 0:
            return (h,)
        h1 = np.exp(eta - t)
        if order == 1:
            return h, h1
        # h'(1 - t) written so that 0 * inf cannot arise.
        return h, h1, h1 - np.exp(2.0 * eta - t)


def _loglog(eta: FloatArray, order: int) -> Derivatives:
    with np.errstate(over="ignore"):
        t = np.exp(-eta)
        h = np.exp(-t)
        if order == 0:
            return (h,)
        h1 = np.exp(-eta - t)
        if order == 1:
            return h, h1
        return h, h1, np.exp(-2.0 * eta - t) - h1


def _cauchit(eta: FloatArray, order: int) -> Derivatives:
    # The angle seen from the left keeps the small tail exact, unlike 1/2 + arctan(eta)/pi.
    h = np.arctan2(1.0, -eta)
    h /= np.pi
    if order == 0:
        return (h,)
    q = 1.0 + eta * eta
    h1 = 1.0 / (np.pi * q)
    return (h, h1) if order == 1 else (h, h1, -2.0 * eta * h1 / q)


def _relu(eta: FloatArray, order: int) -> Derivatives:
    h = np.maximum(eta, 0.0)
    if order == 0:
        return (h,)
    h1 = (eta > 0.0).astype(eta.dtype)
    return (h, h1) if order == 1 else (h, h1, np.zeros_like(eta))


def _leaky_relu(eta: FloatArray, order: int) -> Derivatives:
    h = eta * _LEAK
    np.maximum(eta, h, out=h)
    if order == 0:
        return (h,)
    h1 = (eta > 0.0).astype(eta.dtype)
    h1 *= 1.0 - _LEAK
    h1 += _LEAK
    return (h, h1) if order == 1 else (h, h1, np.zeros_like(eta))


def _softplus(eta: FloatArray, order: int) -> Derivatives:
    h = np.abs(eta)
    np.negative(h, out=h)
    np.exp(h, out=h)
    np.log1p(h, out=h)
    h += np.maximum(eta, 0.0)
    return (h,) if order == 0 else (h, *_logistic(eta, order - 1))


def _smooth_tobit(eta: FloatArray, order: int) -> Derivatives:
    h1 = special.ndtr(eta)
    density = _normal_density(eta)
    h = eta * h1
    h += density
    return (h, h1, density)[: order + 1]


def _square(eta: FloatArray, order: int) -> Derivatives:
    h = eta * eta
    if order == 0:
        return (h,)
    return (h, eta * 2.0, np.full(eta.shape, 2.0, eta.dtype))[: order + 1]


def _reciprocal(eta: FloatArray, order: int) -> Derivatives:
    with np.errstate(divide="ignore", over="ignore"):
        h = np.reciprocal(eta)
        if order == 0:
            return (h,)
        h1 = h * h
        np.negative(h1, out=h1)
        return (h, h1) if order == 1 else (h, h1, -2.0 * h1 * h)


def _gelu(eta: FloatArray, order: int) -> Derivatives:
    cumulative = special.ndtr(eta)
    h = eta * cumulative
    if order == 0:
        return (h,)
    density = _normal_density(eta)
    cumulative += eta * density
    if order == 1:
        return h, cumulative
    density *= 2.0 - eta * eta
    return h, cumulative, density


def _silu(eta: FloatArray, order: int) -> Derivatives:
    parts = _logistic(eta, min(order, 1))
    h = eta * parts[0]
    if order == 0:
        return (h,)
    s, s1 = parts
    h1 = eta * s1
    h1 += s
    if order == 1:
        return h, h1
    h2 = (2.0 + eta * (1.0 - 2.0 * s)) * s1
    return h, h1, h2


def _elu(eta: FloatArray, order: int) -> Derivatives:
    below = np.minimum(eta, 0.0)
    np.expm1(below, out=below)
    h = np.maximum(eta, 0.0)
    h += below
    if order == 0:
        return (h,)
    below += 1.0
    return (h, below) if order == 1 else (h, below, np.where(eta > 0.0, 0.0, below))


@dataclass(frozen=True)
class _Power:
    exponent: float

    def __call__(self, eta: FloatArray, order: int) -> Derivatives:
        inside = ~(eta <= 0.0)  # a missing eta has a missing mean
        base = np.where(inside, eta, 1.0)
        parts = []
        factor = 1.0
        with np.errstate(over="ignore"):
            for k in range(order + 1):
                outside = np.inf if k == 0 else 0.0
                part = np.where(inside, factor * base ** (self.exponent - k), outside)
                parts.append(part.astype(eta.dtype, copy=False))
                factor *= self.exponent - k
        return tuple(parts)


def _logc(eta: FloatArray, order: int) -> Derivatives:
    with np.errstate(over="ignore"):
        h = -np.expm1(eta)
        return (h, *(-np.exp(eta) for _ in range(order)))


@dataclass(frozen=True)
class _NegativeBinomial:
    alpha: float

    def __call__(self, eta: FloatArray, order: int) -> Derivatives:
        with np.errstate(divide="ignore", over="ignore"):
            h = 1.0 / (self.alpha * np.expm1(-eta))
            if order == 0:
                return (h,)
            # The canonical link: the derivative of the mean is the variance function.
            slope = 1.0 + self.alpha * h
            h1 = h * slope
            return (h, h1) if order == 1 else (h, h1, h1 * (slope + self.alpha * h))


@dataclass(frozen=True)
class _ThroughMethods:
    """A link with statsmodels' methods that is none of statsmodels' own."""

    link: Any

    def __call__(self, eta: FloatArray, order: int) -> Derivatives:
        methods = (self.link.inverse, self.link.inverse_deriv, self.link.inverse_deriv2)
        with np.errstate(all="ignore"):
            parts = [
                np.array(method(eta), dtype=eta.dtype).reshape(eta.shape)
                for method in methods[: order + 1]
            ]
        # Not a number means no mean: infinity is refused by every family, and is not contagious.
        for part, substitute in zip(parts, (np.inf, 0.0, 0.0), strict=False):
            part[np.isnan(part) & ~np.isnan(eta)] = substitute
        return tuple(parts)


# ---------------------------------------------------------------------------------------------
# Links proper: eta given mu (starting values, tests).


def _forward_identity(mu: FloatArray) -> FloatArray:
    return mu.copy()


def _forward_rescaled_tanh(mu: FloatArray) -> FloatArray:
    return np.asarray(0.5 * special.logit(mu))


def _forward_cloglog(mu: FloatArray) -> FloatArray:
    return np.asarray(np.log(-np.log1p(-mu)))


def _forward_loglog(mu: FloatArray) -> FloatArray:
    return -np.log(-np.log(mu))


def _forward_cauchit(mu: FloatArray) -> FloatArray:
    return np.asarray(np.tan(np.pi * (mu - 0.5)))


def _forward_softplus(mu: FloatArray) -> FloatArray:
    return mu + np.log(-np.expm1(-mu))


def _forward_leaky_relu(mu: FloatArray) -> FloatArray:
    return np.where(mu > 0.0, mu, mu / _LEAK)


def _forward_elu(mu: FloatArray) -> FloatArray:
    return np.where(mu > 0.0, mu, np.log1p(np.minimum(mu, 0.0)))


def _forward_smooth_tobit(mu: FloatArray) -> FloatArray:
    # Newton on log h, which is concave and rising: after the first step it cannot overshoot.
    # At -37 the mean is 1e-301, the smallest that has a logarithm.
    eta = np.maximum(mu, 0.0)
    for _ in range(40):
        h, h1 = _smooth_tobit(eta, 1)
        eta = np.maximum(eta + (np.log(mu) - np.log(h)) * h / h1, -37.0)
    return np.asarray(eta)


def _forward_power(mu: FloatArray, *, exponent: float) -> FloatArray:
    return np.asarray(mu ** (1.0 / exponent))


def _forward_logc(mu: FloatArray) -> FloatArray:
    return np.asarray(np.log1p(-mu))


def _forward_negative_binomial(mu: FloatArray, *, alpha: float) -> FloatArray:
    return np.asarray(-np.log1p(1.0 / (alpha * mu)))


# ---------------------------------------------------------------------------------------------
# Tails. Called inside one np.errstate, by Link.tails.


def _tails_logistic(eta: FloatArray) -> Tails:
    above, mu = _softplus(eta, 1)
    below, rest = _softplus(-eta, 1)
    return -below, -above, rest, mu, -np.tanh(0.5 * eta)


def _tails_rescaled_tanh(eta: FloatArray) -> Tails:
    log_mean, log_rest, *slopes = _tails_logistic(2.0 * eta)
    mean_ratio, rest_ratio, curvature = (2.0 * slope for slope in slopes)
    return log_mean, log_rest, mean_ratio, rest_ratio, curvature


def _tails_probit(eta: FloatArray) -> Tails:
    # One scaled complementary error function, of the smaller tail, gives all four.
    log_density = -0.5 * eta * eta
    density = np.exp(log_density)
    scaled = special.erfcx(_ROOT_HALF * np.abs(eta))
    scaled *= 0.5
    smaller = scaled * density
    log_smaller, log_larger = log_density + np.log(scaled), np.log1p(-smaller)
    density /= _ROOT_2PI
    ratio_smaller, ratio_larger = 1.0 / (_ROOT_2PI * scaled), density / (1.0 - smaller)
    left = eta < 0.0
    return (
        np.where(left, log_smaller, log_larger),
        np.where(left, log_larger, log_smaller),
        np.where(left, ratio_smaller, ratio_larger),
        np.where(left, ratio_larger, ratio_smaller),
        -eta,
    )


def _tails_cloglog(eta: FloatArray) -> Tails:
    t = np.exp(eta)
    log_mean = np.where(t > 1.0, np.log1p(-np.exp(-t)), np.log(-np.expm1(-t)))
    log_mean = np.where(eta < _CLOGLOG_IS_ETA, eta, log_mean)
    ratio = t / np.expm1(t)
    # 0/0 on the left, where the ratio is one; inf/inf on the right, where it is zero
    ratio = np.where(np.isnan(ratio), (eta < 0.0).astype(eta.dtype), ratio)
    return log_mean, -t, ratio, t, 1.0 - t


def _tails_loglog(eta: FloatArray) -> Tails:
    log_rest, log_mean, rest_ratio, mean_ratio, curvature = _tails_cloglog(-eta)
    return log_mean, log_rest, mean_ratio, rest_ratio, -curvature


def _tails_cauchit(eta: FloatArray) -> Tails:
    mu = np.arctan2(1.0, -eta) / np.pi
    rest = np.arctan2(1.0, eta) / np.pi
    q = 1.0 + eta * eta
    slope = 1.0 / (np.pi * q)
    return np.log(mu), np.log(rest), slope / mu, slope / rest, -2.0 * eta / q


def _tails_identity(eta: FloatArray) -> Tails:
    parts = (np.log(eta), np.log1p(-eta), 1.0 / eta, 1.0 / (1.0 - eta), np.zeros_like(eta))
    return _only_inside((eta > 0.0) & (eta < 1.0), parts)


def _tails_exp(eta: FloatArray) -> Tails:
    one = np.ones_like(eta)
    parts = (eta, np.log(-np.expm1(eta)), one, 1.0 / np.expm1(-eta), one)
    return _only_inside(eta < 0.0, parts)


def _tails_logc(eta: FloatArray) -> Tails:
    one = np.ones_like(eta)
    parts = (np.log(-np.expm1(eta)), eta, -1.0 / np.expm1(-eta), -one, one)
    return _only_inside(eta < 0.0, parts)


def _softmax(eta: FloatArray, order: int) -> Derivatives:
    z = np.exp(eta - eta.max(axis=0))
    z /= z.sum(axis=0)
    return (z, *(z.copy() for _ in range(order)))


# ---------------------------------------------------------------------------------------------
# The registry.

_ACTIVATIONS: dict[str, Link] = {
    link.name: link
    for link in (
        Link("identity", _identity, _forward_identity, _tails_identity, parity="odd",
             group="linear"),
        Link("logistic", _logistic, special.logit, _tails_logistic, parity="reflection"),
        Link("probit", _probit, special.ndtri, _tails_probit, parity="reflection"),
        Link("cloglog", _cloglog, _forward_cloglog, _tails_cloglog),
        Link("loglog", _loglog, _forward_loglog, _tails_loglog),
        Link("cauchit", _cauchit, _forward_cauchit, _tails_cauchit, parity="reflection"),
        Link("tanh", _tanh, np.arctanh, parity="odd"),
        Link("exp", _exp, np.log, _tails_exp, group="shift"),
        Link("relu", _relu, group="scale", odd_part=1.0, kinked=True),
        Link("leaky_relu", _leaky_relu, _forward_leaky_relu, group="scale", odd_part=1.0 + _LEAK,
             kinked=True),
        Link("softplus", _softplus, _forward_softplus, odd_part=1.0),
        Link("smooth_tobit", _smooth_tobit, _forward_smooth_tobit, odd_part=1.0),
        Link("square", _square, np.sqrt, parity="even", group="scale", degree=2.0),
        Link("reciprocal", _reciprocal, np.reciprocal, domain=(0.0, np.inf), parity="odd",
             group="scale", degree=-1.0),
        Link("gelu", _gelu, odd_part=1.0),
        Link("silu", _silu, odd_part=1.0),
        Link("elu", _elu, _forward_elu),
        Link("softmax", _softmax, across=True),
    )
}  # fmt: skip

_OUTPUT_ONLY: dict[str, Link] = {
    link.name: link
    for link in (
        Link("inverse_squared", _Power(-0.5),
             partial(_forward_power, exponent=-0.5), domain=(0.0, np.inf), group="scale",
             degree=-0.5),
        Link("logc", _logc, _forward_logc, _tails_logc),
        Link("rescaled_tanh", _rescaled_tanh, _forward_rescaled_tanh, _tails_rescaled_tanh,
             parity="reflection"),
    )
}  # fmt: skip


class Tanh(sm_links.Logit):  # type: ignore[misc,unused-ignore]
    """Link of a binary response by the hyperbolic tangent: ``mu = (1 + tanh(eta)) / 2``.

    Notes
    -----
    It is half the logit, so that coefficients and their standard errors are half of those of the
    logit and everything else is the same. statsmodels takes it as well.

    Examples
    --------
    >>> import statsmodels.api as sm
    >>> family = sm.families.Binomial(Tanh())
    >>> float(family.link.inverse(0.5)), 0.5 * (1.0 + float(np.tanh(0.5)))
    (0.7310585786300049, 0.7310585786300049)
    """

    def __call__(self, p: FloatArray) -> FloatArray:
        """Return the linear predictor of a mean."""
        return np.asarray(0.5 * super().__call__(p))

    def inverse(self, z: FloatArray) -> FloatArray:
        """Return the mean."""
        return np.asarray(super().inverse(2.0 * np.asarray(z)))

    def deriv(self, p: FloatArray) -> FloatArray:
        """Return the derivative of the link at a mean."""
        return np.asarray(0.5 * super().deriv(p))

    def deriv2(self, p: FloatArray) -> FloatArray:
        """Return its second derivative."""
        return np.asarray(0.5 * super().deriv2(p))

    def inverse_deriv(self, z: FloatArray) -> FloatArray:
        """Return the derivative of the mean by the linear predictor."""
        return np.asarray(2.0 * super().inverse_deriv(2.0 * np.asarray(z)))


# What an output link is called where the link, and not its inverse, is named.
_LINK_NAMES: dict[str, str] = {
    "logit": "logistic",
    "cauchy": "cauchit",
    "log": "exp",
    "sqrt": "square",
    "inverse": "reciprocal",
    "inverse_power": "reciprocal",
}

_STATSMODELS: dict[type, str] = {
    sm_links.Logit: "logistic",
    sm_links.Probit: "probit",
    sm_links.Cauchy: "cauchit",
    sm_links.CLogLog: "cloglog",
    sm_links.LogLog: "loglog",
    sm_links.Log: "exp",
    sm_links.LogC: "logc",
    Tanh: "rescaled_tanh",
}

# statsmodels' power links by the exponent of the mean
_POWERS: dict[float, str] = {
    1.0: "identity",
    0.5: "square",
    -1.0: "reciprocal",
    -2.0: "inverse_squared",
}


def names() -> tuple[str, ...]:
    """Return the names that ``activation=`` accepts.

    Examples
    --------
    >>> "tanh" in names()
    True
    """
    return tuple(_ACTIVATIONS)


def get(spec: Any, role: Role = "activation") -> Link:
    """Return the link that a user's word or object stands for.

    Parameters
    ----------
    spec : str, Link, or statsmodels link instance or class
        A registered name, one of ours, or a statsmodels link, which is replaced by our version of
        the same function. Any other object with statsmodels' methods ``inverse``,
        ``inverse_deriv`` and ``inverse_deriv2`` is used through them.
    role : {"activation", "link"}
        Where the link is wanted. For the response, the names of links (``"log"``, ``"logit"``,
        ...) are accepted as well as those of their inverses.

    Examples
    --------
    >>> import statsmodels.api as sm
    >>> get("tanh").parity
    'odd'
    >>> get(sm.families.links.Logit()) == get("logit", role="link") == get("logistic")
    True
    """
    if isinstance(spec, Link):
        return spec
    if isinstance(spec, str):
        return _named(spec, role)
    instance = spec() if inspect.isclass(spec) else spec
    known = _from_statsmodels(instance)
    return known if known is not None else _adapted(instance, role)


def _accepted(role: Role) -> dict[str, Link]:
    if role == "activation":
        return _ACTIVATIONS
    one_by_one = {name: link for name, link in _ACTIVATIONS.items() if not link.across}
    registered = {**one_by_one, **_OUTPUT_ONLY}
    return {**registered, **{alias: registered[name] for alias, name in _LINK_NAMES.items()}}


def _named(name: str, role: Role) -> Link:
    accepted = _accepted(role)
    if name in accepted:
        return accepted[name]
    if name in _ACTIVATIONS:
        raise SpecificationError(
            f"{name!r} is the inverse link of several classes: as a response it is Multinomial(), "
            f"as a hidden layer activation={name!r}."
        )
    close = difflib.get_close_matches(name, accepted, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    raise SpecificationError(f"unknown {role} {name!r}{hint} {_what_is_accepted(role)}")


def _what_is_accepted(role: Role) -> str:
    return (
        f"Accepted: {', '.join(_accepted(role))}, a statsmodels link object, or a "
        f"deepglm.links.Link."
    )


def _from_statsmodels(instance: Any) -> Link | None:
    """Our version of a statsmodels link, unless a subclass has changed its inverse."""
    kind = type(instance)
    for parent in kind.__mro__:
        inherited = getattr(parent, "inverse", None)
        if parent is sm_links.Power and kind.inverse is inherited:
            return _power_link(float(instance.power))
        if parent is sm_links.NegativeBinomial and kind.inverse is inherited:
            return _negative_binomial_link(float(instance.alpha))
        if parent in _STATSMODELS and kind.inverse is inherited:
            if kind.__name__ == "Probit" and instance.dbn.name != "norm":
                return None
            return {**_ACTIVATIONS, **_OUTPUT_ONLY}[_STATSMODELS[parent]]
    return None


def _power_link(power: float) -> Link:
    if power in _POWERS:
        return {**_ACTIVATIONS, **_OUTPUT_ONLY}[_POWERS[power]]
    if power == 0.0 or not np.isfinite(power):
        raise SpecificationError(
            f"a power link with power {power} has no inverse; the limit of power links at zero is "
            f"the log: use statsmodels.api.families.links.Log()."
        )
    exponent = 1.0 / power
    return Link(
        f"power({power:.12g})",
        _Power(exponent),
        partial(_forward_power, exponent=exponent),
        domain=(0.0, np.inf),
        group="scale",
        degree=exponent,
    )


def _negative_binomial_link(alpha: float) -> Link:
    return Link(
        f"negative_binomial({alpha:.12g})",
        _NegativeBinomial(alpha),
        partial(_forward_negative_binomial, alpha=alpha),
        domain=(-np.inf, 0.0),
    )


def _adapted(instance: Any, role: Role) -> Link:
    needed = ("inverse", "inverse_deriv", "inverse_deriv2")
    missing = [method for method in needed if not callable(getattr(instance, method, None))]
    if missing:
        raise SpecificationError(
            f"{role}={instance!r} is not a link: it has no method {', '.join(missing)}. "
            f"{_what_is_accepted(role)}"
        )
    forward = instance if callable(instance) else None
    return Link(type(instance).__name__, _ThroughMethods(instance), forward)
