"""Censored responses: a normal or logistic outcome of which some rows show only an interval.

A row is a cell ``[lo, hi]`` on the scale of the outcome. Where both ends are the same the outcome
was seen, and the row has its density; elsewhere it has the probability of the cell. All formulas
are in the standardised ends ``a = (lo - eta) / sigma`` and ``b = (hi - eta) / sigma``.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from deepglm.errors import DataError, SpecificationError
from deepglm.families.contract import Comparison, Family, FloatArray, Level, RowTerms
from deepglm.links import Link, get

__all__ = ["Censored", "IntervalFamily", "Tobit", "TobitFamily"]

# Value; then the derivatives in eta / sigma and log sigma; then minus the second ones, in the
# order (eta, eta), (eta, log sigma), (log sigma, log sigma). One, three or six arrays.
Parts = tuple[FloatArray, ...]

_LENGTH = (1, 3, 6)
_ORDERS = {Level.VALUE: 0, Level.SCORE: 1, Level.FISHER: 1, Level.OBSERVED: 2}
# A sigma beyond exp(230) = 1e100 is a step that went astray, and is refused like any other.
_LARGEST_LOG_SIGMA = 230.0
# Beyond it both laws have no probability that a double can hold.
_FAR = 800.0
# Ends that are as good as open: their third powers are still numbers.
_INFINITE = 1e100
_HALF_LOG_2PI = float(0.5 * np.log(2.0 * np.pi))
_ROOT_HALF = float(np.sqrt(0.5))
_ROOT_HALF_PI = float(np.sqrt(0.5 * np.pi))
_NODES, _NODE_WEIGHTS = (part[:, None] for part in special.roots_sh_legendre(12))


class Standard(Protocol):
    """What this module needs to know of a symmetric law with mean 0 and scale 1."""

    @property
    def sd(self) -> float:
        """Standard deviation."""

    @property
    def full(self) -> tuple[float, float, float]:
        """Expected information of an outcome that is always seen, in the order of ``Parts``."""

    def exact(self, z: FloatArray, order: int) -> Parts:
        """Return the parts of an outcome that is seen."""

    def cell(self, a: FloatArray, b: FloatArray, h: FloatArray, order: int) -> Parts:
        """Return the parts of ``a < Z < b``; ``h`` is ``b - a`` without its rounding."""

    def beyond(self, z: FloatArray) -> FloatArray:
        """Return (3, m) expected information of an outcome that is seen where it is above z."""

    def excess(self, z: FloatArray) -> FloatArray:
        """Return ``E max(Z - z, 0)``."""

    def moment(self, z: FloatArray) -> FloatArray:
        """Return ``E Z 1(Z > z)``."""

    def frozen(self, loc: FloatArray, scale: float) -> Any:
        """Return scipy's distribution."""


def _zero_at_infinity(end: FloatArray) -> FloatArray:
    """Ends of cells; an open one has no density, and so no part in any derivative."""
    return np.where(np.abs(end) > _INFINITE, 0.0, end)


