"""Censored responses: likelihood, derivatives, expected information and statistics.

The log-likelihood is held against scipy's distributions and against quadrature in many digits, its
derivatives against differences, and the expected information against sums of squared scores.
"""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import integrate, special, stats

from deepglm.errors import DataError, SpecificationError
from deepglm.families import Level
from deepglm.families.tobit import Censored, IntervalFamily, Tobit, TobitFamily

INF = np.inf
LAWS = {"normal": stats.norm, "logistic": stats.logistic}
both_laws = pytest.mark.parametrize("law", LAWS)

# value, lower limit, upper limit: seen, left-censored, right-censored, without limits
TOBIT = np.array(
    [
        [0.7, 0.0, 2.0, 1.1, -3.0, 5.0, 0.2],
        [0.0, 0.0, -1.0, -INF, -3.0, -INF, 0.1],
        [2.0, INF, 2.0, INF, 8.0, 5.0, 0.3],
    ]
)
# ends: seen, open, wide, straddling, narrow, in both tails
INTERVAL = np.array(
    [
        [0.7, -INF, 1.4, -0.5, 0.3, 2.0, 6.0, -9.0, 0.301, -4.0],
        [0.7, 0.4, INF, 1.5, 1.9, 2.4, 9.0, -7.5, 0.302, 4.0],
    ]
)
AUX = np.array([-0.35])


def cases(law):
    rng = np.random.default_rng(5)
    for family, y in (
        (TobitFamily(latent=law), TOBIT),
        (IntervalFamily(latent=law), INTERVAL),
    ):
        m = y.shape[1]
        yield family, y, rng.normal(0.4, 1.0, (1, m)), rng.uniform(0.4, 3.0, m)


def by_rows(family, y, weight, level):
    """A function of (2, m) channels, so that log sigma may be moved for a single row."""

    def terms(point):
        parts = [
            family.rows(
                y[:, i : i + 1], point[:1, i : i + 1], point[1:, i], weight[i : i + 1], level
            )
            for i in range(y.shape[1])
        ]
        if level is Level.VALUE:
            return np.concatenate([part.value for part in parts])
        return np.concatenate([part.score for part in parts], axis=1)

    return terms


def slopes(function, point, step=2e-3):
    """Central differences of the sixth order in every channel."""
    result = []
    for channel in range(len(point)):
        move = np.zeros_like(point)
        move[channel] = step
        near, middle, far = (function(point + k * move) - function(point - k * move)
                             for k in (1, 2, 3))  # fmt: skip
        result.append((45.0 * near - 9.0 * middle + far) / (60.0 * step))
    return np.array(result)


@both_laws
def test_log_likelihood_of_limits_is_that_of_scipy(law):
    family, y, eta, weight = next(cases(law))
    value = family.rows(y, eta, AUX, weight, Level.VALUE).value
    latent = LAWS[law](eta[0], np.exp(AUX[0]))
    seen, left, right = latent.logpdf(y[0]), latent.logcdf(y[1]), latent.logsf(y[2])
    expected = np.where(y[0] <= y[1], left, np.where(y[0] >= y[2], right, seen))
    np.testing.assert_allclose(value, weight * expected, rtol=1e-13)


@both_laws
def test_log_likelihood_of_intervals_is_that_of_scipy(law):
    _, (family, y, eta, weight) = cases(law)
    value = family.rows(y, eta, AUX, weight, Level.VALUE).value
    latent = LAWS[law](eta[0], np.exp(AUX[0]))
    lo, hi = y
    above = lo + hi > 2.0 * eta[0]  # differences of the smaller tails
    share = np.where(above, latent.sf(lo) - latent.sf(hi), latent.cdf(hi) - latent.cdf(lo))
    expected = np.log(np.where(lo == hi, latent.pdf(lo), share))
    np.testing.assert_allclose(value, weight * expected, rtol=1e-11, atol=1e-15)


