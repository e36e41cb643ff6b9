"""The cumulative link model: derivatives, statsmodels' likelihood, and far tails."""

from __future__ import annotations

import decimal
import pickle
from decimal import Decimal

import numpy as np
import pytest
from scipy import special, stats
from statsmodels.genmod.families import links as sm_links
from statsmodels.miscmodels.ordinal_model import OrderedModel

from deepglm import families as f
from deepglm.errors import DataError, SpecificationError
from deepglm.families import Level, adapt
from deepglm.families.ordinal import Ordinal
from deepglm.links import Link, get

LINKS = ("logit", "probit", "cloglog", "loglog", "cauchit")
LAWS = {
    "logit": stats.logistic,
    "probit": stats.norm,
    "cloglog": stats.gumbel_l,
    "loglog": stats.gumbel_r,
    "cauchit": stats.cauchy,
}
every_link = pytest.mark.parametrize("link", LINKS)
every_size = pytest.mark.parametrize("classes", [2, 3, 6])
ETA = np.array([-6.0, -2.2, -0.3, 0.0, 0.9, 2.5, 5.0])


def family_of(link, classes):
    return Ordinal(link).with_levels(tuple("abcdefgh"[:classes]))


def rows_of(link, classes):
    """A family, every class at every linear predictor, log gaps, and weights."""
    y, eta = np.meshgrid(np.arange(float(classes)), ETA)
    weight = np.linspace(0.3, 2.7, y.size)
    aux = np.linspace(0.4, -0.7, classes - 2)
    return family_of(link, classes), y.ravel(), eta.reshape(1, -1), aux, weight


def slopes(function, eta, aux, step=1e-3):
    """Central differences of the sixth order in every channel, one after the other."""
    result = []
    for channel in range(1 + len(aux)):
        total = 0.0
        for k, factor in ((1, 45.0), (2, -9.0), (3, 1.0)):
            for sign in (1.0, -1.0):
                eta_there, aux_there = eta.copy(), aux.copy()
                (eta_there if channel == 0 else aux_there[channel - 1 : channel])[...] += (
                    sign * k * step
                )
                total = total + sign * factor * function(eta_there, aux_there)
        result.append(total / (60.0 * step))
    return np.array(result)


@every_link
@every_size
def test_score_is_the_slope_of_the_log_likelihood(link, classes):
    family, y, eta, aux, weight = rows_of(link, classes)
    expected = slopes(lambda e, a: family.rows(y, e, a, weight, Level.VALUE).value, eta, aux)
    score = family.rows(y, eta, aux, weight, Level.SCORE).score
    np.testing.assert_allclose(score, expected, rtol=1e-9, atol=1e-10 * np.abs(expected).max())


@every_link
@every_size
def test_observed_information_is_minus_the_slope_of_the_score(link, classes):
    family, y, eta, aux, weight = rows_of(link, classes)
    expected = -slopes(lambda e, a: family.rows(y, e, a, weight, Level.SCORE).score, eta, aux)
    observed = family.rows(y, eta, aux, weight, Level.OBSERVED).information
    largest = np.abs(expected).max()
    np.testing.assert_allclose(observed, expected, rtol=1e-9, atol=1e-10 * largest)
    np.testing.assert_array_equal(observed, observed.transpose(1, 0, 2))