@dataclass(frozen=True)
class _Normal:
    sd: float = 1.0
    full: tuple[float, float, float] = (1.0, 0.0, 2.0)

    def exact(self, z: FloatArray, order: int) -> Parts:
        square = z * z
        parts = (-0.5 * square - _HALF_LOG_2PI, z, square - 1.0)
        return (*parts, np.ones_like(z), 2.0 * z, 2.0 * square)[: _LENGTH[order]]

    def cell(self, a: FloatArray, b: FloatArray, h: FloatArray, order: int) -> Parts:
        parts = self._wide(a, b, order)
        narrow = h * np.maximum(1.0, np.abs(a + 0.5 * h)) < 1.0
        if narrow.any():
            for part, better in zip(parts, self._narrow(a[narrow], h[narrow], order), strict=True):
                part[narrow] = better
        return parts

    def _wide(self, a: FloatArray, b: FloatArray, order: int) -> Parts:
        """From the ratios A and B of the densities at the ends to the probability.

        The end nearer to zero is first. Where it is above zero the probability is
        ``f(near) (R(near) - R(far) f(far) / f(near))`` with Mills' ratio R, so nothing underflows.
        """
        flip = a + b < 0.0
        near, far = np.where(flip, -b, a), np.where(flip, -a, b)
        tail = near > 0.0
        drop = np.where(tail, np.exp(-0.5 * (far - near) * (far + near)), 0.0)
        mills = special.erfcx(near * _ROOT_HALF) - drop * special.erfcx(far * _ROOT_HALF)
        mills *= _ROOT_HALF_PI
        rest = special.ndtr(near) + special.ndtr(-far)
        log_density = -0.5 * near * near - _HALF_LOG_2PI
        value = np.where(tail, log_density + np.log(mills), np.log1p(-rest))
        if order == 0:
            return (value,)
        A = np.where(tail, 1.0 / mills, np.exp(log_density) / (1.0 - rest))
        B = np.where(tail, drop / mills, np.exp(-0.5 * far * far - _HALF_LOG_2PI) / (1.0 - rest))
        near, far = _zero_at_infinity(near), _zero_at_infinity(far)
        sign = np.where(flip, -1.0, 1.0)
        # moments[k] = near**k A - far**k B
        moments = [near**k * A - far**k * B for k in range(2 * order)]
        d1, d2 = moments[0], moments[1]
        if order == 1:
            return value, sign * d1, d2
        i11 = d1 * d1 - d2
        i12 = d1 + d1 * d2 - moments[2]
        return value, sign * d1, d2, i11, sign * i12, d2 + d2 * d2 - moments[3]

    def _narrow(self, a: FloatArray, h: FloatArray, order: int) -> Parts:
        """By quadrature: the score is the mean over the cell of the score of a seen outcome.

        The information is the mean of its information less the variance of its score. Differences
        of the ends would lose as many digits as the cell is narrow.
        """
        seen = self.exact(a + h * _NODES, order)
        top = seen[0].max(axis=0)
        share = _NODE_WEIGHTS * np.exp(seen[0] - top)
        total = share.sum(axis=0)
        value = top + np.log(h * total)
        share /= total
        means = [(share * part).sum(axis=0) for part in seen[1:]]
        if order == 2:
            u1, u2 = seen[1] - means[0], seen[2] - means[1]
            for mean, product in zip(means[2:], (u1 * u1, u1 * u2, u2 * u2), strict=True):
                mean -= (share * product).sum(axis=0)
        return (value, *means)

    def beyond(self, z: FloatArray) -> FloatArray:
        z = np.clip(z, -_FAR, _FAR)
        above, square = special.ndtr(-z), z * z
        density = np.exp(-0.5 * square - _HALF_LOG_2PI)
        first = above + z * density
        return np.stack([first, (1.0 + square) * density, first + above + square * z * density])

    def excess(self, z: FloatArray) -> FloatArray:
        return get("smooth_tobit").inverse(-np.minimum(z, _FAR))

    def moment(self, z: FloatArray) -> FloatArray:
        return np.asarray(np.exp(-0.5 * z * z - _HALF_LOG_2PI))

    def frozen(self, loc: FloatArray, scale: float) -> Any:
        return stats.norm(loc=loc, scale=scale)


def _minus_dilogarithm(e: FloatArray) -> FloatArray:
    """``-Li2(-e)`` for e from 0 to 1; scipy takes ``1 + e``, in which a small one is lost."""
    series = e * np.polyval([(-1.0) ** k / (k + 1) ** 2 for k in range(7, -1, -1)], e)
    return np.where(e < 0.02, series, -special.spence(1.0 + e))