# Ends of cells at eta 0 and sigma 1: value, score in eta and log sigma, and minus the second
# derivatives, by differences in 60 digits of the definition (mpmath 1.3).
# fmt: off
CELLS = {
    ("normal", 0.3, 0.3000000000009095):
        (-28.6898257556026, 0.300000000000455, -0.909999999999727,
         1.0, 0.600000000000909, 0.180000000000546),
    ("normal", 4.0, 4.000000000931323):
        (-29.7133539518657, 4.00000000046566, 15.0000000037253,
         1.0, 8.00000000093132, 32.0000000074506),
    ("normal", -6.0, -5.999):
        (-25.8236924791036, -5.99949950004198, 34.9939943343372,
         0.999999916666819, -11.9989980001692, 71.9879766706971),
    ("normal", 1.0, 1.6):
        (-2.26475031834943, 1.2618427196993, 0.621027311730056,
         0.971219737528083, 2.44975885276105, 3.05146701906674),
    ("normal", 0.5, 1.51):
        (-1.41462870756876, 0.923735623718897, -0.0683806985402719,
         0.921668201067612, 1.69543553647618, 1.56274764994184),
    ("normal", -0.4, 0.61):
        (-0.95583531911796, 0.0963754047341243, -0.908601653584347,
         0.917889872222013, 0.176099301125425, 0.173785171970937),
    ("normal", -1.0, 1.0):
        (-0.381715146302126, 0.0, -0.708874905227207,
         0.708874905227207, 0.0, 0.502503631260881),
    ("normal", 3.0, 3.4):
        (-6.89486988740594, 3.15866525307333, 8.98941839972422,
         0.987747781248595, 6.23933662073328, 19.4822193101347),
    ("normal", 9.0, 9.5):
        (-43.6374914145724, 9.10388143676231, 81.8898654482615,
         0.990791766363803, 18.0388594004925, 162.681437340271),
    ("normal", -20.0, -19.0):
        (-184.36612867239, -19.0523439459767, 361.994534908811,
         0.997274926981804, -38.0005676199869, 722.010787175669),
    ("normal", 25.0, 25.03):
        (-317.277290644188, 25.0131413067392, 624.657310963203,
         0.999927067698404, 50.0226339200385, 1251.13208327279),
    ("normal", -30.0, 1.0):
        (-0.17275377902345, -0.287599970939178, -0.287599970939178,
         0.370313714223395, 0.0827137432842162, 0.0827137432842162),
    ("normal", -0.5, 31.0):
        (-0.368946415288656, 0.509160433837033, -0.254580216918517,
         0.513824564303633, 0.252248151685217, -0.126124075842609),
    ("normal", 5.0, 40.0):
        (-15.0649983939887, 5.18650396712584, 25.9325198356292,
         0.967303565382888, 10.0230217940403, 50.1151089702014),
    ("logistic", 0.3, 0.3000000000009095):
        (-29.1345977113349, 0.14888503362354, -0.95533448991287,
         0.488916623381459, 0.2955600206382, 0.0886680061915945),
    ("logistic", 4.0, 4.000000000931323):
        (-24.8307152730829, 0.964027580092267, 2.85611032081798,
         0.0353254124107243, 1.10532922975161, 4.42131691952116),
    ("logistic", -6.0, -5.999):
        (-12.9122090814474, -0.995052285949878, 4.96981610745683,
         0.00493547410991616, -1.02466266164456, 6.14746346697162),
    ("logistic", 1.0, 1.6):
        (-2.29303279675288, 0.563076963763929, -0.267533534252238,
         0.336375725174543, 0.983310964098309, 1.25740608812858),
    ("logistic", 0.5, 1.51):
        (-1.62657453089747, 0.441520538049713, -0.540585192486152,
         0.383203658486383, 0.78280431304054, 0.77523449923773),
    ("logistic", -0.4, 0.61):
        (-1.39987227644858, 0.0492531419681982, -0.953878327113167,
         0.468374264821263, 0.0922980903102242, 0.0886024988045836),
    ("logistic", -1.0, 1.0):
        (-0.771936832905305, 0.0, -0.850918128239322,
         0.393223866482964, 0.0, 0.266367399209953),
    ("logistic", 3.0, 3.4):
        (-4.19104875358754, 0.920278662123983, 1.93461988780467,
         0.0764291273892738, 1.16206703135515, 3.68926101137119),
    ("logistic", 9.0, 9.5):
        (-9.93295038078554, 0.999801759196503, 8.22743136838637,
         0.000198219975317688, 1.00162315928714, 9.22360398443166),
    ("logistic", -20.0, -19.0):
        (-19.458675153051, -0.99999999233605, 18.4180231454545,
         7.66394998869646e-09, -1.00000014001225, 19.3386995867332),
    ("logistic", 25.0, 25.03):
        (-28.5215203976286, 0.999999999972635, 24.0149250004404,
         2.73654369581417e-11, 1.00000000065717, 25.0148500209389),
    ("logistic", -30.0, 1.0):
        (-0.313261687518351, -0.268941421369902, -0.26894142137387,
         0.196611933241575, -0.072329488131227, -0.0723294880150869),
    ("logistic", -0.5, 31.0):
        (-0.474076984180162, 0.377540668798111, -0.188770334400798,
         0.235003712201629, 0.260038812698381, -0.130019406296599),
    ("logistic", 5.0, 40.0):
        (-5.00671534848912, 0.993307149075715, 4.96653574537855,
         0.00664805667079016, 1.02654743242967, 5.13273716214909),
}
# fmt: on


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_cells_keep_their_digits_narrow_wide_and_far_out(cell):
    law, *ends = cell
    y = np.array(ends)[:, None]
    found = IntervalFamily(latent=law).rows(
        y, np.zeros((1, 1)), np.zeros(1), np.ones(1), Level.OBSERVED
    )
    value, d1, d2, i11, i12, i22 = CELLS[cell]
    assert found.value[0] == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(found.score[:, 0], [d1, d2], rtol=1e-11, atol=1e-13)
    information = [[i11, i12], [i12, i22]]
    np.testing.assert_allclose(found.information[..., 0], information, rtol=1e-10, atol=1e-12)