@every_link
@every_size
def test_fisher_information_is_the_variance_of_the_score_and_the_mean_observed(link, classes):
    family, y, eta, aux, weight = rows_of(link, classes)
    p = family.statistic("prob", eta, aux)
    variance = mean = score_mean = 0.0
    for code in range(classes):
        terms = family.rows(np.full(y.shape, float(code)), eta, aux, weight, Level.OBSERVED)
        score = terms.score / weight
        variance = variance + p[code] * score[:, None] * score[None]
        mean = mean + p[code] * terms.information
        score_mean = score_mean + p[code] * score
    fisher = family.rows(y, eta, aux, weight, Level.FISHER).information
    np.testing.assert_allclose(score_mean, 0.0, atol=1e-14)
    np.testing.assert_allclose(fisher, weight * variance, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(fisher, mean, rtol=1e-9, atol=1e-13)
    eigenvalues = np.linalg.eigvalsh(np.moveaxis(fisher, -1, 0))
    assert (eigenvalues > -1e-14 * eigenvalues[:, -1:]).all()
    assert (eigenvalues[np.abs(eta[0]) < 1.0] > 0.0).all()


@every_link
@every_size
def test_levels_say_the_same_and_no_more(link, classes):
    family, y, eta, aux, weight = rows_of(link, classes)
    kept = y.copy(), eta.copy(), aux.copy(), weight.copy()
    value, score, fisher, observed = (family.rows(y, eta, aux, weight, level) for level in Level)
    m, c = y.size, classes - 1
    assert family.k_channels == c
    assert value.score is value.information is score.information is None
    assert (value.value.shape, score.score.shape) == ((m,), (c, m))
    assert fisher.information.shape == observed.information.shape == (c, c, m)
    for terms in (score, fisher, observed):
        np.testing.assert_array_equal(terms.value, value.value)
    for terms in (fisher, observed):
        np.testing.assert_array_equal(terms.score, score.score)
    for given, before in zip((y, eta, aux, weight), kept, strict=True):
        np.testing.assert_array_equal(given, before)
    assert not family.constant(y, weight).any()


@every_link
@pytest.mark.parametrize("classes", [3, 5])
def test_log_likelihood_is_that_of_statsmodels(link, classes):
    rng = np.random.default_rng(classes)
    X = rng.normal(size=(60, 2))
    y = np.concatenate([np.arange(classes), rng.integers(0, classes, 60 - classes)])
    theirs = OrderedModel(y, X, distr=LAWS[link])
    family = family_of(link, classes)
    for _ in range(3):
        # slopes, first cut-point, log gaps: the same parameters as ours
        params = rng.normal(size=theirs.exog.shape[1] + classes - 1)
        eta = (X @ params[:2] - params[2])[None]
        value = family.rows(y.astype(float), eta, params[3:], np.ones(60), Level.VALUE).value
        # statsmodels adds 1e-20 to every probability
        p = np.exp(theirs.loglikeobs(params)) - 1e-20
        np.testing.assert_allclose(np.exp(value), p, rtol=1e-12, atol=1e-15)
        distances, _ = family.reported(params[3:])
        np.testing.assert_allclose(
            params[2] + distances, theirs.transform_threshold_params(params)[2:-1], rtol=1e-13
        )


@pytest.mark.parametrize(
    "link, mirrored",
    [
        ("logit", sm_links.Logit()),
        ("probit", sm_links.Probit()),
        ("cauchit", sm_links.Cauchy()),
        ("cloglog", sm_links.LogLog()),  # P(Y = 1) = 1 - F(-eta)
        ("loglog", sm_links.CLogLog()),
    ],
)
@pytest.mark.parametrize("level", Level)
def test_two_levels_are_a_binomial(link, mirrored, level):
    family, y, eta, aux, weight = rows_of(link, 2)
    binomial = adapt(f.Binomial(mirrored))
    ours = family.rows(y, eta, aux, weight, level)
    theirs = binomial.rows(y, eta, aux, weight, level)
    np.testing.assert_allclose(ours.value, theirs.value, rtol=1e-13, atol=1e-15)
    for part in ("score", "information"):
        one, other = getattr(ours, part), getattr(theirs, part)
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-13)


# ---------------------------------------------------------------------------------------------
# Far tails, against sixty digits, identities and asymptotic series.


def _tails(link, x):
    """F(x) and 1 - F(x) in decimals."""
    if link == "logit":
        return 1 / (1 + (-x).exp()), 1 / (1 + x.exp())
    if link == "cloglog":
        return 1 - (-x.exp()).exp(), (-x.exp()).exp()
    return (-(-x).exp()).exp(), 1 - (-(-x).exp()).exp()


def _exact(link, upper, lower):
    """Log of F(upper) - F(lower), where None is infinite."""
    with decimal.localcontext() as context:
        context.prec, context.Emin, context.Emax = 400, -(10**12), 10**12
        below, above = (1, 0) if upper is None else _tails(link, Decimal(upper))
        below_lower, above_lower = (0, 1) if lower is None else _tails(link, Decimal(lower))
        left = below < above_lower
        return float((below - below_lower if left else above_lower - above).ln())


def _bounds(eta, code, cuts):
    """Upper and lower cut-point less eta, rounded as the family rounds them."""
    upper = float(cuts[code] - eta) if code < len(cuts) else None
    return upper, float(cuts[code - 1] - eta) if code else None


AUX = np.array([-0.4, 1.1])
CUTS = np.concatenate([[0.0], np.cumsum(np.exp(AUX))])


