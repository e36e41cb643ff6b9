"""The negative binomial with an alpha that is estimated.

The log-likelihood is held against scipy, its derivatives against differences, the expected
information against sums over the response, and everything at small alpha against the Poisson law
and the first terms of series in alpha.
"""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import special, stats

from deepglm.errors import DataError
from deepglm.families import Level, adapt, links
from deepglm.families.negative_binomial import NegativeBinomial, NegativeBinomialFamily
from deepglm.links import get

MU = np.array([0.05, 0.4, 1.3, 2.5, 6.0, 40.0])
COUNTS = np.array([0.0, 1.0, 0.0, 5.0, 3.0, 71.0])
WEIGHT = np.array([1.0, 0.5, 3.0, 2.0, 1.0, 0.2])
LINKS = (links.Log(), links.Identity(), links.Sqrt(), links.Power(0.7), links.InversePower(),
         links.NegativeBinomial(alpha=0.6))  # fmt: skip
every_link = pytest.mark.parametrize("link", LINKS, ids=lambda link: type(link).__name__)
every_alpha = pytest.mark.parametrize("alpha", [1e-10, 1e-6, 1e-3, 0.02, 0.03, 0.6, 3.0, 1e4])


def family_of(link=None):
    described = NegativeBinomial(link, check_link=False)
    return NegativeBinomialFamily(link=get(described.link, "link"), statsmodels=described)


def terms_at(family, alpha, level, y=COUNTS, mu=MU, weight=WEIGHT):
    return family.rows(y, family.link.link(mu)[None], np.log([alpha]), weight, level)


def slopes(function, point, step=2e-3):
    """Central differences of the sixth order in every channel."""
    result = []
    for channel in range(len(point)):
        move = np.zeros_like(point)
        move[channel] = step * np.maximum(0.05, np.abs(point[channel])) if channel == 0 else step
        near, middle, far = (function(point + k * move) - function(point - k * move)
                             for k in (1, 2, 3))  # fmt: skip
        result.append((45.0 * near - 9.0 * middle + far) / (60.0 * move[channel]))
    return np.array(result)


def by_rows(family, y, weight, level):
    """A function of (2, m) channels, so that log alpha may be moved for a single row."""

    def terms(point):
        parts = [
            family.rows(y[[i]], point[:1, [i]], point[1:, i], weight[[i]], level)
            for i in range(len(y))
        ]
        if level is Level.VALUE:
            return np.concatenate([part.value for part in parts])
        return np.concatenate([part.score for part in parts], axis=1)

    return terms


@every_link
@every_alpha
def test_log_likelihood_is_that_of_the_distribution(link, alpha):
    value = terms_at(family_of(link), alpha, Level.VALUE).value
    # scipy loses digits in the gamma functions of 1 / alpha; of counts they are sums
    rising = np.array([np.log1p(alpha * np.arange(y)).sum() for y in COUNTS])
    expected = rising - special.gammaln(COUNTS + 1.0) + COUNTS * np.log(MU)
    expected -= (COUNTS + 1.0 / alpha) * np.log1p(alpha * MU)
    np.testing.assert_allclose(value, WEIGHT * expected, rtol=1e-12)
    if alpha > 0.01:
        law = stats.nbinom(1.0 / alpha, 1.0 / (1.0 + alpha * MU))
        np.testing.assert_allclose(value, WEIGHT * law.logpmf(COUNTS), rtol=1e-11)
    known = adapt(sm.families.NegativeBinomial(link, alpha=alpha, check_link=False))
    same = known.rows(COUNTS, known.link.link(MU)[None], np.empty(0), WEIGHT, Level.VALUE).value
    # the beta function of a known alpha loses digits too
    np.testing.assert_allclose(value, same, rtol=1e-12, atol=2e-14 / min(alpha, 1.0))


@every_link
@pytest.mark.parametrize("alpha", [1e-3, 0.0249, 0.0251, 0.6, 40.0])
def test_score_and_information_are_slopes(link, alpha):
    family = family_of(link)
    y = COUNTS + np.array([0.0, 0.0, 0.0, 0.0, 0.3, 0.0])  # one is no whole number
    point = np.vstack([family.link.link(MU), np.full(MU.size, np.log(alpha))])
    found = terms_at(family, alpha, Level.OBSERVED, y)
    score = slopes(by_rows(family, y, WEIGHT, Level.VALUE), point)
    np.testing.assert_allclose(found.score, score, rtol=2e-8, atol=1e-9)
    information = -slopes(by_rows(family, y, WEIGHT, Level.SCORE), point)
    np.testing.assert_allclose(found.information, information, rtol=2e-8, atol=1e-9)