@both_laws
@pytest.mark.parametrize("kind", [0, 1])
def test_score_and_information_are_slopes(law, kind):
    family, y, eta, weight = list(cases(law))[kind]
    point = np.vstack([eta, np.full_like(eta, AUX[0])])
    found = family.rows(y, eta, AUX, weight, Level.OBSERVED)
    score = slopes(by_rows(family, y, weight, Level.VALUE), point)
    np.testing.assert_allclose(found.score, score, rtol=1e-9, atol=1e-9)
    information = -slopes(by_rows(family, y, weight, Level.SCORE), point)
    np.testing.assert_allclose(found.information, information, rtol=1e-9, atol=1e-9)


@both_laws
@pytest.mark.parametrize("kind", [0, 1])
def test_levels_say_the_same_and_no_more(law, kind):
    family, y, eta, weight = list(cases(law))[kind]
    value, score, fisher, observed = (family.rows(y, eta, AUX, weight, level) for level in Level)
    assert value.score is None
    assert score.information is None
    m = y.shape[1]
    assert fisher.information.shape == observed.information.shape == (2, 2, m)
    for terms in (score, fisher, observed):
        np.testing.assert_array_equal(terms.value, value.value)
    for terms in (fisher, observed):
        np.testing.assert_array_equal(terms.score, score.score)
    np.testing.assert_array_equal(family.constant(y, weight), np.zeros(m))


LIMITS = [(0.0, INF), (-INF, 1.0), (-0.5, 2.0), (3.0, 3.5), (-9.0, 9.0), (-INF, INF), (4.0, INF),
          (-INF, -5.0), (-4.0, -2.0)]  # fmt: skip


@both_laws
@pytest.mark.parametrize("limits", LIMITS, ids=str)
@pytest.mark.parametrize("eta", [0.0, 0.8, -1.3])
def test_expected_information_is_the_mean_square_of_the_score(law, limits, eta):
    family, sigma, weight = TobitFamily(latent=law), 0.8, 1.7
    latent = LAWS[law](eta, sigma)
    lower, upper = limits

    def terms(value, level):
        y = np.stack(np.broadcast_arrays(np.atleast_1d(value), lower, upper))
        ones = np.ones(y.shape[1])
        return family.rows(y, eta * ones[None], np.log([sigma]), ones, level)

    def integrand(value):
        score = terms(value, Level.SCORE).score
        return np.einsum("im,jm->ij", score, score).ravel() * latent.pdf(value)

    reach = 60.0 if law == "logistic" else 20.0
    inside = max(lower, eta - reach), min(upper, eta + reach)
    expected = integrate.quad_vec(integrand, *inside, epsabs=1e-13, epsrel=1e-12)[0].reshape(2, 2)
    for limit, chance in ((lower, latent.cdf(lower)), (upper, latent.sf(upper))):
        if np.isfinite(limit):
            score = terms(limit, Level.SCORE).score[:, 0]
            expected += chance * np.outer(score, score)
    y = np.array([[0.3 * lower + 0.7 * upper if np.isfinite([lower, upper]).all() else 0.0],
                  [lower], [upper]])  # fmt: skip
    found = family.rows(y, np.array([[eta]]), np.log([sigma]), np.array([weight]), Level.FISHER)
    np.testing.assert_allclose(found.information[..., 0], weight * expected, rtol=1e-10, atol=1e-12)
    # whatever the row showed
    y[0] = lower if np.isfinite(lower) else upper if np.isfinite(upper) else 7.0
    again = family.rows(y, np.array([[eta]]), np.log([sigma]), np.array([weight]), Level.FISHER)
    np.testing.assert_array_equal(again.information, found.information)


