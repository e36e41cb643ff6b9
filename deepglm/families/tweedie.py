"""The Tweedie family with a power that is estimated: compound Poisson sums of gamma amounts.

With ``e = p - 1`` in (0, 1), ``tau = (2 - p) / (p - 1)`` and the dispersion ``phi`` of a row, the
log-likelihood is ``-d(y, mu) / (2 phi)`` and, of a positive response, ``G(k) - log y`` more, where
``k = y**(2 - p) / (phi (2 - p))`` is nearly the likeliest number of amounts and G is the log of a
sum over that number (Dunn and Smyth 2005). Measured from its saturated value, as here, a term is

    exp(-(1 + tau) (j log(j / k) - j + k) + V(j) - log j + V(j tau)),

with ``V(x) = x log(x) - x - log Gamma(x)``: everything large has cancelled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special
from statsmodels.genmod import families as sm_families

from deepglm.errors import NotAvailableError, SpecificationError
from deepglm.families.compound_poisson import CompoundPoisson
from deepglm.families.contract import Family, FloatArray, Level, RowTerms
from deepglm.families.dispersion import DispersionFamily
from deepglm.families.estimated import EstimatedFamily
from deepglm.families.laws import GammaLaw
from deepglm.families.variance import PowerVariance

__all__ = ["CompoundPoisson", "Tweedie", "TweedieFamily"]

# A scale beyond exp(230) = 1e100 is a step that went astray; so is a power this near to 1 or 2,
# where the law turns into a Poisson or gamma one and its sum has ever more or ever fewer terms.
_LARGEST_LOG_SCALE = 230.0
_LARGEST_LOGIT = 12.0
_GAMMA = GammaLaw(PowerVariance(2.0))
_ORDERS = {Level.VALUE: 0, Level.SCORE: 1, Level.FISHER: 1, Level.OBSERVED: 2}
# Terms that are worked on together: two megabytes an array.
_TERMS = 2**18


class Tweedie(sm_families.Tweedie):  # type: ignore[misc,unused-ignore]
    """Variance ``mu**p``: statsmodels' family, or with the power estimated.

    Parameters
    ----------
    link : statsmodels link, optional
        The link; by default the log.
    var_power : float, optional
        A known power. By default it is estimated, between 1 and 2, together with the scale and the
        coefficients.
    eql : bool
        Whether statsmodels uses the extended quasi-likelihood; only for a known power.
    check_link : bool
        Whether statsmodels checks that the link suits the family.

    Attributes
    ----------
    estimated : bool
        Whether the power is estimated. ``var_power`` is then 1.5, and stands for nothing.

    Raises
    ------
    SpecificationError
        For ``eql=True`` without a power, which no quasi-likelihood can estimate.

    Examples
    --------
    >>> Tweedie().estimated, Tweedie(var_power=1.6).estimated
    (True, False)
    """

    def __init__(
        self,
        link: Any = None,
        var_power: float | None = None,
        eql: bool = False,
        check_link: bool = True,
    ) -> None:
        self.estimated = var_power is None
        if eql and self.estimated:
            raise SpecificationError(
                "eql=True needs a var_power: the extended quasi-likelihoods of two powers cannot "
                "be compared. Give one, or leave out eql."
            )
        super().__init__(link, 1.5 if var_power is None else var_power, eql, check_link)

    def get_distribution(
        self, mu: FloatArray, scale: float = 1.0, var_weights: Any = 1.0
    ) -> CompoundPoisson:
        """Return the distribution of responses with a power between 1 and 2.

        Parameters
        ----------
        mu, scale
            Means and dispersion.
        var_weights
            Divide the dispersion.
        """
        if not 1.0 < self.var_power < 2.0:
            raise NotAvailableError(
                f"get_distribution: a Tweedie law with the power {self.var_power:g} has none here; "
                "Poisson(), Gamma() and InverseGaussian() are the powers 1, 2 and 3."
            )
        return CompoundPoisson(mu, scale / np.asarray(var_weights), self.var_power)


@dataclass(frozen=True, kw_only=True)
class TweedieFamily(EstimatedFamily):
    """Zeros and positive amounts with variance ``phi mu**p``, the power estimated.

    Parameters
    ----------
    statsmodels : Tweedie
        The family as the user gave it; its link is `link`.

    Notes
    -----
    The auxiliary parameters are ``log(phi)`` and the logit ``a`` of ``p - 1``; the second is
    reported as ``p``. A weight divides the dispersion. The density is exact. In expectation the
    information has no terms between the mean and the other two parameters. Theirs has no closed
    form: the level FISHER gives the outer product of the row's score in these two, whose
    expectation it is and which is positive semi-definite. A power next to 1 or 2 (a logit beyond
    12) is refused. Responses on a lattice, such as counts, let the likelihood grow without end as
    the power goes to 1.

    References
    ----------
    Dunn, P. K. and Smyth, G. K. (2005). Series evaluation of Tweedie exponential dispersion model
    densities. Statistics and Computing, 15, 267-280.
    """

    name: str = "Tweedie"
    aux_names: tuple[str, ...] = ("log_scale", "power")
    effort: float = 30.0
    scale: float | None = None

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
        if constant is None:
            constant = self.constant(y, weight)
        usable = abs(float(aux[0])) <= _LARGEST_LOG_SCALE and abs(float(aux[1])) <= _LARGEST_LOGIT
        log_scale, a = (float(aux[0]), float(aux[1])) if usable else (0.0, 0.0)
        with np.errstate(all="ignore"):
            unit = self._known(a).kernel(y, eta[0], level)
            precision = weight * np.exp(-log_scale)
            log_mu = eta[0] if self.link.name == "exp" else np.log(self.link.inverse(eta[0]))
            parts = _aux_parts(y, log_mu, precision, unit.value, a, _ORDERS[level])
            parts[0] += constant
            outside = ~np.isfinite(parts[0]) | (not usable)
            if unit.outside is not None:
                outside |= unit.outside
            parts[0, outside] = -np.inf
            if unit.score is None:
                return RowTerms(parts[0], None, None)
            score = np.stack([unit.score * precision, parts[1], parts[2]])
            score[:, outside | ~np.isfinite(score).all(axis=0)] = 0.0
            if unit.information is None:
                return RowTerms(parts[0], score, None)
            if level is Level.FISHER:
                information = score[:, None] * score
                information[0] = information[:, 0] = 0.0
            else:
                bend = _power_slope(a) * log_mu
                rows = (score[0], score[0] * bend), (parts[3], parts[4]), (parts[4], parts[5])
                information = np.empty((3, 3, len(outside)))
                information[:, 1:] = rows
                information[1:, 0] = rows[0]
            information[0, 0] = unit.information * precision
        information[..., outside | ~np.isfinite(information).all(axis=(0, 1))] = 0.0
        return RowTerms(parts[0], score, information)

    def constant(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return minus the logs of the positive responses."""
        self._known(0.0).constant(y, weight)  # refuses rows of no weight
        return np.asarray(-np.log(np.where(y > 0.0, y, 1.0)))

    def _known(self, a: float) -> DispersionFamily:
        from deepglm.families.adapter import adapt  # it stands after this module

        link, power = self.statsmodels.link, 1.0 + float(special.expit(a))
        known = adapt(Tweedie(link, power, check_link=False))
        assert isinstance(known, DispersionFamily)
        return known

    def given(self, aux: FloatArray) -> Family:
        """Return the family with this power known, and its scale estimated."""
        return self._known(float(aux[1]))

    def at_an_end(self, aux: FloatArray, y: FloatArray) -> bool:
        """Whether the power is all but 1 or 2: within 0.01, where spikes of the density lie."""
        return not 0.01 < float(special.expit(aux[1])) < 0.99

    def reported(self, aux: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the log scale and the power, and their derivatives."""
        a = float(aux[1])
        value = np.array([aux[0], 1.0 + special.expit(a)])
        return value, np.diag([1.0, _power_slope(a)])

    def reported_bend(self, aux: FloatArray, slopes: FloatArray) -> FloatArray:
        """Return the second derivatives of both, times `slopes`."""
        a = float(aux[1])
        bend = -_power_slope(a) * np.tanh(0.5 * a)
        return np.diag([0.0, float(slopes[1]) * bend])

    def unreported(self, values: FloatArray) -> FloatArray:
        """Return the log scale and the logit of the power less one."""
        return np.array([values[0], special.logit(values[1] - 1.0)])

    def start_aux(self, y: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the log of the Pearson dispersion around the mean, for a power of 1.5."""
        return np.append(self._known(0.0).start_aux(y, weight), 0.0)

    def statistic(self, which: str, eta: FloatArray, aux: FloatArray) -> FloatArray:
        """Return the mean, the linear predictor or ``mu**p`` of every row, (m,)."""
        if which != "var_unscaled":  # a mean does not depend on the power, nor need it be known
            return self._known(0.0).statistic(which, eta, aux[:1])
        if len(aux) < 2:
            raise NotAvailableError(
                "which='var_unscaled' depends on the power, which is not among params: ask "
                "results.predict() for it."
            )
        return self.given(aux).statistic(which, eta, aux[:1])

    def statistic_slopes(self, which: str, eta: FloatArray, aux: FloatArray) -> FloatArray:
        """Return its derivatives by eta, log scale and the logit of the power less one, (3, m)."""
        slopes = np.zeros((3, eta.shape[1]))
        slopes[0] = self.given(aux).statistic_slopes(which, eta, aux[:1])[0]
        if which == "var_unscaled":
            variance = self.statistic(which, eta, aux)
            slopes[2] = variance * np.log(self.link.inverse(eta[0])) * _power_slope(float(aux[1]))
        return slopes

    def deviance_rows(
        self, y: FloatArray, eta: FloatArray, aux: FloatArray, weight: FloatArray
    ) -> FloatArray:
        """Return each row's unscaled deviance at this power, `weight` included."""
        return self.given(aux).deviance_rows(y, eta, aux[:1], weight)

    def distribution(self, eta: FloatArray, aux: FloatArray, weight: FloatArray) -> Any:
        """Return the distribution of the responses."""
        power = 1.0 + float(special.expit(aux[1]))
        return CompoundPoisson(self.link.inverse(eta[0]), np.exp(aux[0]) / weight, power)


def _power_slope(a: float) -> float:
    """Derivative of the power by its logit."""
    return float(special.expit(a) * special.expit(-a))


# ---------------------------------------------------------------------------------------------
# The log-likelihood with derivatives in the log scale and the logit a.


def _aux_parts(
    y: FloatArray,
    log_mu: FloatArray,
    precision: FloatArray,
    unit: FloatArray,
    a: float,
    order: int,
) -> FloatArray:
    """Log-likelihood of rows without its constant, then derivatives: (1, m), (3, m) or (6, m).

    After the value come the score in log scale and a, and the observed information of log scale,
    of both, and of a.
    """
    parts = np.empty(((1, 3, 6)[order], len(y)))
    positive = y > 0.0
    parts[0] = precision * unit
    if order > 0:
        bends = -_saturation(y, log_mu, a)
        bends[:, positive] += _saturation(y[positive], np.log(y[positive]), a)
        bends *= precision
        parts[1], parts[2] = -parts[0], bends[0]
        if order > 1:
            parts[3], parts[4], parts[5] = -parts[0], bends[0], -bends[1]
    parts[:, positive] += _normalisers(y[positive], precision[positive], a, order)
    return parts


def _saturation(y: FloatArray, log_mu: FloatArray, a: float) -> FloatArray:
    """Derivatives in a, first and second, of ``y mu**-e / e + mu**(1 - e) / (1 - e)``.

    Its value at y less that at mu is minus half the unit deviance.
    """
    e, f = float(special.expit(a)), float(special.expit(-a))
    pull = np.where(y > 0.0, y * np.exp(-e * log_mu), 0.0) / e
    mass = np.exp(f * log_mu) / f
    A, B = f * (1.0 + e * log_mu), e * (1.0 - f * log_mu)
    C = e * f * (1.0 - (f - e) * log_mu)
    return np.stack([mass * B - pull * A, pull * (A * A + C) + mass * (B * B + C)])


def _normalisers(y: FloatArray, precision: FloatArray, a: float, order: int) -> FloatArray:
    """The sums of positive responses, in the parts of :func:`_aux_parts`.

    The terms have a spread of ``sigma**2 = k / (1 + tau)`` around k. Where that is wide the sum is
    taken at distances of sigma / 2, of which the trapezoidal rule makes no error; else at every j.
    So no row takes more than 150 terms, however large its k.
    """
    f, tau = float(special.expit(-a)), float(np.exp(-a))
    log_y = np.log(y)
    k = np.exp(f * log_y) * precision / f
    sigma = np.sqrt(k / (1.0 + tau))
    wide = (sigma > 2.0) & (k > 60.0)
    first = np.where(wide, k - 9.0 * sigma, np.maximum(1.0, np.floor(k - 9.0 * sigma - 3.0)))
    count = np.where(wide, 43, np.ceil(k + 9.0 * sigma + 12.0 - first)).astype(np.intp)
    step = np.where(wide, 0.5 * sigma, 1.0)
    parts = np.empty(((1, 3, 6)[order], len(y)))
    for rows in _runs(np.lexsort((k, wide)), count, wide):
        j = first[rows] + step[rows] * np.arange(count[rows].max())[:, None]
        parts[:, rows] = _sum(j, k[rows], log_y[rows], a, order)
    parts[0] += np.log(step)
    return parts


def _runs(
    order: npt.NDArray[np.intp], count: npt.NDArray[np.intp], wide: npt.NDArray[np.bool_]
) -> Iterator[npt.NDArray[np.intp]]:
    """Rows in their order, in pieces that are alike and small."""
    for kind in (False, True):
        rows = order[wide[order] == kind]
        if rows.size:
            size = max(1, _TERMS // int(count[rows].max()))
            yield from (rows[i : i + size] for i in range(0, rows.size, size))


def _sum(j: FloatArray, k: FloatArray, log_y: FloatArray, a: float, order: int) -> FloatArray:
    """Log of the sum over the terms `j`, (terms, m), and its derivatives."""
    e, f, tau = float(special.expit(a)), float(special.expit(-a)), float(np.exp(-a))
    inside = j > 0.0
    j = np.where(inside, j, 1.0)
    gammas = _gammas(j, a, order)
    away = j - k
    distance = j * np.log1p(away / k) - away
    log_term = np.where(inside, gammas[0] - (1.0 + tau) * distance, -np.inf)
    top = log_term.max(axis=0)
    share = np.exp(log_term - top)
    total = share.sum(axis=0)
    value = top + np.log(total)
    if order == 0:
        return np.stack([value])
    share /= total
    # k moves with both parameters: d log k = -d log phi + B da, and dB = C da
    B, C = e * (1.0 - f * log_y), e * f * (1.0 - (f - e) * log_y)
    by_scale = -(1.0 + tau) * away
    by_a = gammas[1] + tau * distance - B * by_scale
    means = [_mean(share, part) for part in (by_scale, by_a)]
    if order == 1:
        return np.stack([value, *means])
    by_scale -= means[0]
    by_a -= means[1]
    curvature = (1.0 + tau) * k
    seconds = (
        -curvature + _mean(share, by_scale**2),
        curvature * B + _mean(share, tau * away + by_scale * by_a),
        _mean(share, gammas[2] - tau * distance + ((1.0 + tau) * C - 2.0 * tau * B) * away)
        - curvature * B**2
        + _mean(share, by_a**2),
    )
    return np.stack([value, *means, *(-second for second in seconds)])


def _mean(share: FloatArray, part: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("jm,jm->m", share, part))


def _gammas(j: FloatArray, a: float, order: int) -> FloatArray:
    """``V(j) - log j + V(j tau)`` and its derivatives in a; once for each j that is met.

    A gamma law of shape ``j exp(-a)`` has the same terms.
    """
    low, high = j.min(), j.max()
    if high < 2.0**53 and high - low < j.size and (j == np.floor(j)).all():
        table = _gammas_of(np.arange(low, high + 1.0), a, order)
        return table[:, (j - low).astype(np.intp)]
    return _gammas_of(j.ravel(), a, order).reshape(order + 1, *j.shape)


def _gammas_of(j: FloatArray, a: float, order: int) -> FloatArray:
    parts = np.empty((order + 1, len(j)))
    for part, term in zip(parts, _GAMMA.scale_terms(j, a, order), strict=False):
        part[:] = term
    parts[0] += _GAMMA.scale_terms(j, 0.0, 0)[0] - np.log(j)
    return parts