@dataclass(frozen=True)
class _Logistic:
    sd: float = float(np.pi / np.sqrt(3.0))
    full: tuple[float, float, float] = (1.0 / 3.0, 0.0, float((3.0 + np.pi**2) / 9.0))

    def exact(self, z: FloatArray, order: int) -> Parts:
        size = np.abs(z)
        value = -size - 2.0 * np.log1p(np.exp(-size))
        if order == 0:
            return (value,)
        t = np.tanh(0.5 * z)
        parts = (value, t, z * t - 1.0)
        if order == 1:
            return parts
        bend = 2.0 * special.expit(z) * special.expit(-z)
        cross = t + z * bend
        return (*parts, bend, cross, z * cross)

    def cell(self, a: FloatArray, b: FloatArray, h: FloatArray, order: int) -> Parts:
        """By ``P = F(b) (1 - F(a)) (1 - exp(-h))``, in which nothing cancels."""
        share = -np.expm1(-h)
        value = np.log(share) + special.log_expit(b) + special.log_expit(-a)
        if order == 0:
            return (value,)
        low, high = special.expit(a), special.expit(-b)
        k = np.where(h < _FAR, h / np.expm1(h), 0.0)
        a, b = _zero_at_infinity(a), _zero_at_infinity(b)
        d1, d2 = low - high, a * low - b * high - k
        if order == 1:
            return value, d1, d2
        f, g = low * special.expit(-a), high * special.expit(b)
        stretch = np.where(h < _FAR, k * (h / share - 1.0), 0.0)
        i22 = stretch + a * low - b * high + a * a * f + b * b * g
        return value, d1, d2, f + g, d1 + a * f + b * g, i22

    def beyond(self, z: FloatArray) -> FloatArray:
        """With ``t = tanh(z / 2)``, integrals of ``t**2 f``, ``t (z t - 1) f``, ``(z t - 1)**2 f``.

        By parts they come down to those of ``1 - t**3`` and ``z (1 - t**3)``, which are a logarithm
        and a dilogarithm. Above zero all terms are small together; below it the laws' symmetry
        gives the rest.
        """
        x = np.minimum(np.abs(z), _FAR)
        e = np.exp(-x)
        above = special.expit(-x)
        density = above * special.expit(x)
        t = np.tanh(0.5 * x)
        cube = 2.0 * above * (1.0 + t + t * t)
        log = np.log1p(e)
        first = cube / 6.0
        cross = (x * cube + 2.0 * log + 4.0 * density) / 6.0 - density
        last = (above + x * x * cube / 2.0 - 2.0 * x * density) / 3.0
        last += 2.0 / 3.0 * (x * log + _minus_dilogarithm(e))
        below = z < 0.0
        return np.stack(
            [
                np.where(below, self.full[0] - first, first),
                cross,
                np.where(below, self.full[2] - last, last),
            ]
        )

    def excess(self, z: FloatArray) -> FloatArray:
        return get("softplus").inverse(-np.minimum(z, _FAR))

    def moment(self, z: FloatArray) -> FloatArray:
        x = np.minimum(np.abs(z), _FAR)
        return np.asarray(x * special.expit(-x) + np.log1p(np.exp(-x)))

    def frozen(self, loc: FloatArray, scale: float) -> Any:
        return stats.logistic(loc=loc, scale=scale)


_LAWS: dict[str, Standard] = {"normal": _Normal(), "logistic": _Logistic()}


def _check_law(name: Any) -> None:
    if name not in _LAWS:
        raise SpecificationError(
            f"distribution={name!r} is not known; accepted are {', '.join(map(repr, _LAWS))}."
        )


def _is_number(limit: Any) -> bool:
    return isinstance(limit, Real) and not isinstance(limit, bool)