# Gauss-Legendre on 80 panels from 0 to 40
_NODES, _WEIGHTS = special.roots_sh_legendre(12)
VALUES = 0.5 * (np.arange(80.0)[:, None] + _NODES).ravel()
VALUE_WEIGHTS = np.tile(0.5 * _WEIGHTS, 80)


@both_laws
def test_expected_information_of_hardly_seen_outcomes_keeps_its_digits(law):
    # All but certainly censored at zero: what is seen is small, and so is all that it tells.
    family = TobitFamily(latent=law)
    eta = np.array([[-8.0, -15.0, -30.0]])
    y = np.stack([np.zeros(3), np.zeros(3), np.full(3, INF)])
    found = family.rows(y, eta, np.zeros(1), np.ones(3), Level.FISHER).information
    for i, mean in enumerate(eta[0]):
        latent = LAWS[law](mean, 1.0)
        ones = np.ones(VALUES.size)
        row = np.stack([VALUES, -INF * ones, INF * ones])
        score = family.rows(row, mean * ones[None], np.zeros(1), ones, Level.SCORE).score
        expected = (score * VALUE_WEIGHTS * latent.pdf(VALUES)) @ score.T
        score = family.rows(y[:, :1], eta[:, i : i + 1], np.zeros(1), np.ones(1), Level.SCORE).score
        expected += latent.cdf(0.0) * (score @ score.T)
        np.testing.assert_allclose(found[..., i], expected, rtol=1e-9)


@both_laws
def test_expected_information_of_an_interval_is_that_of_its_partition(law):
    _, (family, y, eta, weight) = cases(law)
    found = family.rows(y, eta, AUX, weight, Level.FISHER).information
    sigma = np.exp(AUX[0])
    for i, (lo, hi) in enumerate(y.T):
        at = eta[:, i : i + 1]
        latent = LAWS[law](at[0, 0], sigma)
        if lo == hi:
            limits = np.array([[lo], [-INF], [INF]])
            expected = TobitFamily(latent=law).rows(
                limits, at, AUX, np.ones(1), Level.FISHER
            ).information[..., 0]  # fmt: skip
        else:
            expected = np.zeros((2, 2))
            for cell in ((-INF, lo), (lo, hi), (hi, INF)):
                if cell[0] == cell[1]:
                    continue
                terms = family.rows(np.array(cell)[:, None], at, AUX, np.ones(1), Level.SCORE)
                expected += np.exp(terms.value) * (terms.score @ terms.score.T)
            assert latent.cdf(lo) + latent.sf(hi) <= 1.0
        np.testing.assert_allclose(found[..., i], weight[i] * expected, rtol=1e-9, atol=1e-15)
    assert np.linalg.eigvalsh(np.moveaxis(found, -1, 0)).min() > -1e-15


@both_laws
@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("log_sigma", [-0.5, 0.0, 0.7, 50.0, -50.0, 229.0, -229.0, 300.0, -800.0])
def test_far_out_nothing_is_nan_and_nothing_warns(law, level, log_sigma):
    eta = np.array([-800.0, -745.5, -40.0, 0.0, 40.0, 745.5, 800.0, -1e4, 1e4, 1e200, -1e308])
    for family, y, _, _ in cases(law):
        for row in y.T:
            block = np.repeat(row[:, None], len(eta), axis=1)
            terms = family.rows(block, eta[None], np.array([log_sigma]), np.ones(len(eta)), level)
            assert not np.isnan(terms.value).any()
            assert not np.isposinf(terms.value).any()
            refused = np.isneginf(terms.value)
            assert refused.all() == (abs(log_sigma) > 230.0) or refused.any()
            for part in (terms.score, terms.information):
                assert part is None or np.isfinite(part).all()
                assert part is None or not part[..., refused].any()
            if log_sigma in (-0.5, 0.0, 0.7) and level is not Level.FISHER:
                assert not refused[:9].any()


