"""Cumulative link models: an ordered response, cut from a latent variable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deepglm.errors import DataError, SpecificationError
from deepglm.families.categorical import Categorical, check_every_level, shares_of
from deepglm.families.contract import Comparison, Family, FloatArray, Level, RowTerms
from deepglm.links import Link, get

__all__ = ["Ordinal", "OrdinalFamily"]

# A gap between cut-points beyond exp(100) is a step that went astray, and so is a row whose
# log-likelihood is below -1e100: both are refused, before a product of derivatives overflows.
_LARGEST_LOG_GAP = 100.0
_LEAST_LOG_P = -1e100
_ACCEPTED = (
    "Accepted are logit, probit, cloglog, loglog, cauchit, and links of your own whose inverse is "
    "a distribution function."
)


@dataclass(frozen=True)
class Ordinal:
    """Cumulative link model: levels in order, ``P(Y <= c) = F(tau_c - eta)``.

    Parameters
    ----------
    link : {"logit", "probit", "cloglog", "loglog", "cauchit"} or link
        The link whose inverse is the distribution function ``F`` of the latent variable. Links of
        :mod:`deepglm.links` and of statsmodels are accepted if they rise from 0 to 1.

    Raises
    ------
    SpecificationError
        If there is no such link, or its inverse is not a distribution function.

    Notes
    -----
    "logit" is the proportional-odds model. Signs are those of R's ``polr`` and ``clm`` and of
    statsmodels' ``OrderedModel``: a larger linear predictor makes higher levels more likely.

    References
    ----------
    McCullagh, P. (1980). Regression models for ordinal data. Journal of the Royal Statistical
    Society B, 42, 109-142.

    Examples
    --------
    >>> Ordinal("probit").with_levels(("low", "medium", "high")).cut_labels
    ('low|medium', 'medium|high')
    """

    link: Any = "logit"

    def __post_init__(self) -> None:
        try:
            link = get(self.link, role="link")
        except SpecificationError as error:  # it lists links that are of no use here
            said = str(error).partition(" Accepted: ")[0]
            raise SpecificationError(f"{said} {_ACCEPTED}") from None
        if not _is_distribution(link):
            raise SpecificationError(
                f"link={self.link!r}: the inverse link {link.name!r} is not a distribution "
                "function that rises from 0 to 1 on the whole line, with a link function that "
                f"leads back. {_ACCEPTED}"
            )

    def with_levels(self, levels: tuple[Any, ...]) -> OrdinalFamily:
        """Return the family of a response with these levels, from the lowest to the highest.

        Raises
        ------
        DataError
            If there are fewer than two levels.
        """
        if len(levels) < 2:
            raise DataError(f"an ordinal response needs two levels or more; found: {levels!r}.")
        return OrdinalFamily(link=get(self.link, role="link"), levels=tuple(levels))


def _is_distribution(link: Link) -> bool:
    """Whether an inverse link rises from 0 to 1 on the line, as far as some points can tell."""
    if link.forward is None or np.isfinite(link.domain).any():
        return False
    with np.errstate(all="ignore"):
        h = link.inverse(np.sinh(np.linspace(-10.0, 10.0, 201)))
    inside = ((h >= 0.0) & (h <= 1.0)).all() and (np.diff(h) >= 0.0).all()
    return bool(inside and h[0] < 1e-3 and h[-1] > 1.0 - 1e-3)


@dataclass(frozen=True, kw_only=True)
class OrdinalFamily(Family):
    """Cumulative link model with known levels.

    Parameters
    ----------
    link : Link
        The distribution function of the latent variable.
    levels : tuple
        The J levels, from the lowest to the highest.

    Notes
    -----
    A response is the number of its level, from 0; the weight multiplies its log-likelihood. The
    linear predictor has an intercept, which plays the first cut-point: that is zero, and the
    others lie above it, ``tau_c = exp(a_1) + ... + exp(a_{c-1})``, with the auxiliary parameters
    ``a``. So they stay in order whatever the step. :meth:`reported` gives the cut-points.

    A log-likelihood is exact to rounding far out, where probabilities underflow. It loses digits
    where cut-points nearly meet: relative to the gap, as many as the double that holds them.
    """

    name: str = "Ordinal"
    aux_names: tuple[str, ...] = field(init=False)
    reading: str = "ordered"
    effort: float = 4.0
    plain: Level = Level.OBSERVED
    levels: tuple[Any, ...]

    def __post_init__(self) -> None:
        names = tuple(f"log_gap{j}" for j in range(1, len(self.levels) - 1))
        object.__setattr__(self, "aux_names", names)

    @property
    def cut_labels(self) -> tuple[str, ...]:
        """Names of the J - 1 cut-points, the levels on both sides of them."""
        return tuple(f"{a}|{b}" for a, b in zip(self.levels, self.levels[1:], strict=False))

    @property
    def aux_labels(self) -> tuple[str, ...]:
        """Names of the cut-points above the first."""
        return self.cut_labels[1:]

    def reported(self, aux: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return cut-points 2, ..., J - 1 as distances from the first, and their derivatives."""
        gaps = np.exp(aux)
        return np.cumsum(gaps), np.tril(np.ones((len(aux), len(aux)))) * gaps

    def unreported(self, values: FloatArray) -> FloatArray:
        """Return log gaps of cut-points, NaN where these do not increase."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.log(np.diff(values, prepend=0.0)))

    def reported_bend(self, aux: FloatArray, slopes: FloatArray) -> FloatArray:
        """Return second derivatives of ``slopes @ reported(aux)``: sums of exponentials."""
        return np.diag(slopes @ self.reported(aux)[1])

    def thresholds(self, aux: FloatArray) -> FloatArray:
        """Return the cut-points above the first, which is the intercept's."""
        return self._cuts(aux)[1:]

    def facts(self, y: FloatArray, freq: FloatArray) -> tuple[tuple[str, str], ...]:
        """Return the number of levels."""
        return (("Ordered Levels", f"{len(self.levels)}"),)

    def comparisons(self, y: FloatArray) -> tuple[Comparison, ...]:
        """Return every row's distance from the cut-points on both sides of its level."""
        code, cuts = y.astype(np.intp), np.arange(len(self.levels) - 1)[:, None]
        none = np.zeros(len(y), dtype=bool)
        made = []
        for sign, cut, used in ((1.0, code, code < len(cuts)), (-1.0, code - 1, code > 0)):
            factors = np.where(cuts == cut, sign, 0.0)
            factors[0] = -sign  # the first cut-point is at zero, and eta has its place
            made.append(Comparison(factors, none, used))
        return tuple(made)

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
        if not (np.abs(aux) <= _LARGEST_LOG_GAP).all():
            return self._refused(y.shape[0], level)
        codes = y.astype(np.intp)
        cuts, gaps = self._cuts(aux), np.exp(aux)
        with np.errstate(all="ignore"):
            own = _between(self._cut(cuts, eta[0], codes - 1), self._cut(cuts, eta[0], codes))
            value = weight * own.log_p
            if level is Level.VALUE:
                return RowTerms(value, None, None)
            score = weight * _own_score(own, codes, gaps)
            if level is Level.SCORE:
                return RowTerms(value, score, None)
            if level is Level.OBSERVED:
                information = _observed(own, codes, gaps)
            else:
                information = _expected(self._classes(cuts, eta[0]), gaps)
                information[..., np.isneginf(value)] = 0.0
            information *= weight
            return RowTerms(value, score, information)

    def _refused(self, m: int, level: Level) -> RowTerms:
        c = self.k_channels
        score = None if level is Level.VALUE else np.zeros((c, m))
        second = level in (Level.FISHER, Level.OBSERVED)
        return RowTerms(np.full(m, -np.inf), score, np.zeros((c, c, m)) if second else None)

    def _cuts(self, aux: FloatArray) -> FloatArray:
        """(J - 1,) cut-points as they are in the fit, the first at zero."""
        return np.concatenate([[0.0], np.cumsum(np.exp(aux))])

    def _cut(self, cuts: FloatArray, eta: FloatArray, number: npt.NDArray[np.intp] | int) -> _Cut:
        """A cut-point as each row sees it; number -1 lies at minus infinity, J - 1 at infinity."""
        number = np.broadcast_to(number, eta.shape)
        cut = _Cut(*self.link.tails(cuts[np.clip(number, 0, len(cuts) - 1)] - eta))
        for outside, edge in ((number < 0, _BOTTOM), (number >= len(cuts), _TOP)):
            if outside.any():
                limits = zip(cut, edge, strict=True)
                cut = _Cut(*(np.where(outside, limit, part) for part, limit in limits))
        return cut

    def _classes(self, cuts: FloatArray, eta: FloatArray) -> list[_Between]:
        """Every class, in every row."""
        with np.errstate(all="ignore"):
            seen = [self._cut(cuts, eta, c) for c in range(-1, len(self.levels))]
            return [_between(*pair) for pair in zip(seen, seen[1:], strict=False)]

    def constant(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return zeros: every term of the log-likelihood has a parameter."""
        return np.zeros(weight.shape)

    def start_level(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the linear predictor, (1,), of the share of the first level."""
        return -self._marginal_cuts(y, weight)[:1]

    def start_aux(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return log gaps between the cut-points of the levels' shares."""
        return np.asarray(np.log(np.diff(self._marginal_cuts(y, weight))))

    def _marginal_cuts(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        counts = self._counts(y, weight)
        return self.link.link(np.cumsum(shares_of(counts, weight))[:-1])

    def _counts(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        counts = np.bincount(y.astype(np.intp), weight, len(self.levels))
        return counts.astype(np.float64)

    def check_response(self, y: FloatArray, name: str, labels: Any = None) -> None:
        """Raise DataError unless responses are numbers of levels, and every level has rows.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Numbers of the levels, from 0.
        name : str
            What the message calls the response.
        labels : sequence, optional
            What it calls the rows; by default their numbers.
        """
        known = np.isin(y, np.arange(len(self.levels)))
        if not known.all():
            k = int(np.flatnonzero(~known)[0])
            row = k if labels is None else labels[k]
            row = row.item() if isinstance(row, np.generic) else row
            raise DataError(
                f"response {name!r} has the level number {y[k]} in row {row!r}; with "
                f"{len(self.levels)} levels the numbers 0 to {len(self.levels) - 1} are needed. "
                "Correct or leave out such rows."
            )
        check_every_level(self._counts(y, np.ones(y.shape)), self.levels, name)

    @property
    def statistics(self) -> tuple[str, ...]:
        """What :meth:`statistic` can predict, the default first."""
        return ("prob", "cumprob", "linear")

    def statistic(self, which: str, eta: FloatArray, aux: FloatArray) -> FloatArray:
        """Return a statistic of every row.

        Parameters
        ----------
        which : {"prob", "cumprob", "linear"}
            (J, m) probabilities of the levels, (J - 1, m) probabilities of a level or a lower
            one, or (m,) linear predictors, intercept included.
        eta
            (1, m) linear predictors.
        aux
            (J - 2,) log gaps.
        """
        self._check_statistic(which)
        if which == "linear":
            return np.array(eta[0])
        cuts = self._cuts(aux)
        if which == "cumprob":
            return self.link.inverse(cuts[:, None] - eta)
        prob = np.array([one.p for one in self._classes(cuts, eta[0])])
        prob[:, np.isnan(eta[0])] = np.nan
        return prob

    def statistic_labels(self, which: str) -> tuple[Any, ...]:
        """Return the levels, those but the last, or nothing."""
        return {"prob": self.levels, "cumprob": self.levels[:-1]}.get(which, ())

    def statistic_slopes(self, which: str, eta: FloatArray, aux: FloatArray) -> FloatArray:
        """Return the derivatives of a statistic by eta and log gaps, (C, m) or (S, C, m)."""
        self._check_statistic(which)
        if which == "linear":
            slopes = np.zeros((self.k_channels, eta.shape[1]))
            slopes[0] = 1.0
            return slopes
        density = self.link.deriv1(self._cuts(aux)[:, None] - eta)
        below = np.tril(np.ones((len(density), len(aux))), -1) * np.exp(aux)
        by_channel = np.concatenate([-np.ones((len(density), 1)), below], axis=1)
        cumulated = density[:, None] * by_channel[:, :, None]
        if which == "cumprob":
            return np.asarray(cumulated)
        edge = np.zeros_like(cumulated[:1])
        return np.asarray(np.diff(np.concatenate([edge, cumulated, edge]), axis=0))

    def _check_statistic(self, which: str) -> None:
        if which not in self.statistics:
            raise SpecificationError(f"which={which!r}: accepted are {', '.join(self.statistics)}.")

    def deviance_rows(
        self, y: FloatArray, eta: FloatArray, aux: FloatArray, weight: FloatArray
    ) -> FloatArray:
        """Return minus twice the log-likelihood: a perfect fit gives the level probability one."""
        return -2.0 * self.rows(y, eta, aux, weight, Level.VALUE).value

    def distribution(self, eta: FloatArray, aux: FloatArray, weight: FloatArray) -> Categorical:
        """Return the distribution of the levels of every row."""
        return Categorical(self.levels, self.statistic("prob", eta, aux))


class _Cut(NamedTuple):
    """What `Link.tails` says of a cut-point less eta, (m,) each."""

    log_below: FloatArray
    log_above: FloatArray
    below_ratio: FloatArray
    above_ratio: FloatArray
    curvature: FloatArray


# the same for a cut-point at minus infinity and at infinity
_BOTTOM = (-np.inf, 0.0, 0.0, 0.0, 0.0)
_TOP = (0.0, -np.inf, 0.0, 0.0, 0.0)


class _Between(NamedTuple):
    """A class between two cut-points B < A, in every row; all zero where it is impossible.

    The densities at its cut-points are ``f(B) = lower p`` and ``f(A) = upper p``, and the logs of
    these have the slopes ``lower_curvature`` and ``upper_curvature``.
    """

    log_p: FloatArray
    lower: FloatArray
    upper: FloatArray
    lower_curvature: FloatArray
    upper_curvature: FloatArray

    @property
    def p(self) -> FloatArray:
        """Probability."""
        return np.exp(self.log_p)

    @property
    def slope(self) -> FloatArray:
        """Derivative of the log of the probability in eta."""
        return self.lower - self.upper


def _between(lower: _Cut, upper: _Cut) -> _Between:
    """The class between two cut-points: a difference of distribution or of survival functions.

    Of the two the one with the smaller numbers is taken, by their logarithms: ``F(A) - F(B)`` is
    ``F(A) (1 - exp(-d))`` with ``d = log F(A) - log F(B)``.
    """
    left = upper.log_below < lower.log_above
    larger = np.where(left, upper.log_below, lower.log_above)
    d = larger - np.where(left, lower.log_below, upper.log_above)
    log_p = larger + np.log1p(-np.exp(-d))
    possible = log_p > _LEAST_LOG_P
    near, far = -1.0 / np.expm1(-d), 1.0 / np.expm1(d)
    at_lower = np.where(left, lower.below_ratio * far, lower.above_ratio * near)
    at_upper = np.where(left, upper.below_ratio * near, upper.above_ratio * far)
    parts = (at_lower, at_upper, lower.curvature, upper.curvature)
    return _Between(
        np.where(possible, log_p, -np.inf), *(_finite(part, possible) for part in parts)
    )


def _finite(part: FloatArray, possible: npt.NDArray[np.bool_] | bool = True) -> FloatArray:
    """Zeros for what is 0 * inf, as the limits of these products are."""
    return np.where(np.isfinite(part) & possible, part, 0.0)


def _own_score(own: _Between, codes: npt.NDArray[np.intp], gaps: FloatArray) -> FloatArray:
    """(C, m) score: a gap moves its class's upper cut-point, and classes above it against eta."""
    score = np.empty((1 + len(gaps), len(codes)))
    score[0] = own.slope
    for j, gap in enumerate(gaps, start=1):
        score[j] = gap * np.where(codes > j, -own.slope, np.where(codes == j, own.upper, 0.0))
    return score


def _observed(own: _Between, codes: npt.NDArray[np.intp], gaps: FloatArray) -> FloatArray:
    """(C, C, m) minus the second derivatives of each row's log-likelihood."""
    cross = _finite(own.upper * (own.slope + own.upper_curvature))
    whole = _finite(own.lower * (own.slope + own.lower_curvature)) - cross
    square = _finite(own.upper * (own.upper - own.upper_curvature))
    inner = np.arange(1, len(gaps) + 1)[:, None]
    at = codes == inner
    information = _assembled(gaps, whole, at * cross, at * square, (codes > inner) * whole)
    score = _own_score(own, codes, gaps)
    for j in range(1, len(score)):
        information[j, j] -= score[j]
    return information


def _expected(classes: list[_Between], gaps: FloatArray) -> FloatArray:
    """(C, C, m) products of the classes' scores, summed over the classes."""
    p, slope, upper = (
        np.array(part) for part in zip(*((c.p, c.slope, c.upper) for c in classes), strict=True)
    )
    squares = _finite(p * slope * slope)
    onwards = np.cumsum(squares[::-1], axis=0)[::-1]
    cross, square = _finite(p * slope * upper), _finite(p * upper * upper)
    return _assembled(gaps, onwards[0], cross[1:-1], square[1:-1], onwards[2:])


def _assembled(
    gaps: FloatArray, whole: FloatArray, cross: FloatArray, square: FloatArray, above: FloatArray
) -> FloatArray:
    """(C, C, m) information in eta and log gaps, from that in eta and the gaps' cut-points.

    Parameters
    ----------
    gaps
        (J - 2,) gaps.
    whole
        (m,) information in eta.
    cross, square
        (J - 2, m) information in eta and a class's upper cut-point, and in the latter alone.
    above
        (J - 2, m) the part of `whole` that is due to higher classes.
    """
    information = np.empty((1 + len(gaps), 1 + len(gaps), len(whole)))
    information[0, 0] = whole
    for k, gap in enumerate(gaps, start=1):
        border = gap * (above[k - 1] - cross[k - 1])
        information[0, k] = information[k, 0] = -border
        for j in range(1, k):
            information[j, k] = information[k, j] = gaps[j - 1] * border
        information[k, k] = gap * gap * (square[k - 1] + above[k - 1])
    return information