@pytest.mark.parametrize("alpha", [0.0249, 0.0251])
def test_sums_of_logarithms(alpha):
    # of whole numbers the gamma functions are sums, on both sides of where Stirling's series begins
    family, y = family_of(), np.arange(200.0)
    eta = np.full((1, 200), 0.7)
    found = family.rows(y, eta, np.log([alpha]), np.ones(200), Level.OBSERVED)
    j = alpha * np.arange(200.0)
    first, second = (np.concatenate([[0.0], np.cumsum(part)[:-1]])
                     for part in (j / (1.0 + j), j / (1.0 + j) ** 2))  # fmt: skip
    m = alpha * np.exp(0.7)
    score = first + np.log1p(m) / alpha - (y + 1.0 / alpha) * m / (1.0 + m)
    np.testing.assert_allclose(found.score[1], score, rtol=1e-11, atol=1e-13)
    bend = (np.log1p(m) - m * (1.0 + 2.0 * m) / (1.0 + m) ** 2) / alpha
    information = y * m / (1.0 + m) ** 2 - second + bend
    np.testing.assert_allclose(found.information[1, 1], information, rtol=1e-11, atol=1e-13)


def test_many_rows_and_few_rows_say_the_same():
    # many counts share a table, few do not
    family = family_of()
    eta = np.linspace(-1.0, 2.0, 100)[None]
    y = np.arange(100.0) % 7.0
    weight = np.ones(100)
    for alpha in (1e-5, 0.3):
        aux = np.log([alpha])
        together = family.rows(y, eta, aux, weight, Level.OBSERVED)
        for i in (0, 3, 6):
            alone = family.rows(y[[i]], eta[:, [i]], aux, weight[[i]], Level.OBSERVED)
            np.testing.assert_allclose(alone.value, together.value[i], rtol=1e-14)
            np.testing.assert_allclose(
                alone.information[..., 0], together.information[..., i], rtol=1e-12, atol=1e-16
            )


@every_link
def test_levels_say_the_same_and_no_more(link):
    value, score, fisher, observed = (
        terms_at(family_of(link), 0.6, level) for level in Level
    )  # fmt: skip
    assert value.score is None
    assert score.information is None
    assert fisher.information.shape == observed.information.shape == (2, 2, MU.size)
    for terms in (score, fisher, observed):
        np.testing.assert_array_equal(terms.value, value.value)
    for terms in (fisher, observed):
        np.testing.assert_array_equal(terms.score, score.score)


@pytest.mark.parametrize("alpha", [1e-12, 1e-10, 1e-8])
def test_as_alpha_vanishes_the_law_is_poisson(alpha):
    family = family_of()
    found = terms_at(family, alpha, Level.OBSERVED)
    fisher = terms_at(family, alpha, Level.FISHER)
    poisson = adapt(sm.families.Poisson())
    expected = poisson.rows(COUNTS, np.log(MU)[None], np.empty(0), WEIGHT, Level.OBSERVED)
    near = 2000.0 * alpha
    np.testing.assert_allclose(found.value, expected.value, rtol=near + 1e-13)
    np.testing.assert_allclose(found.score[0], expected.score[0], rtol=near + 1e-13)
    np.testing.assert_allclose(
        fisher.information[0, 0], expected.information[0, 0], rtol=near + 1e-13
    )
    # the first terms of the series in alpha
    slope = WEIGHT * alpha * ((COUNTS - MU) ** 2 - COUNTS) / 2.0
    np.testing.assert_allclose(found.score[1], slope, rtol=near + 1e-9)
    np.testing.assert_allclose(found.information[1, 1], -slope, rtol=near + 1e-9)
    np.testing.assert_allclose(
        fisher.information[1, 1], WEIGHT * (alpha * MU) ** 2 / 2.0, rtol=near + 1e-12
    )


def sums(family, alpha, mu, y):
    """Expected score, information and squared score, by a sum over responses."""
    weight = np.ones(y.size)
    eta = np.full((1, y.size), np.log(mu))
    observed = family.rows(y, eta, np.log([alpha]), weight, Level.OBSERVED)
    chance = np.exp(observed.value)
    assert chance.sum() == pytest.approx(1.0, abs=1e-9)
    square = (observed.score * chance) @ observed.score.T
    return observed.score @ chance, observed.information @ chance, square


@pytest.mark.parametrize(
    ("alpha", "mu"),
    [(1e-5, 3.0), (9.9e-4, 0.2), (9.9e-4, 60.0), (1.01e-3, 0.2), (1.01e-3, 60.0), (0.05, 1e-3),
     (0.05, 7.0), (0.6, 0.02), (0.6, 2.5), (0.6, 300.0), (5.0, 0.1), (5.0, 12.0), (1e4, 2e-3)],
)  # fmt: skip
def test_expected_information_is_a_sum_over_counts(alpha, mu):
    family = family_of()
    score, information, square = sums(family, alpha, mu, np.arange(20000.0))
    fisher = terms_at(family, alpha, Level.FISHER, np.array([3.0]), np.array([mu]), np.ones(1))
    found = fisher.information[..., 0]
    np.testing.assert_allclose(score, 0.0, atol=1e-9)
    np.testing.assert_allclose(found, square, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found, information, rtol=1e-7, atol=1e-12)
    assert found[0, 1] == 0.0