@pytest.mark.parametrize(
    "link, far",
    [
        ("logit", (-800.0, -90.0, -35.0, -8.0, 0.4, 8.0, 35.0, 90.0, 800.0)),
        ("cloglog", (-6.0, -3.0, 0.4, 8.0, 30.0, 90.0, 800.0)),
        ("loglog", (-800.0, -90.0, -30.0, -8.0, 0.4, 3.0, 6.0)),
    ],
)
def test_log_likelihood_keeps_its_digits_in_the_tails(link, far):
    family = family_of(link, 4)
    for eta in far:
        for code in range(4):
            expected = _exact(link, *_bounds(eta, code, CUTS))
            value = family.rows(
                np.array([float(code)]), np.array([[eta]]), AUX, np.ones(1), Level.VALUE
            ).value[0]
            assert value == pytest.approx(expected, rel=2e-13, abs=1e-300), (eta, code)


@pytest.mark.parametrize("eta", [-800.0, -60.0, -9.0, 9.0, 60.0, 800.0])
def test_probit_tails(eta):
    # F(A) - F(B) is that of the mirrored arguments; log_ndtr is accurate below zero
    family = family_of("probit", 4)
    for code in range(4):
        upper, lower = _bounds(eta, code, CUTS)
        upper, lower = np.inf if upper is None else upper, -np.inf if lower is None else lower
        if lower + upper > 0.0:
            upper, lower = -lower, -upper
        large, small = special.log_ndtr(upper), special.log_ndtr(lower)
        expected = large + np.log1p(-np.exp(small - large))
        terms = family.rows(
            np.array([float(code)]), np.array([[eta]]), AUX, np.ones(1), Level.OBSERVED
        )
        assert terms.value[0] == pytest.approx(expected, rel=1e-13, abs=1e-300)
        assert np.isfinite(terms.score).all()
        if abs(eta) == 800.0 and abs(terms.value[0]) > 1.0:
            # far out the log-likelihood of a level is that of a normal at its nearer cut-point
            near = upper if eta > 0.0 or abs(upper) < abs(lower) else lower
            assert abs(terms.score[0, 0]) == pytest.approx(abs(near), rel=1e-4)
            assert terms.information[0, 0, 0] == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("eta", [-1e6, -800.0, -9.0, 0.3, 9.0, 800.0, 1e6])
def test_cauchit_tails(eta):
    family = family_of("cauchit", 4)
    for code in (1, 2):
        upper, lower = _bounds(eta, code, CUTS)
        # atan A - atan B by the addition theorem
        angle = np.arctan2(upper - lower, 1.0 + upper * lower)
        value = family.rows(
            np.array([float(code)]), np.array([[eta]]), AUX, np.ones(1), Level.VALUE
        ).value[0]
        assert value == pytest.approx(np.log(angle / np.pi), rel=1e-9 if abs(eta) > 1e3 else 1e-12)


@every_link
def test_digits_are_kept_where_a_probability_is_near_one(link):
    family, law = family_of(link, 3), LAWS[link]
    aux, eta = np.log([60.0]), np.array([[25.0, 30.0, 57.0]])
    value = family.rows(np.ones(3), eta, aux, np.ones(3), Level.VALUE).value
    rest = law.cdf(-eta[0]) + law.sf(60.0 - eta[0])
    np.testing.assert_allclose(value, np.log1p(-rest), rtol=1e-11, atol=0.0)
    value = family.rows(np.zeros(2), -eta[:, :2], aux, np.ones(2), Level.VALUE).value
    np.testing.assert_allclose(value, np.log1p(-law.sf(eta[0, :2])), rtol=1e-11, atol=0.0)


def test_logit_derivatives_in_the_tails():
    # d log p / d eta = F(A) + F(B) - 1, and minus its slope f(A) + f(B): McCullagh (1980)
    family = family_of("logit", 4)
    eta = np.array([-800.0, -300.0, -40.0, -1.0, 1.0, 40.0, 300.0, 800.0])
    upper, lower = CUTS[2] - eta, CUTS[1] - eta
    for level in (Level.SCORE, Level.OBSERVED):
        terms = family.rows(np.full(8, 2.0), eta[None], AUX, np.ones(8), level)
        expected = special.expit(lower) - special.expit(-upper)
        np.testing.assert_allclose(terms.score[0], expected, rtol=1e-14, atol=1e-15)
    expected = sum(special.expit(x) * special.expit(-x) for x in (upper, lower))
    np.testing.assert_allclose(terms.information[0, 0], expected, atol=1e-14)
    gap = np.exp(AUX[1])
    expected = gap * (special.expit(-upper) + 1.0 / np.expm1(gap))
    np.testing.assert_allclose(terms.score[2], expected, rtol=1e-12)