@both_laws
def test_ends_that_are_as_good_as_open(law):
    family, eta, one = IntervalFamily(latent=law), np.array([[0.3, -0.6]]), np.ones(2)
    closed = np.array([[0.4, -1e150], [1e150, 0.2]])
    for level in Level:
        found = family.rows(closed, eta, AUX, one, level)
        expected = family.rows(
            np.where(abs(closed) > 1.0, closed * INF, closed), eta, AUX, one, level
        )
        for name in ("value", "score", "information"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@both_laws
def test_tails_are_those_of_scipy_where_probabilities_underflow(law):
    family = TobitFamily(latent=law)
    eta = np.array([[800.0, -800.0, 60.0]])
    y = np.array([[0.0, 0.0, 0.0], [0.0, -INF, 0.0], [INF, 0.0, INF]])
    terms = family.rows(y, eta, np.zeros(1), np.ones(3), Level.OBSERVED)
    expected = LAWS[law].logcdf(np.array([-800.0, -800.0, -60.0]))
    np.testing.assert_allclose(terms.value, expected, rtol=1e-13)
    if law == "normal":
        # by Laplace's continued fraction of Mills' ratio
        c = np.array([800.0, 800.0, 60.0])
        ratio = c + 1 / (c + 2 / (c + 3 / (c + 4 / (c + 5 / c))))
        np.testing.assert_allclose(np.abs(terms.score[0]), ratio, rtol=1e-13)
        np.testing.assert_allclose(terms.information[0, 0], 1.0 - 1.0 / c**2, rtol=1e-5)
    else:
        np.testing.assert_allclose(np.abs(terms.score[0]), 1.0, rtol=1e-13)


@both_laws
@pytest.mark.parametrize("limits", [(0.0, INF), (-INF, 1.0), (-0.5, 2.0), (-INF, INF)], ids=str)
def test_statistics_and_their_slopes(law, limits):
    family = TobitFamily(latent=law, lower=limits[0], upper=limits[1])
    eta = np.array([[-6.0, -1.0, 0.2, 1.5, 7.0]])
    point = np.vstack([eta, np.full_like(eta, AUX[0])])
    latent = LAWS[law](eta[0], np.exp(AUX[0]))
    inside = latent.cdf(limits[1]) - latent.cdf(limits[0])
    np.testing.assert_allclose(
        family.statistic("prob_uncensored", eta, AUX), inside, rtol=1e-11, atol=1e-15
    )
    for i, mean in enumerate(family.statistic("mean", eta, AUX)):
        one = LAWS[law](eta[0, i], np.exp(AUX[0]))
        recorded = integrate.quad(
            lambda x, one=one: np.clip(x, *limits) * one.pdf(x), -60.0, 60.0,
            points=[x for x in (*limits, eta[0, i]) if np.isfinite(x)], epsabs=1e-12, limit=200,
        )[0]  # fmt: skip
        assert mean == pytest.approx(recorded, abs=1e-9)
    for which in family.statistics:
        expected = slopes(
            lambda x, which=which: np.concatenate(
                [family.statistic(which, x[:1, [i]], x[1:, i]) for i in range(x.shape[1])]
            ),
            point,
        )
        found = family.statistic_slopes(which, eta, AUX)
        assert found.shape == (2, 5)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)
    assert family.statistics[0] == "mean"


def test_limits_of_statistics_may_differ_between_rows_or_be_unknown():
    lower, upper = np.array([0.0, -INF, np.nan]), np.array([INF, INF, 2.0])
    family = TobitFamily(lower=lower, upper=upper)
    eta = np.array([[0.3, 0.3, 0.3]])
    zero = np.zeros(1)
    mean, chance = (family.statistic(which, eta, zero) for which in ("mean", "prob_uncensored"))
    np.testing.assert_allclose(
        mean, [0.3 * stats.norm.cdf(0.3) + stats.norm.pdf(0.3), 0.3, np.nan], rtol=1e-13
    )
    np.testing.assert_allclose(chance, [stats.norm.cdf(0.3), 1.0, np.nan], rtol=1e-13)
    np.testing.assert_array_equal(family.statistic("latent", eta, zero), eta[0])


def test_missing_inputs_have_missing_statistics():
    family = TobitFamily(lower=0.0)
    eta = np.array([[np.nan, 0.4]])
    for which in family.statistics:
        assert np.isnan(family.statistic(which, eta, np.zeros(1))).tolist() == [True, False]