@pytest.mark.parametrize("alpha", [1e-3, 0.03, 0.6, 20.0, 1e4])
def test_expected_information_of_large_and_small_means(alpha):
    # its limits: r**2 psi'(r) - r for large means, (alpha mu)**2 / (2 (1 + alpha)) for small ones
    family, r = family_of(), 1.0 / alpha
    eta = np.array([[-60.0, -40.0, 700.0]])
    found = family.rows(np.zeros(3), eta, np.log([alpha]), np.ones(3), Level.FISHER)
    small = (alpha * np.exp(eta[0, :2])) ** 2 / (2.0 * (1.0 + alpha))
    np.testing.assert_allclose(found.information[1, 1, :2], small, rtol=1e-8)
    if alpha < 10.0:
        large = r * r * special.polygamma(1, r) - r
        assert found.information[1, 1, 2] == pytest.approx(large, rel=1e-9)


def test_expected_information_does_not_jump_between_its_formulas():
    # where the series ends, and where the interpolated pieces meet
    family, eta = family_of(), np.linspace(-3.0, 12.0, 60)[None]
    zero, one = np.zeros(60), np.ones(60)
    below, above = (
        family.rows(zero, eta, np.log([1e-3]) + move, one, Level.FISHER).information[1, 1]
        for move in (-1e-12, 1e-12)
    )
    np.testing.assert_allclose(below, above, rtol=1e-9)
    meet = 2.0 * np.arange(-3.0, 4.0) - np.log(0.5)
    below, above = (
        family.rows(zero[:7], (meet + move)[None], np.log([0.5]), one[:7], Level.FISHER)
        for move in (-1e-12, 1e-12)
    )
    np.testing.assert_allclose(below.information[1, 1], above.information[1, 1], rtol=1e-10)


@every_link
@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("alpha", [1e-90, 1e-10, 1e-3, 1.0, 1e4, 1e90])
def test_far_out_nothing_is_nan_and_nothing_warns(link, level, alpha):
    family = family_of(link)
    eta = np.array([-800.0, -745.5, -40.0, 0.0, 40.0, 745.5, 800.0, -1e4, 1e4])
    for response in COUNTS:
        y = np.full(eta.shape, response)
        terms = family.rows(y, eta[None], np.log([alpha]), np.ones(eta.shape), level)
        assert not np.isnan(terms.value).any()
        assert not np.isposinf(terms.value).any()
        refused = np.isneginf(terms.value)
        for part in (terms.score, terms.information):
            assert part is None or np.isfinite(part).all()
            assert part is None or not part[..., refused].any()


@pytest.mark.parametrize("log_alpha", [-800.0, -231.0, 231.0, 800.0])
def test_far_alphas_are_refused(log_alpha):
    family = family_of()
    terms = family.rows(COUNTS, np.log(MU)[None], np.array([log_alpha]), WEIGHT, Level.OBSERVED)
    assert np.isneginf(terms.value).all()
    assert not terms.score.any()
    assert not terms.information.any()


def test_impossible_means_have_no_likelihood():
    family = family_of(links.Identity())
    eta = np.array([[-0.1, 0.0, 0.5]])
    for level in Level:
        terms = family.rows(np.full(3, 2.0), eta, np.zeros(1), np.ones(3), level)
        assert np.isneginf(terms.value).tolist() == [True, True, False]
        for part in (terms.score, terms.information):
            assert part is None or not part[..., :2].any()


def test_constants_may_be_computed_beforehand():
    family, eta, aux = family_of(), np.log(MU)[None], np.log([0.6])
    constant = family.constant(COUNTS, WEIGHT)
    np.testing.assert_allclose(constant, -WEIGHT * special.gammaln(COUNTS + 1.0))
    given = family.rows(COUNTS, eta, aux, WEIGHT, Level.VALUE, constant)
    found = family.rows(COUNTS, eta, aux, WEIGHT, Level.VALUE)
    np.testing.assert_array_equal(given.value, found.value)


def test_alpha_is_reported():
    family = family_of()
    aux = np.log([0.6])
    value, jacobian = family.reported(aux)
    assert family.aux_labels == ("alpha",)
    np.testing.assert_allclose(value, [0.6])
    np.testing.assert_allclose(jacobian, [[0.6]])
    np.testing.assert_allclose(family.unreported(value), aux)
    np.testing.assert_allclose(family.reported_bend(aux, np.array([2.0])), [[1.2]])