@dataclass(frozen=True, eq=False)
class Tobit:
    """Censored regression: an outcome that is seen only between a lower and an upper limit.

    Parameters
    ----------
    lower, upper : number, None, column name or array
        The limits: numbers, None where there is none, or limits that differ between rows. A
        response at a limit is censored there; one beyond it is refused (cut it with
        ``y.clip(lower, upper)``, as R's tobit does without a word). A response of two columns, as
        in ``lo + hi ~ x``, brings its own limits, and these are not used.
    distribution : {"normal", "logistic"}
        Distribution of the latent outcome.

    Raises
    ------
    SpecificationError
        For an unknown distribution, or a lower limit that is not below the upper one.

    Notes
    -----
    The latent outcome has mean ``eta`` and scale ``sigma``, whose logarithm is estimated. A weight
    multiplies the log-likelihood of its row, as in R's ``survreg``, whose ``Log(scale)`` is the
    ``log_sigma`` of this family.

    References
    ----------
    Tobin, J. (1958). Estimation of relationships for limited dependent variables. Econometrica,
    26, 24-36.

    Examples
    --------
    >>> Tobit(lower=0.0, upper=10.0).for_rows(3).statistics
    ('mean', 'latent', 'linear', 'prob_uncensored')
    """

    lower: Any = 0.0
    upper: Any = None
    distribution: str = "normal"

    def __post_init__(self) -> None:
        _check_law(self.distribution)
        numbers = {name: value for name, value in vars(self).items() if _is_number(value)}
        for name, value in numbers.items():
            if np.isnan(value):
                raise SpecificationError(f"{name}=nan is no limit; for none give {name}=None.")
        if len(numbers) == 2 and not self.lower < self.upper:
            raise SpecificationError(
                f"lower={self.lower!r} is not below upper={self.upper!r}, so that no outcome could "
                f"be seen. Exchange them, or leave out the one that is not there."
            )

    def for_rows(self, k: int) -> Family:
        """Return the family of a response of `k` numbers a row.

        Parameters
        ----------
        k
            3 for a value and its limits, 2 for the ends of an interval.
        """
        if k == 2:
            return IntervalFamily(latent=self.distribution)
        lower, upper = _number(self.lower, -np.inf), _number(self.upper, np.inf)
        return TobitFamily(latent=self.distribution, lower=lower, upper=upper)


def _number(limit: Any, open_end: float) -> float:
    """A limit as a number; NaN for one that differs between rows."""
    if limit is None:
        return open_end
    return float(limit) if _is_number(limit) else np.nan


_SIDES = ("left", "interval", "right")