@both_laws
def test_statistics_far_out_keep_their_digits(law):
    family = TobitFamily(latent=law, lower=0.0)
    mean = family.statistic("mean", np.array([[-700.0, -30.0, 800.0]]), np.zeros(1))
    expected = -np.expm1(-np.exp(-30.0)) if law == "logistic" else 0.0
    assert mean[0] >= 0.0
    assert mean[1] == pytest.approx(expected, rel=1e-6, abs=1e-100)
    assert mean[2] == pytest.approx(800.0, rel=1e-14)


@both_laws
def test_deviance_is_twice_the_distance_to_the_best_mean(law):
    for family, y, eta, weight in cases(law):
        found = family.deviance_rows(y, eta, AUX, weight)
        value = family.rows(y, eta, AUX, weight, Level.VALUE).value
        grid = np.linspace(-60.0, 60.0, 24001)
        for i in range(y.shape[1]):
            block = np.repeat(y[:, i : i + 1], grid.size, axis=1)
            near = y[:, i][np.isfinite(y[:, i])].mean() if family.name == "Interval" else y[0, i]
            at = np.concatenate([grid, [near]])
            block = np.repeat(y[:, i : i + 1], at.size, axis=1)
            best = family.rows(block, at[None], AUX, np.ones(at.size), Level.VALUE).value.max()
            expected = 2.0 * (weight[i] * best - value[i])
            assert found[i] == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert (found >= 0.0).all()


@both_laws
def test_start_is_usable_and_near(law):
    rng = np.random.default_rng(2)
    latent = LAWS[law](1.0, 2.0).rvs(size=4000, random_state=rng)
    value = np.maximum(latent, 0.0)
    limits = np.stack([value, np.zeros(4000), np.full(4000, INF)])
    ends = np.stack([np.floor(latent), np.floor(latent) + 1.0])
    ends[0, :300], ends[1, 300:600] = -INF, INF
    ends[:, 0] = -INF, INF
    weight = rng.uniform(0.5, 2.0, 4000)
    for family, y in ((TobitFamily(latent=law), limits), (IntervalFamily(latent=law), ends)):
        level, aux = family.start_level(y, weight), family.start_aux(y, weight)
        assert level.shape == aux.shape == (1,)
        assert abs(level[0] - 1.0) < 1.0
        assert abs(np.exp(aux[0]) - 2.0) < 1.0
        eta = family.start_eta(y, weight, level)
        terms = family.rows(y, eta, aux, weight, Level.FISHER)
        assert np.isfinite(terms.value).all()
        assert np.linalg.eigvalsh(terms.information.sum(axis=2)).min() > 0.0
        assert 1.0 < family.response_scale(y, weight) < 6.0
    same = np.array([[2.0, 2.0], [-INF, -INF], [INF, INF]])
    assert np.isfinite(TobitFamily().start_aux(same, np.ones(2))).all()


@both_laws
def test_maximum_is_where_the_truth_is(law):
    # Newton steps with the observed information lead to the estimate; its error is what the
    # expected information says.
    rng = np.random.default_rng(11)
    n, sigma = 6000, 1.4
    latent = LAWS[law](0.5, sigma).rvs(size=n, random_state=rng)
    y = np.stack([np.clip(latent, 0.0, 2.0), np.zeros(n), np.full(n, 2.0)])
    family = TobitFamily(latent=law)
    point = np.concatenate([family.start_level(y, np.ones(n)), family.start_aux(y, np.ones(n))])
    for _ in range(30):
        terms = family.rows(y, np.full((1, n), point[0]), point[1:], np.ones(n), Level.OBSERVED)
        point = point + np.linalg.solve(terms.information.sum(axis=2), terms.score.sum(axis=1))
    fisher = family.rows(y, np.full((1, n), point[0]), point[1:], np.ones(n), Level.FISHER)
    error = np.sqrt(np.diag(np.linalg.inv(fisher.information.sum(axis=2))))
    assert (np.abs(point - [0.5, np.log(sigma)]) < 4.0 * error).all()
    np.testing.assert_allclose(
        fisher.information.sum(axis=2), terms.information.sum(axis=2), rtol=0.1, atol=20.0
    )