@every_link
def test_what_a_known_alpha_gives(link):
    family, aux = family_of(link), np.log([0.6])
    known = family.given(aux)
    eta = family.link.link(MU)[None]
    assert known.aux_names == ()
    for which in family.statistics:
        np.testing.assert_array_equal(
            family.statistic(which, eta, aux), known.statistic(which, eta, np.empty(0))
        )
        point = np.vstack([eta, np.full_like(eta, aux[0])])
        expected = slopes(
            lambda x, which=which: np.concatenate(
                [family.statistic(which, x[:1, [i]], x[1:, i]) for i in range(x.shape[1])]
            ),
            point,
        )
        found = family.statistic_slopes(which, eta, aux)
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)
    deviance = sm.families.NegativeBinomial(alpha=0.6).resid_dev(COUNTS, MU) ** 2
    np.testing.assert_allclose(
        family.deviance_rows(COUNTS, eta, aux, WEIGHT), WEIGHT * deviance, rtol=1e-9
    )
    law = family.distribution(eta, aux, WEIGHT)
    np.testing.assert_allclose(law.mean(), MU)
    np.testing.assert_allclose(law.var(), MU + 0.6 * MU**2)


def test_start():
    rng = np.random.default_rng(3)
    family = family_of()
    y = rng.negative_binomial(1.0 / 0.7, 1.0 / (1.0 + 0.7 * 4.0), 20000).astype(float)
    weight = rng.uniform(0.5, 2.0, y.size)
    level, aux = family.start_level(y, weight), family.start_aux(y, weight)
    assert level[0] == pytest.approx(np.log(4.0), abs=0.03)
    assert np.exp(aux[0]) == pytest.approx(0.7, abs=0.07)
    eta = family.start_eta(y, weight, level)
    terms = family.rows(y, eta, aux, weight, Level.FISHER)
    assert np.isfinite(terms.value).all()
    assert (terms.information[0, 0] > 0.0).all()
    assert (terms.information[1, 1] > 0.0).all()
    # no more than Poisson variance
    assert np.exp(family.start_aux(np.array([2.0, 2.0, 3.0]), np.ones(3))[0]) == pytest.approx(0.01)
    assert np.isfinite(family.start_aux(np.zeros(3), np.ones(3))).all()


def test_maximum_is_that_of_statsmodels():
    rng = np.random.default_rng(8)
    y = rng.negative_binomial(2.0, 0.3, 300).astype(float)
    x = rng.normal(size=300)
    theirs = sm.NegativeBinomial(y, sm.add_constant(x)).fit(disp=0, gtol=1e-9)
    family = family_of()
    eta = (theirs.params[0] + theirs.params[1] * x)[None]
    aux = np.log(theirs.params[2:])
    terms = family.rows(y, eta, aux, np.ones(300), Level.OBSERVED)
    assert terms.value.sum() == pytest.approx(theirs.llf, rel=1e-12)
    gradient = [terms.score[0].sum(), terms.score[0] @ x, terms.score[1].sum()]
    np.testing.assert_allclose(gradient, 0.0, atol=1e-3)
    design = np.stack([np.ones(300), x])
    information = np.zeros((3, 3))
    information[:2, :2] = (design * terms.information[0, 0]) @ design.T
    information[:2, 2] = information[2, :2] = design @ terms.information[0, 1]
    information[2, 2] = terms.information[1, 1].sum()
    to_log = np.diag([1.0, 1.0, 1.0 / theirs.params[2]])
    error = np.sqrt(np.diag(np.linalg.inv(to_log @ information @ to_log)))
    np.testing.assert_allclose(error, theirs.bse, rtol=1e-4)


def test_description():
    described = NegativeBinomial()
    assert described.estimated
    assert isinstance(described.link, links.Log)
    known = NegativeBinomial(alpha=0.5)
    assert not known.estimated
    assert known.alpha == 0.5
    mu = np.array([0.4, 3.0])
    np.testing.assert_array_equal(
        known.loglike_obs(np.array([1.0, 2.0]), mu),
        sm.families.NegativeBinomial(alpha=0.5).loglike_obs(np.array([1.0, 2.0]), mu),
    )
    family = pickle.loads(pickle.dumps(family_of()))
    assert family.plain is Level.FISHER
    assert family.reading == "number"
    assert family.scale == 1.0
    expected = terms_at(family_of(), 0.6, Level.FISHER)
    np.testing.assert_array_equal(
        terms_at(family, 0.6, Level.FISHER).information, expected.information
    )


def test_negative_responses_are_refused():
    family = family_of()
    family.check_response(np.array([0.0, 2.5]), "claims")
    with pytest.raises(DataError, match="'claims' has the value -1.0 in row 1"):
        family.check_response(np.array([0.0, -1.0]), "claims")