@dataclass(frozen=True, kw_only=True)
class _LatentFamily(Family):
    """What responses with limits and responses that are intervals have in common.

    Parameters
    ----------
    latent : {"normal", "logistic"}
        Distribution of the latent outcome.
    """

    link: Link = get("identity")
    aux_names: tuple[str, ...] = ("log_sigma",)
    reading: str = "interval"
    effort: float = 4.0
    plain: Level = Level.OBSERVED
    latent: str = "normal"

    def __post_init__(self) -> None:
        _check_law(self.latent)

    @property
    def _law(self) -> Standard:
        return _LAWS[self.latent]

    @property
    def aux_is_a_spread(self) -> bool:
        """Whether the auxiliary parameter is a standard deviation's logarithm (see `Family`)."""
        return True

    @abstractmethod
    def _ends(self, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(m,) ends of the cells; the same where the outcome was seen."""

    @abstractmethod
    def _points(self, y: FloatArray) -> FloatArray:
        """(m,) where the outcomes may be; NaN where that may be anywhere."""

    @abstractmethod
    def _expected(self, y: FloatArray, eta: FloatArray, sigma: float) -> FloatArray:
        """(3, m) expected information, eta in units of sigma."""

    def rows(
        self,
        y: FloatArray,
        eta: FloatArray,
        aux: FloatArray,
        weight: FloatArray,
        level: Level,
        constant: FloatArray | None = None,
    ) -> RowTerms:
        """Return log-likelihood, score and information of each row (see `Family`)."""
        usable = abs(float(aux[0])) <= _LARGEST_LOG_SIGMA
        log_sigma = float(aux[0]) if usable else 0.0
        sigma, order = float(np.exp(log_sigma)), _ORDERS[level]
        with np.errstate(all="ignore"):
            parts = self._parts(y, eta[0], log_sigma, order)
            if level is Level.FISHER:
                parts = np.concatenate([parts, self._expected(y, eta[0], sigma)])
            # from eta in units of sigma to eta
            units = np.array([1.0, 1.0 / sigma, 1.0, 1.0 / sigma**2, 1.0 / sigma, 1.0])
            parts *= weight * units[: len(parts), None]
        refused = ~np.isfinite(parts[0]) | (not usable)
        parts[1:, refused | ~np.isfinite(parts[1:]).all(axis=0)] = 0.0
        parts[0, refused] = -np.inf
        score = information = None
        if level is not Level.VALUE:
            score = parts[1:3]
        if len(parts) == 6:
            information = parts[[3, 4, 4, 5]].reshape(2, 2, -1)
        return RowTerms(parts[0], score, information)

    def _parts(self, y: FloatArray, eta: FloatArray, log_sigma: float, order: int) -> FloatArray:
        (lo, hi), sigma, law = self._ends(y), float(np.exp(log_sigma)), self._law
        seen = lo == hi
        a = (lo - eta) / sigma
        if seen.all():
            parts = np.stack(law.exact(a, order))
            parts[0] -= log_sigma
            return parts
        hidden = ~seen
        parts = np.empty((_LENGTH[order], len(eta)))
        parts[:, seen] = law.exact(a[seen], order)
        parts[0, seen] -= log_sigma
        b, h = (hi[hidden] - eta[hidden]) / sigma, (hi[hidden] - lo[hidden]) / sigma
        parts[:, hidden] = law.cell(a[hidden], b, h, order)
        return parts

    def facts(self, y: FloatArray, freq: FloatArray) -> tuple[tuple[str, str], ...]:
        """Return the latent law, and how many rows are censored on which side."""
        lo, hi = self._ends(y)
        left, right = np.isneginf(lo), np.isposinf(hi)
        between = (lo < hi) & ~left & ~right
        counts = [float(freq @ side) for side in (left & ~right, between, right & ~left)]
        words = [f"{n:g} {what}" for n, what in zip(counts, _SIDES, strict=True) if n]
        return ("Latent Law", self.latent), ("Censored", ", ".join(words) or "none")

    def comparisons(self, y: FloatArray) -> tuple[Comparison, ...]:
        """Return rows that are open on one side; one that was seen, or has two ends, is tied."""
        lo, hi = self._ends(y)
        open_ended = np.isinf(lo) | np.isinf(hi)
        sign = np.where(np.isneginf(lo), -1.0, 1.0)
        unknown = np.isneginf(lo) & np.isposinf(hi)
        return (Comparison(sign[None], ~open_ended, ~unknown),)

    def constant(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return zeros: every term involves a parameter, or is a number."""
        return np.zeros(weight.shape)

    def start_level(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the weighted mean of the responses; of an interval, its middle or finite end."""
        return np.array([self._start(y, weight)[0]])

    def start_aux(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the log scale of a latent outcome with 1.5 times the variance of these values."""
        return np.array([np.log(np.sqrt(1.5) * self._start(y, weight)[1] / self._law.sd)])

    def response_scale(self, y: FloatArray, weight: FloatArray) -> float:
        """Return the standard deviation of the responses."""
        return self._start(y, weight)[1]

    def _start(self, y: FloatArray, weight: FloatArray) -> tuple[float, float]:
        points = self._points(y)
        known = ~np.isnan(points)
        points, weight = points[known], weight[known]
        mean = float(np.average(points, weights=weight))
        sd = float(np.sqrt(np.average((points - mean) ** 2, weights=weight)))
        return mean, sd if np.isfinite(sd) and sd > 0.0 else 1.0

    def statistic(self, which: str, eta: FloatArray, aux: FloatArray) -> FloatArray:
        """Return the mean of the latent outcome, whatever it is called."""
        return np.asarray(eta[0])

    def statistic_slopes(self, which: str, eta: FloatArray, aux: FloatArray) -> FloatArray:
        """Return its derivatives by eta and log sigma, (2, m)."""
        return np.stack([np.ones_like(eta[0]), np.zeros_like(eta[0])])

    def deviance_rows(
        self, y: FloatArray, eta: FloatArray, aux: FloatArray, weight: FloatArray
    ) -> FloatArray:
        """Return twice what a row's log-likelihood lacks to the best that any mean could give.

        That is the density at zero distance for an outcome that was seen, one for a cell with an
        open end, and the probability of the cell around zero for an interval.
        """
        (lo, hi), law, log_sigma = self._ends(y), self._law, float(aux[0])
        half = 0.5 * (hi - lo) / np.exp(log_sigma)
        closed = np.isfinite(half) & (half > 0.0)
        best = np.where(lo == hi, law.exact(np.zeros(1), 0)[0] - log_sigma, 0.0)
        with np.errstate(all="ignore"):
            best[closed] = law.cell(-half[closed], half[closed], 2.0 * half[closed], 0)[0]
        value = self.rows(y, eta, aux, np.ones_like(weight), Level.VALUE).value
        return np.asarray(2.0 * weight * np.maximum(best - value, 0.0))

    def distribution(self, eta: FloatArray, aux: FloatArray, weight: FloatArray) -> Any:
        """Return scipy's distribution of the latent outcome."""
        return self._law.frozen(eta[0], float(np.exp(aux[0])))


@dataclass(frozen=True, kw_only=True)
class TobitFamily(_LatentFamily):
    """A response that is seen only between limits that are known for every row.

    Parameters
    ----------
    latent : {"normal", "logistic"}
        Distribution of the latent outcome.
    lower, upper : float or ndarray of shape (m,)
        Limits of the rows whose statistics or distribution are asked for. The log-likelihood takes
        its limits from the response. NaN says that they are not known.

    Notes
    -----
    A response is (3, m): value, lower and upper limit, the latter infinite where there is none.
    It is censored where it has reached a limit. A weight multiplies the log-likelihood. The
    expected information is that of a row with these limits, whether or not it was censored.
    """

    name: str = "Tobit"
    lower: float | FloatArray = -np.inf
    upper: float | FloatArray = np.inf

    def _ends(self, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        value, lower, upper = y
        left, right = value <= lower, value >= upper
        lo = np.where(left, -np.inf, np.where(right, upper, value))
        return lo, np.where(left, lower, np.where(right, np.inf, value))

    def _points(self, y: FloatArray) -> FloatArray:
        return np.asarray(y[0])

    def _expected(self, y: FloatArray, eta: FloatArray, sigma: float) -> FloatArray:
        law, a, b = self._law, (y[1] - eta) / sigma, (y[2] - eta) / sigma
        # tails that are small on one side: from the end nearer to zero outwards
        flip = a + b < 0.0
        total = law.beyond(np.where(flip, -b, a)) - law.beyond(np.where(flip, -a, b))
        total[1, flip] *= -1.0
        infinite = np.full_like(eta, np.inf)
        total += _of_cell(law, -infinite, a, infinite)
        return total + _of_cell(law, b, infinite, infinite)

    def check_response(self, y: FloatArray, name: str, labels: Any = None) -> None:
        """Raise DataError for values beyond their limits, or if all are censored."""
        value, lower, upper = y
        if found := _first(~np.isfinite(value), labels):
            k, row = found
            raise DataError(
                f"response {name!r} has the value {value[k]} in {row}; a finite number is needed. "
                "Leave out these rows, or record a censored outcome as its limit."
            )
        if found := _first(~(lower < upper), labels):
            k, row = found
            raise DataError(
                f"response {name!r} has the lower limit {lower[k]} and the upper limit {upper[k]} "
                f"in {row}; the lower limit has to be below the upper one. Correct the limits, or "
                "give -inf or inf where there is none."
            )
        if found := _first((value < lower) | (value > upper), labels):
            k, row = found
            raise DataError(
                f"response {name!r} has the value {value[k]} in {row}, outside its limits "
                f"{lower[k]} and {upper[k]}; an outcome beyond a limit is recorded as the limit. "
                "Correct the values, as with .clip(), or the limits."
            )
        if ((value == lower) | (value == upper)).all():
            raise DataError(
                f"all rows of response {name!r} are censored, so nothing tells their scale. Give "
                "rows whose outcome was seen, or other limits; where only the side of a limit is "
                "known, use a Binomial family."
            )

    @property
    def statistics(self) -> tuple[str, ...]:
        """What :meth:`statistic` can predict of a row."""
        return ("mean", "latent", "linear", "prob_uncensored")

    def statistic(self, which: str, eta: FloatArray, aux: FloatArray) -> FloatArray:
        """Return a statistic of every row, (m,).

        Parameters
        ----------
        which
            "mean" of the outcome as it is recorded, its "latent" or "linear" mean without limits,
            or the probability "prob_uncensored" that it lies between them.
        eta
            (1, m) linear predictors.
        aux
            The log of sigma.
        """
        if which in ("latent", "linear"):
            return np.asarray(eta[0])
        sigma = float(np.exp(aux[0]))
        if which == "mean":
            return _mean_within(self._law, eta[0], sigma, self.lower, self.upper)
        return self._uncensored(eta[0], sigma)[0]

    def statistic_slopes(self, which: str, eta: FloatArray, aux: FloatArray) -> FloatArray:
        """Return its derivatives by eta and log sigma, (2, m)."""
        if which in ("latent", "linear"):
            return super().statistic_slopes(which, eta, aux)
        sigma = float(np.exp(aux[0]))
        chance, *slopes = self._uncensored(eta[0], sigma)
        if which == "prob_uncensored":
            return np.stack([chance * slopes[0] / sigma, chance * slopes[1]])
        a, b = (self.lower - eta[0]) / sigma, (self.upper - eta[0]) / sigma
        return np.stack([chance, sigma * (self._law.moment(a) - self._law.moment(b))])

    def _uncensored(self, eta: FloatArray, sigma: float) -> Parts:
        """Probability of an outcome between the limits, and the slopes of its logarithm."""
        a, b = (self.lower - eta) / sigma, (self.upper - eta) / sigma
        h = np.broadcast_to((self.upper - self.lower) / sigma, eta.shape)
        with np.errstate(all="ignore"):
            value, *slopes = self._law.cell(a, b, h, 1)
            unknown = np.isnan(a) | np.isnan(b)
            slopes = [np.where(np.isfinite(slope), slope, 0.0) for slope in slopes]
            return np.where(unknown, np.nan, np.exp(value)), slopes[0], slopes[1]

    def distribution(self, eta: FloatArray, aux: FloatArray, weight: FloatArray) -> Any:
        """Return the distribution of the outcome as it is recorded."""
        return Censored(super().distribution(eta, aux, weight), self.lower, self.upper)


@dataclass(frozen=True, kw_only=True)
class IntervalFamily(_LatentFamily):
    """A response known to lie between two ends, which are the same where it was seen.

    Parameters
    ----------
    latent : {"normal", "logistic"}
        Distribution of the latent outcome.

    Notes
    -----
    A response is (2, m): lower and upper end, infinite where the interval is open. A weight
    multiplies the log-likelihood. What other intervals a row might have shown is not known, so
    the expected information is that of a row that always shows its outcome where it did, and
    elsewhere that of a row which shows whether its outcome is below, in or above the interval.
    """

    name: str = "Interval"

    def _ends(self, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        return y[0], y[1]

    def _points(self, y: FloatArray) -> FloatArray:
        lo, hi = y
        with np.errstate(invalid="ignore"):
            middle = 0.5 * (np.where(np.isinf(lo), hi, lo) + np.where(np.isinf(hi), lo, hi))
        return np.asarray(middle)

    def _expected(self, y: FloatArray, eta: FloatArray, sigma: float) -> FloatArray:
        (lo, hi), law, infinite = y, self._law, np.full_like(eta, np.inf)
        a, b = (lo - eta) / sigma, (hi - eta) / sigma
        total = _of_cell(law, -infinite, a, infinite) + _of_cell(law, b, infinite, infinite)
        total += _of_cell(law, a, b, (hi - lo) / sigma)
        return np.where(lo == hi, np.array(law.full)[:, None], total)

    def check_response(self, y: FloatArray, name: str, labels: Any = None) -> None:
        """Raise DataError for intervals that hold nothing, or if all are open on the same side."""
        lo, hi = y
        if found := _first(~((lo <= hi) & (lo < np.inf) & (hi > -np.inf)), labels):
            k, row = found
            raise DataError(
                f"response {name!r} has the lower end {lo[k]} and the upper end {hi[k]} in {row}; "
                "the lower end may not lie above the upper one, and neither may be missing. "
                "Exchange or correct them; an open end is -inf or inf."
            )
        for side, open_end in (("lower", np.isinf(lo)), ("upper", np.isinf(hi))):
            if open_end.all():
                raise DataError(
                    f"all rows of response {name!r} are censored, with an infinite {side} end: the "
                    "likelihood rises without end. Give rows with a finite one."
                )

    @property
    def statistics(self) -> tuple[str, ...]:
        """What :meth:`statistic` can predict of a row: all are the latent mean."""
        return ("mean", "latent", "linear")


def _of_cell(law: Standard, a: FloatArray, b: FloatArray, h: FloatArray) -> FloatArray:
    """(3, m) expected information from a cell: its probability times the square of its score."""
    value, d1, d2 = law.cell(a, b, h, 1)
    chance = np.exp(value)
    return np.where(chance > 0.0, chance * np.stack([d1 * d1, d1 * d2, d2 * d2]), 0.0)


def _first(wrong: npt.NDArray[np.bool_], labels: Any) -> tuple[int, str] | None:
    """The first row that is wrong, and words for it."""
    rows = np.flatnonzero(wrong)
    if not rows.size:
        return None
    label = int(rows[0]) if labels is None else labels[rows[0]]
    label = label.item() if isinstance(label, np.generic) else label
    others = "" if rows.size == 1 else f", and {rows.size - 1} more rows like it"
    return int(rows[0]), f"row {label!r}{others}"


def _mean_within(
    law: Standard, eta: FloatArray, sigma: float, lower: Any, upper: Any
) -> FloatArray:
    """Mean of ``min(max(latent, lower), upper)``, from the limit that is finite."""
    a, b = (lower - eta) / sigma, (upper - eta) / sigma
    with np.errstate(all="ignore"):
        above = sigma * (law.excess(a) - law.excess(b))
        mean = np.where(np.isposinf(b), eta, upper - sigma * law.excess(-b))
        return np.where(np.isneginf(a), mean, lower + above)


@dataclass(frozen=True, eq=False)
class Censored:
    """Distribution of outcomes that are recorded as a limit where they are beyond it.

    Parameters
    ----------
    latent : scipy distribution
        Of the outcome itself: a frozen ``norm`` or ``logistic`` with ``loc`` and ``scale``.
    lower, upper : float or ndarray
        Limits, infinite where there is none.

    Examples
    --------
    >>> law = Censored(stats.norm(loc=0.0, scale=1.0), 0.0, np.inf)
    >>> law.cdf([-1.0, 0.0]).tolist()
    [0.0, 0.5]
    """

    latent: Any
    lower: Any
    upper: Any

    def cdf(self, y: npt.ArrayLike) -> FloatArray:
        """Return the probability of a recorded outcome of `y` or less."""
        y = np.asarray(y, dtype=np.float64)
        below = np.where(y < self.lower, 0.0, self.latent.cdf(y))
        return np.where(y >= self.upper, 1.0, below)

    def ppf(self, q: npt.ArrayLike) -> FloatArray:
        """Return quantiles."""
        return np.asarray(np.clip(self.latent.ppf(q), self.lower, self.upper))

    def logpdf(self, y: npt.ArrayLike) -> FloatArray:
        """Return the log of the density between the limits, of the probability at a limit."""
        y = np.asarray(y, dtype=np.float64)
        with np.errstate(divide="ignore"):
            low, high = self.latent.logcdf(self.lower), self.latent.logsf(self.upper)
            inside = np.where(y < self.lower, -np.inf, self.latent.logpdf(y))
        inside = np.where(y > self.upper, -np.inf, inside)
        return np.where(y == self.lower, low, np.where(y == self.upper, high, inside))

    def pdf(self, y: npt.ArrayLike) -> FloatArray:
        """Return the density between the limits, and the probability at a limit."""
        return np.exp(self.logpdf(y))

    def rvs(self, size: Any = None, random_state: Any = None) -> FloatArray:
        """Draw recorded outcomes."""
        drawn = self.latent.rvs(size=size, random_state=random_state)
        return np.asarray(np.clip(drawn, self.lower, self.upper))

    def mean(self) -> FloatArray:
        """Return the mean of what is recorded."""
        law = _LAWS["logistic" if self.latent.dist.name == "logistic" else "normal"]
        at = self.latent.kwds
        return _mean_within(law, np.asarray(at["loc"]), at["scale"], self.lower, self.upper)