@both_laws
def test_distribution_is_that_of_the_recorded_outcome(law):
    family = TobitFamily(latent=law, lower=0.0, upper=1.5)
    eta = np.array([[-0.4, 0.6, 2.0]])
    recorded = family.distribution(eta, AUX, np.ones(3))
    assert isinstance(recorded, Censored)
    np.testing.assert_allclose(recorded.latent.mean(), eta[0])
    np.testing.assert_array_equal(recorded.cdf(-0.1), 0.0)
    np.testing.assert_array_equal(recorded.cdf(1.5), 1.0)
    np.testing.assert_allclose(recorded.cdf(0.7), recorded.latent.cdf(0.7))
    np.testing.assert_allclose(recorded.mean(), family.statistic("mean", eta, AUX), rtol=1e-13)
    drawn = recorded.rvs(size=(20000, 3), random_state=np.random.default_rng(1))
    assert drawn.min() == 0.0
    assert drawn.max() == 1.5
    np.testing.assert_allclose(drawn.mean(axis=0), recorded.mean(), atol=0.02)
    np.testing.assert_array_equal(recorded.ppf([1e-9, 0.5, 1.0 - 1e-9])[[0, 2]], [0.0, 1.5])
    assert isinstance(
        IntervalFamily(latent=law).distribution(eta, AUX, np.ones(3)).mean(), np.ndarray
    )


def test_description_becomes_a_family():
    family = Tobit(lower=0, upper=4.0, distribution="logistic").for_rows(3)
    assert (family.lower, family.upper, family.latent) == (0.0, 4.0, "logistic")
    assert isinstance(Tobit().for_rows(2), IntervalFamily)
    unlimited = Tobit(lower=None).for_rows(3)
    assert (unlimited.lower, unlimited.upper) == (-INF, INF)
    assert np.isnan(Tobit(lower="limit").for_rows(3).lower)
    assert family.aux_names == family.aux_labels == ("log_sigma",)
    assert family.reading == "interval"
    assert family.plain is Level.OBSERVED
    assert family.scale == 1.0
    copied = pickle.loads(pickle.dumps(family))
    assert copied == family


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"lower": 2.0, "upper": 1.0}, "lower=2.0 is not below upper=1.0"),
        ({"lower": 1, "upper": 1}, "lower=1 is not below upper=1"),
        ({"lower": np.nan}, "lower=nan"),
        ({"distribution": "cauchy"}, "'normal', 'logistic'"),
    ],
)
def test_descriptions_that_make_no_sense_are_refused(arguments, words):
    with pytest.raises(SpecificationError, match=words):
        Tobit(**arguments)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([[1.0, np.nan], [0.0,
         0.0], [INF, INF]], "value nan in row 'b'; a finite"),
        ([[1.0, 1.0], [0.0,
         2.0], [INF, 2.0]], "lower limit 2.0 and the upper limit 2.0 in r"),
        ([[1.0, 1.0], [0.0,
         np.nan], [INF, 2.0]], "lower limit nan"),
        ([[-1.0, -2.0, 1.0],
         [0.0, 0.0, 0.0], [INF, INF, INF]],
         "value -1.0 in row 'a', and 1 more rows like it, outside its limits 0.0 and inf"),
        ([[1.0, 3.0], [0.0,
         0.0], [2.0, 2.0]], "value 3.0 in row 'b'"),
        ([[0.0, 2.0], [0.0,
         0.0], [2.0, 2.0]], "all rows of response 'hours' are censored"),
    ],
)  # fmt: skip
def test_responses_beyond_their_limits_are_refused(y, words):
    with pytest.raises(DataError, match=words):
        TobitFamily().check_response(np.array(y), "hours", ["a", "b", "c"])


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([[1.0, 2.0], [1.0, 1.5]], "lower end 2.0 and the upper end 1.5 in row 1"),
        ([[1.0, np.nan], [1.0, 1.5]], "lower end nan"),
        ([[1.0, INF], [1.0, INF]], "lower end inf"),
        (
            [[-INF, -INF], [1.0, 1.5]],
            "all rows of response 'dose' are censored, with an infinite l",
        ),
        ([[1.0, 1.5], [INF, INF]], "infinite upper end"),
    ],
)
def test_empty_intervals_are_refused(y, words):
    with pytest.raises(DataError, match=words):
        IntervalFamily().check_response(np.array(y), "dose")


def test_good_responses_are_accepted():
    TobitFamily().check_response(TOBIT, "hours")
    IntervalFamily().check_response(INTERVAL, "dose")