@every_link
@every_size
@pytest.mark.parametrize("level", Level)
def test_far_out_nothing_is_nan_and_nothing_warns(link, classes, level):
    family = family_of(link, classes)
    far = np.array([40.0, 745.5, 800.0, 1e4, 1.7e100, 1.7e150, 1e300])
    eta = np.concatenate([-far[::-1], [0.0], far])
    for aux in (-90.0, -1.0, 40.0, 99.0):
        for code in range(classes):
            y = np.full(eta.shape, float(code))
            terms = family.rows(y, eta[None], np.full(classes - 2, aux), np.ones(eta.size), level)
            assert not np.isnan(terms.value).any()
            assert (terms.value <= 0.0).all()
            lost = np.isneginf(terms.value)
            if link in ("logit", "probit") and aux == -1.0:
                assert not lost[np.abs(eta) < 1e5].any()
            for part in (terms.score, terms.information):
                assert part is None or np.isfinite(part).all()
                assert part is None or not part[..., lost].any()


@pytest.mark.parametrize(
    "link, eta, code, aux",
    [
        ("probit", -1.3688829236734466e152, 3.0, (33.0356482, 23.98952103)),
        ("cloglog", -35.46362540554131, 2.0, (6.50900601, 39.251137)),
    ],
)
def test_rows_are_refused_before_a_product_overflows(link, eta, code, aux):
    family = family_of(link, 4)
    for level in Level:
        terms = family.rows(
            np.array([code]), np.array([[eta]]), np.array(aux), np.full(1, 2.0), level
        )
        assert np.isneginf(terms.value[0])
        for part in (terms.score, terms.information):
            assert part is None or not part.any()


@every_link
@pytest.mark.parametrize("log_gap", [-800.0, -101.0, 101.0, 800.0, np.inf, np.nan])
def test_gaps_that_went_astray_are_refused(link, log_gap):
    family, y, eta, aux, weight = rows_of(link, 3)
    for level in Level:
        terms = family.rows(y, eta, np.array([log_gap]), weight, level)
        assert np.isneginf(terms.value).all()
        for part in (terms.score, terms.information):
            assert part is None or not part.any()


@every_link
def test_narrow_gaps(link):
    # a class as narrow as a thousandth: its probability is the density times the gap
    family = family_of(link, 3)
    eta, gap = np.array([[-2.0, -0.5, 0.3, 1.5]]), 1e-3
    terms = family.rows(np.ones(4), eta, np.log([gap]), np.ones(4), Level.OBSERVED)
    middle = 0.5 * gap - eta[0]
    # the error of the rule of the middle is gap**2 / 24 times the second derivative
    expected = LAWS[link].logpdf(middle) + np.log(gap)
    np.testing.assert_allclose(terms.value, expected, atol=1e-6)
    slope = -get(link, "link").deriv2(middle) / get(link, "link").deriv1(middle)
    np.testing.assert_allclose(terms.score[0], slope, atol=1e-5)
    np.testing.assert_allclose(terms.score[1] - 0.5 * gap * -slope, 1.0, atol=1e-5)


# ---------------------------------------------------------------------------------------------
# Starting values, statistics, names.


@every_link
@pytest.mark.parametrize("classes", [2, 4])
def test_starts_are_the_fit_without_regressors(link, classes):
    family = family_of(link, classes)
    rng = np.random.default_rng(7)
    y = np.concatenate([np.arange(float(classes)), rng.integers(0, classes, 80).astype(float)])
    weight = rng.gamma(2.0, size=y.size)
    level = family.start_level(y, weight)
    eta, aux = family.start_eta(y, weight, level), family.start_aux(y, weight)
    assert (level.shape, eta.shape, aux.shape) == ((1,), (1, y.size), (classes - 2,))
    score = family.rows(y, eta, aux, weight, Level.SCORE).score
    np.testing.assert_allclose(score.sum(axis=1), 0.0, atol=1e-10)


@every_link
def test_starts_are_usable_without_rows_of_a_level(link):
    family, y = family_of(link, 5), np.array([1.0, 1.0, 3.0])
    level, aux = family.start_level(y, np.ones(3)), family.start_aux(y, np.ones(3))
    terms = family.rows(y, np.repeat(level[:, None], 3, axis=1), aux, np.ones(3), Level.OBSERVED)
    assert np.isfinite(terms.value).all()
    assert np.isfinite(terms.information).all()


@every_link
@every_size
def test_statistics_and_their_slopes(link, classes):
    family, _, eta, aux, _ = rows_of(link, classes)
    m = eta.shape[1]
    assert family.statistics == ("prob", "cumprob", "linear")
    p = family.statistic("prob", eta, aux)
    below = family.statistic("cumprob", eta, aux)
    assert (p.shape, below.shape) == ((classes, m), (classes - 1, m))
    np.testing.assert_allclose(p.sum(axis=0), 1.0, rtol=1e-14)
    np.testing.assert_allclose(np.cumsum(p, axis=0)[:-1], below, rtol=1e-13)
    cuts = np.concatenate([[0.0], family.reported(aux)[0]])
    np.testing.assert_allclose(below, LAWS[link].cdf(cuts[:, None] - eta), rtol=1e-12)
    linear = family.statistic("linear", eta, aux)
    np.testing.assert_array_equal(linear, eta[0])
    assert not np.may_share_memory(linear, eta)
    for which, lead in (("prob", (classes,)), ("cumprob", (classes - 1,)), ("linear", ())):
        given = family.statistic_slopes(which, eta, aux)
        assert given.shape == (*lead, family.k_channels, m)
        expected = slopes(lambda e, a, w=which: family.statistic(w, e, a), eta, aux)
        expected = np.moveaxis(expected, 0, -2)
        np.testing.assert_allclose(given, expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("method", ["statistic", "statistic_slopes"])
def test_unknown_statistics_are_refused(method):
    family, _, eta, aux, _ = rows_of("logit", 3)
    with pytest.raises(SpecificationError, match=r"which='mean'.*prob, cumprob, linear"):
        getattr(family, method)("mean", eta, aux)


@every_link
def test_a_missing_row_has_missing_statistics(link):
    family = family_of(link, 4)
    eta = np.array([[0.3, np.nan, -1.0]])
    for which in family.statistics:
        found = np.isnan(family.statistic(which, eta, AUX)).reshape(-1, 3)
        np.testing.assert_array_equal(found, np.broadcast_to([False, True, False], found.shape))


def test_deviance_and_distribution():
    family, y, eta, aux, weight = rows_of("probit", 3)
    p = family.statistic("prob", eta, aux)
    own = p[y.astype(int), np.arange(y.size)]
    deviance = family.deviance_rows(y, eta, aux, weight)
    np.testing.assert_allclose(deviance, -2.0 * weight * np.log(own), rtol=1e-12, atol=1e-15)
    law = family.distribution(eta, aux, weight)
    np.testing.assert_array_equal(law.pmf(np.array(family.levels)[y.astype(int)]), own)
    np.testing.assert_allclose(law.cdf("b"), family.statistic("cumprob", eta, aux)[1], rtol=1e-12)


def test_reported_cut_points_and_their_names():
    family = Ordinal("logit").with_levels(("low", "medium", "high", 3))
    assert family.cut_labels == ("low|medium", "medium|high", "high|3")
    assert family.aux_names == ("log_gap1", "log_gap2")
    assert family.aux_labels == ("medium|high", "high|3")
    values, jacobian = family.reported(AUX)
    np.testing.assert_allclose(values, np.cumsum(np.exp(AUX)), rtol=1e-15)
    for k in range(2):
        step = 1e-5 * np.eye(2)[k]
        slope = (family.reported(AUX + step)[0] - family.reported(AUX - step)[0]) / 2e-5
        np.testing.assert_allclose(jacobian[:, k], slope, atol=1e-9)
    for k in range(2):
        step = 1e-5 * np.eye(2)[k]
        slope = (family.reported(AUX + step)[1] - family.reported(AUX - step)[1]) / 2e-5
        bend = family.reported_bend(AUX, np.array([0.3, -1.2]))
        np.testing.assert_allclose(bend[:, k], np.array([0.3, -1.2]) @ slope, atol=1e-9)
    np.testing.assert_allclose(family.unreported(values), AUX, rtol=1e-14)
    np.testing.assert_array_equal(family.thresholds(AUX), values)
    assert family.statistic_labels("prob") == ("low", "medium", "high", 3)
    assert family.statistic_labels("cumprob") == ("low", "medium", "high")
    assert family.statistic_labels("linear") == ()
    for wrong in ([-0.1, 1.0], [1.0, 1.0], [2.0, 1.0], [np.nan, 1.0]):
        assert not np.isfinite(family.unreported(np.array(wrong))).all()
    assert family.given(AUX) is family
    two = Ordinal().with_levels((0, 1))
    assert (two.cut_labels, two.aux_names, two.aux_labels) == (("0|1",), (), ())
    assert two.reported(np.empty(0))[1].shape == (0, 0)


@every_size
def test_comparisons_say_along_what_a_likelihood_never_falls(classes):
    family, rng = family_of("logit", classes), np.random.default_rng(9)
    for _ in range(200):
        by_eta, gaps = float(rng.normal()), rng.normal(size=classes - 2) ** 2
        moved = np.concatenate([[by_eta], np.cumsum(gaps)])
        for code in range(classes):
            y, one = np.array([float(code)]), np.ones(1)
            near, far = (
                family.rows(
                    y, np.array([[t * by_eta]]), np.log(0.1 + t * gaps), one, Level.VALUE
                ).value[0]
                for t in (100.0, 1e4)
            )
            used = [c for c in family.comparisons(y) if c.used[0]]
            assert len(used) == (1 if code in (0, classes - 1) else 2)
            assert not any(c.tied[0] for c in used)
            allowed = all(moved @ c.factors[:, 0] >= 0.0 for c in used)
            assert allowed == (far > near - 1e-9)


def test_what_the_family_says_of_itself():
    family = family_of("cloglog", 3)
    assert (family.reading, family.plain, family.scale) == ("ordered", Level.OBSERVED, 1.0)
    assert (family.k_eta, family.canonical, family.link) == (1, False, get("cloglog"))
    assert pickle.loads(pickle.dumps(family)) == family


# ---------------------------------------------------------------------------------------------
# Links, and what is refused.


@pytest.mark.parametrize(
    "link", ["logistic", "cauchy", sm_links.Logit(), sm_links.Probit, get("loglog"), "logit"]
)
def test_links_may_have_any_of_their_names(link):
    assert Ordinal(link).with_levels((0, 1, 2)).link == get(link, "link")


def test_unknown_links_are_refused_with_the_nearest_name():
    with pytest.raises(SpecificationError, match="did you mean 'logit'"):
        Ordinal("logitt")


@pytest.mark.parametrize(
    "link", ["identity", "log", "tanh", "relu", "logc", "sqrt", "inverse", "softplus", "gelu"]
)
def test_links_whose_inverse_is_no_distribution_function_are_refused(link):
    with pytest.raises(SpecificationError, match="not a distribution function.*Accepted are logit"):
        Ordinal(link)


def _steep(eta, order):
    """A logistic twice as steep."""
    parts = get("logistic").function(2.0 * eta, order)
    return tuple(2.0**k * part for k, part in enumerate(parts))


def test_a_link_of_ones_own():
    with pytest.raises(SpecificationError, match="leads back"):
        Ordinal(Link("steep", _steep, parity="reflection"))
    steep = Link("steep", _steep, lambda mu: 0.5 * special.logit(mu), parity="reflection")
    ours, logit = Ordinal(steep).with_levels((1, 2, 3)), family_of("logit", 3)
    _, y, eta, aux, weight = rows_of("logit", 3)
    value = ours.rows(y, 0.5 * eta, aux - np.log(2.0), weight, Level.VALUE).value
    expected = logit.rows(y, eta, aux, weight, Level.VALUE).value
    np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("levels", [(), ("only",)])
def test_two_levels_are_needed(levels):
    with pytest.raises(DataError, match="two levels or more"):
        Ordinal().with_levels(levels)


def test_responses_that_are_refused():
    family = Ordinal().with_levels(("low", "medium", "high", "top"))
    family.check_response(np.array([0.0, 3.0, 1.0, 2.0]), "pain")
    with pytest.raises(DataError, match=r"'pain' has no rows of the level 'high'.*remove_unused"):
        family.check_response(np.array([0.0, 3.0, 1.0]), "pain")
    with pytest.raises(DataError, match="levels 'low', 'high'"):
        family.check_response(np.array([3.0, 1.0]), "pain")
    for wrong in (-1.0, 4.0, 0.5, np.nan):
        y = np.array([0.0, 1.0, 2.0, 3.0, wrong])
        with pytest.raises(DataError, match="in row 4; with 4 levels the numbers 0 to 3"):
            family.check_response(y, "pain")
        with pytest.raises(DataError, match="in row 'e'"):
            family.check_response(y, "pain", np.array(list("abcde")))
