"""Tweedie with an estimated power: the exact density, its derivatives and what it reports.

The density is held against numbers of many digits and against statsmodels where that is exact, its
derivatives against differences, and the claims about expectations against an integral.
"""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import special

import deepglm as dg
from deepglm.errors import DataError, NotAvailableError, SpecificationError
from deepglm.families import Level, adapt, links
from deepglm.families.compound_poisson import CompoundPoisson
from deepglm.families.tweedie import Tweedie, TweedieFamily
from deepglm.links import get

MU = np.array([0.1, 1.0, 5.0, 40.0, 2.0])
AMOUNTS = np.array([0.3, 0.0, 4.0, 90.0, 0.02])
WEIGHT = np.array([1.0, 2.0, 0.5, 1.0, 0.7])
LINKS = (links.Log(), links.Identity(), links.Sqrt(), links.Power(0.7), links.InversePower())
every_link = pytest.mark.parametrize("link", LINKS, ids=lambda link: type(link).__name__)


def family_of(link=None):
    described = Tweedie(link, check_link=False)
    return TweedieFamily(link=get(described.link, "link"), statsmodels=described)


def terms_at(family, aux, level, y=AMOUNTS, mu=MU, weight=WEIGHT):
    return family.rows(y, family.link.link(mu)[None], np.array(aux), weight, level)


def power(a):
    return 1.0 + special.expit(a)


def slopes(function, point, step=1e-3):
    """Central differences of the sixth order in every channel."""
    result = []
    for channel in range(len(point)):
        move = np.zeros_like(point)
        size = np.maximum(0.05, np.abs(point[channel])) if channel == 0 else 1.0
        move[channel] = step * size
        near, middle, far = (function(point + k * move) - function(point - k * move)
                             for k in (1, 2, 3))  # fmt: skip
        result.append((45.0 * near - 9.0 * middle + far) / (60.0 * move[channel]))
    return np.array(result)


def by_rows(family, y, weight, level):
    """A function of (3, m) channels, so that a parameter may be moved for a single row."""

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
@pytest.mark.parametrize("aux", [(-4.0, 0.0), (0.0, -3.0), (0.0, 0.8), (3.0, 3.0), (1.0, -0.5)])
def test_log_likelihood_is_that_of_statsmodels(link, aux):
    value = terms_at(family_of(link), aux, Level.VALUE).value
    theirs = sm.families.Tweedie(var_power=power(aux[1]))
    expected = theirs.loglike_obs(AMOUNTS, MU, WEIGHT, scale=np.full(5, np.exp(aux[0])))
    np.testing.assert_allclose(value, expected, rtol=1e-11)


# y, mu, log phi, logit, log-likelihood: the sum over all terms in 40 digits (mpmath 1.3)
DENSITY = [
    (90, 40, -4, -3, -1040.514786085899),
    (0.3, 0.1, -12, -3, -23081.188558608869),
    (4, 5, -4.7, -3, -10.276315637221622),
    (2, 1.5, 0.3, -5, -11.939930388683292),
    (2, 1.5, -2, -6, -0.69617374045914459),
    (3, 2, -9, 0, -1154.886599330953),
    (3, 2, -7, 5, -102.75711099889157),
    (0.5, 0.7, -11, 1.5, -2783.4927227172412),
    (1e-08, 0.3, 0.5, 0.4, 5.2640687967431569),
    (1000000.0, 200000.0, 2.0, 0.3, -84.511828658157671),
    (5, 3, -3.2, 0.1, -7.5196708572840553),
    (5, 3, -2.6, 0.1, -4.6755615297492976),
    (5, 3, -3.9, 1.2, -10.706744624697551),
    (2.5, 2, 1, 8, -2.5447149932889179),
]


@pytest.mark.parametrize("row", DENSITY, ids=str)
def test_density_of_few_and_of_very_many_amounts(row):
    y, mu, log_scale, a, expected = row
    one = np.ones(1)
    value = terms_at(family_of(), (log_scale, a), Level.VALUE, y * one, mu * one, one).value[0]
    # what it loses is what the deviance loses as a difference
    assert value == pytest.approx(expected, rel=1e-12, abs=1e-10)


AUX = [(0.5, 0.0), (-3.0, 1.0), (-6.0, -0.7), (2.0, -2.5), (0.0, 4.0), (-1.0, -4.0)]


@every_link
@pytest.mark.parametrize("aux", AUX, ids=str)
def test_score_and_information_are_slopes(link, aux):
    family = family_of(link)
    mu, y = MU[1:], np.array([0.0, 4.0, 45.0, 1.1])
    weight = WEIGHT[1:]
    point = np.vstack([family.link.link(mu), *np.repeat(np.array(aux)[:, None], 4, axis=1)])
    found = terms_at(family, aux, Level.OBSERVED, y, mu, weight)
    score = slopes(by_rows(family, y, weight, Level.VALUE), point)
    size = np.abs(found.value).max()  # of which the differences keep twelve digits
    np.testing.assert_allclose(found.score, score, rtol=1e-7, atol=1e-9 + 1e-11 * size)
    information = -slopes(by_rows(family, y, weight, Level.SCORE), point)
    allowed = 1e-8 + 1e-10 * np.abs(score).max()
    np.testing.assert_allclose(found.information, information, rtol=1e-7, atol=allowed)


def test_sums_over_all_terms_and_over_some_agree():
    # on both sides of where terms begin to be left out the derivatives are as smooth as before
    family, one = family_of(), np.ones(1)
    for a in (-2.0, 0.0, 2.0):
        f, tau = special.expit(-a), np.exp(-a)
        threshold = max(60.0, 4.0 * (1.0 + tau))
        start = np.log(2.0**f / (f * threshold))
        terms = [
            family.rows(
                2.0 * one, 0.5 * one[None], np.array([start + move, a]), one, Level.OBSERVED
            )
            for move in (-2e-9, 2e-9)
        ]
        np.testing.assert_allclose(terms[0].value, terms[1].value, atol=1e-6, rtol=0.0)
        np.testing.assert_allclose(terms[0].score, terms[1].score, rtol=1e-7, atol=1e-6)
        np.testing.assert_allclose(terms[0].information, terms[1].information, rtol=1e-6, atol=1e-5)
        middle = family.rows(
            2.0 * one, 0.5 * one[None], np.array([start, a]), one, Level.SCORE
        ).score[1]  # fmt: skip
        slope = (terms[1].value - terms[0].value) / 4e-9
        np.testing.assert_allclose(middle, slope, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("mu", "log_scale", "a"), [(1.7, -0.3, 0.0), (0.6, 0.5, 1.0), (3.0, -1.5, -0.8)]
)
def test_expectations_over_the_response(mu, log_scale, a):
    family, aux = family_of(), np.array([log_scale, a])
    z, step = np.linspace(-60.0, 6.0, 20001, retstep=True)
    y = np.concatenate([[0.0], np.exp(z)])
    measure = np.concatenate([[1.0], np.exp(z) * step])
    eta, weight = np.full((1, y.size), np.log(mu)), np.full(y.size, 1.3)
    observed = family.rows(y, eta, aux, weight, Level.OBSERVED)
    fisher = family.rows(y, eta, aux, weight, Level.FISHER)
    chance = np.exp(observed.value) * measure
    p = power(a)
    assert chance.sum() == pytest.approx(1.0, abs=1e-7)
    assert chance @ y == pytest.approx(mu, rel=1e-7)
    assert chance @ (y - mu) ** 2 == pytest.approx(np.exp(log_scale) * mu**p / 1.3, rel=1e-6)
    np.testing.assert_allclose(observed.score @ chance, 0.0, atol=1e-6)
    square = (observed.score * chance) @ observed.score.T
    np.testing.assert_allclose(observed.information @ chance, square, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(fisher.information @ chance, square, rtol=1e-5, atol=1e-6)
    # the mean's is the same for every response, and has nothing to do with the other parameters
    np.testing.assert_array_equal(fisher.information[0, 1:], 0.0)
    np.testing.assert_allclose(fisher.information[0, 0], square[0, 0], rtol=1e-5)
    assert np.linalg.eigvalsh(np.moveaxis(fisher.information[:, :, ::500], -1, 0)).min() > -1e-9


@every_link
def test_levels_say_the_same_and_no_more(link):
    value, score, fisher, observed = (
        terms_at(family_of(link), (0.4, 0.3), level) for level in Level
    )  # fmt: skip
    assert value.score is None
    assert score.information is None
    assert score.score.shape == (3, 5)
    assert fisher.information.shape == observed.information.shape == (3, 3, 5)
    for terms in (score, fisher, observed):
        np.testing.assert_array_equal(terms.value, value.value)
    for terms in (fisher, observed):
        np.testing.assert_array_equal(terms.score, score.score)


def test_rows_do_not_depend_on_their_neighbours():
    rng = np.random.default_rng(4)
    family, aux = family_of(), np.array([-1.0, 0.2])
    y = np.where(rng.random(3000) < 0.3, 0.0, rng.lognormal(0.0, 3.0, 3000))
    eta, weight = rng.normal(0.0, 1.0, (1, 3000)), rng.uniform(0.2, 3.0, 3000)
    together = family.rows(y, eta, aux, weight, Level.OBSERVED)
    for i in (0, 1, 2, int(y.argmax()), int(np.where(y > 0, y, 1).argmin())):
        alone = family.rows(y[[i]], eta[:, [i]], aux, weight[[i]], Level.OBSERVED)
        np.testing.assert_allclose(alone.value, together.value[i], rtol=1e-13)
        np.testing.assert_allclose(
            alone.information[..., 0], together.information[..., i], rtol=1e-9, atol=1e-9
        )
    zeros = family.rows(np.zeros(3), eta[:, :3], aux, weight[:3], Level.OBSERVED)
    assert np.isfinite(zeros.information).all()


def test_the_weight_divides_the_dispersion():
    family = family_of()
    light = terms_at(family, (0.3, 0.2), Level.OBSERVED, weight=np.ones(5))
    heavy = terms_at(family, (0.3 + np.log(2.5), 0.2), Level.OBSERVED, weight=np.full(5, 2.5))
    np.testing.assert_allclose(heavy.value, light.value, rtol=1e-12)
    np.testing.assert_allclose(heavy.score, light.score, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(heavy.information, light.information, rtol=1e-10, atol=1e-11)


@every_link
@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("aux", [(0.0, 0.0), (-8.0, 2.0), (8.0, -2.0), (229.0, 11.9),
                                 (-229.0, -11.9), (-40.0, 0.0), (40.0, 0.0)], ids=str)  # fmt: skip
def test_far_out_nothing_is_nan_and_nothing_warns(link, level, aux):
    family = family_of(link)
    eta = np.array([-800.0, -745.5, -40.0, 0.0, 40.0, 745.5, 800.0, -1e4, 1e4])
    for response in (0.0, 1e-300, 0.02, 4.0, 1e12):
        y = np.full(eta.shape, response)
        terms = family.rows(y, eta[None], np.array(aux), np.ones(eta.shape), level)
        assert not np.isnan(terms.value).any()
        assert not np.isposinf(terms.value).any()
        refused = np.isneginf(terms.value)
        for part in (terms.score, terms.information):
            assert part is None or np.isfinite(part).all()
            assert part is None or not part[..., refused].any()


@pytest.mark.parametrize("aux", [(-800.0, 0.0), (231.0, 0.0), (0.0, 12.5), (0.0, -800.0)])
def test_far_parameters_are_refused(aux):
    terms = terms_at(family_of(), aux, Level.OBSERVED)
    assert np.isneginf(terms.value).all()
    assert not terms.score.any()
    assert not terms.information.any()


def test_impossible_means_have_no_likelihood():
    family = family_of(links.Identity())
    eta = np.array([[-0.1, 0.0, 0.5]])
    for level in Level:
        terms = family.rows(np.full(3, 2.0), eta, np.zeros(2), np.ones(3), level)
        assert np.isneginf(terms.value).tolist() == [True, True, False]
        for part in (terms.score, terms.information):
            assert part is None or not part[..., :2].any()


def test_constants_may_be_computed_beforehand():
    family, eta, aux = family_of(), np.log(MU)[None], np.array([0.4, 0.3])
    constant = family.constant(AMOUNTS, WEIGHT)
    given = family.rows(AMOUNTS, eta, aux, WEIGHT, Level.VALUE, constant)
    found = family.rows(AMOUNTS, eta, aux, WEIGHT, Level.VALUE)
    np.testing.assert_array_equal(given.value, found.value)
    with pytest.raises(DataError, match="row 1 has weight 0.0"):
        family.constant(AMOUNTS, np.array([1.0, 0.0, 1.0, 1.0, 1.0]))


def test_the_power_is_reported():
    family, aux = family_of(), np.array([0.4, 0.7])
    value, jacobian = family.reported(aux)
    assert family.aux_labels == family.aux_names == ("log_scale", "power")
    np.testing.assert_allclose(value, [0.4, power(0.7)])
    move = 1e-5
    ends = [family.reported(aux + [0.0, sign * move]) for sign in (1.0, -1.0)]
    slope = (ends[0][0] - ends[1][0]) / (2.0 * move)
    np.testing.assert_allclose(jacobian, np.diag([1.0, slope[1]]), rtol=1e-8)
    bend = 3.0 * (ends[0][1] - ends[1][1])[1, 1] / (2.0 * move)
    np.testing.assert_allclose(
        family.reported_bend(aux, np.array([2.0, 3.0])), np.diag([0.0, bend]), rtol=1e-8
    )
    np.testing.assert_allclose(family.unreported(value), aux)


@every_link
def test_what_a_known_power_gives(link):
    family, aux = family_of(link), np.array([0.4, 0.7])
    known = family.given(aux)
    eta = family.link.link(MU)[None]
    assert known.aux_names == ("log_scale",)
    assert known.statsmodels.var_power == power(0.7)
    for which in family.statistics:
        found = family.statistic(which, eta, aux)
        expected = {"mean": MU, "linear": eta[0], "var_unscaled": MU ** power(0.7)}[which]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        point = np.vstack([eta, np.full_like(eta, aux[0]), np.full_like(eta, aux[1])])
        expected = slopes(
            lambda x, which=which: np.concatenate(
                [family.statistic(which, x[:1, [i]], x[1:, i]) for i in range(x.shape[1])]
            ),
            point,
        )
        found = family.statistic_slopes(which, eta, aux)
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)
    deviance = sm.families.Tweedie(var_power=power(0.7)).resid_dev(AMOUNTS, MU) ** 2
    np.testing.assert_allclose(
        family.deviance_rows(AMOUNTS, eta, aux, WEIGHT), WEIGHT * deviance, rtol=1e-9
    )


def test_start():
    family = family_of()
    y = CompoundPoisson(np.full(20000, 3.0), 0.8, 1.5).rvs(random_state=5)
    weight = np.ones(y.size)
    level, aux = family.start_level(y, weight), family.start_aux(y, weight)
    assert level[0] == pytest.approx(np.log(3.0), abs=0.03)
    np.testing.assert_allclose(aux, [np.log(0.8), 0.0], atol=0.1)
    eta = family.start_eta(y, weight, level)
    terms = family.rows(y, eta, aux, weight, Level.FISHER)
    assert np.isfinite(terms.value).all()
    assert np.linalg.eigvalsh(terms.information.sum(axis=2)).min() > 0.0


def test_maximum_is_where_the_truth_is():
    # damped scoring from the start, then Newton steps; errors by the observed information
    family, truth = family_of(), np.array([np.log(2.0), np.log(0.7), special.logit(0.62)])
    y = CompoundPoisson(np.full(4000, 2.0), 0.7, 1.62).rvs(random_state=6)
    one = np.ones(y.size)
    point = np.concatenate([family.start_level(y, one), family.start_aux(y, one)])
    for turn in range(12):
        level = Level.FISHER if turn < 3 else Level.OBSERVED
        terms = family.rows(y, point[0] * one[None], point[1:], one, level)
        point = point + np.linalg.solve(terms.information.sum(axis=2), terms.score.sum(axis=1))
    np.testing.assert_allclose(terms.score.sum(axis=1), 0.0, atol=1e-5)
    error = np.sqrt(np.diag(np.linalg.inv(terms.information.sum(axis=2))))
    assert (np.abs(point - truth) < 4.0 * error).all()
    assert (error < 0.2).all()


def test_distribution():
    family, aux = family_of(), np.array([np.log(0.9), 0.4])
    eta = np.log(np.array([[0.4, 2.0, 30.0]]))
    law = family.distribution(eta, aux, np.array([1.0, 2.0, 0.5]))
    p = power(0.4)
    phi = 0.9 / np.array([1.0, 2.0, 0.5])
    np.testing.assert_allclose(law.mean(), [0.4, 2.0, 30.0])
    np.testing.assert_allclose(law.var(), phi * law.mean() ** p)
    np.testing.assert_allclose(law.std() ** 2, law.var())
    drawn = law.rvs(size=(100_000, 3), random_state=np.random.default_rng(2))
    assert (np.abs(drawn.mean(axis=0) - law.mean()) < 5.0 * law.std() / np.sqrt(1e5)).all()
    np.testing.assert_allclose(drawn.var(axis=0), law.var(), rtol=0.1)
    # the distribution function is the integral of the density
    zero = family.rows(np.zeros(3), eta, aux, np.array([1.0, 2.0, 0.5]), Level.VALUE).value
    np.testing.assert_allclose(law.cdf(0.0), np.exp(zero), rtol=1e-12)
    np.testing.assert_array_equal(law.cdf(-1.0), 0.0)
    z, step = np.linspace(-80.0, np.log(2.5), 20001, retstep=True)
    weight = np.full(z.size, 2.0)
    value = family.rows(np.exp(z), np.full((1, z.size), eta[0, 1]), aux, weight, Level.VALUE).value
    inside = np.exp(value + z) * step
    total = np.exp(zero[1]) + inside.sum() - 0.5 * inside[-1]
    assert law.cdf(2.5)[1] == pytest.approx(total, abs=1e-6)
    for q in (0.2, 0.9):
        below = (drawn <= np.quantile(drawn, q, axis=0)).mean(axis=0)
        np.testing.assert_allclose(law.cdf(np.quantile(drawn, q, axis=0)), below, atol=0.01)
    assert law.rvs(random_state=1).shape == (3,)


def test_description():
    described = Tweedie()
    assert described.estimated
    known = Tweedie(var_power=1.3)
    assert not known.estimated
    assert known.var_power == 1.3
    assert adapt(known).aux_names == ("log_scale",)
    with pytest.raises(SpecificationError, match="eql=True needs a var_power"):
        Tweedie(eql=True)
    family = pickle.loads(pickle.dumps(family_of()))
    assert family.scale is None
    assert family.k_channels == 3
    np.testing.assert_array_equal(
        terms_at(family, (0.4, 0.3), Level.FISHER).information,
        terms_at(family_of(), (0.4, 0.3), Level.FISHER).information,
    )


def test_negative_responses_are_refused():
    family = family_of()
    family.check_response(AMOUNTS, "cost")
    with pytest.raises(DataError, match="'cost' has the value -1.0 in row 1"):
        family.check_response(np.array([0.0, -1.0]), "cost")


def test_a_model_predicts_means_without_the_power() -> None:
    """Which is not among the parameters, as no dispersion is."""
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"x": rng.normal(size=80)})
    data["y"] = rng.poisson(1.5, 80) * rng.gamma(2.0, np.exp(0.3 * data.x))
    fit = dg.DeepGLM("y ~ x", data, family=dg.Tweedie(), hidden=()).fit()
    for which in ("mean", "linear"):
        found = fit.model.predict(fit.params, data, which=which)
        np.testing.assert_allclose(found, fit.predict(data, which=which), rtol=1e-12)
    with pytest.raises(NotAvailableError, match="power"):
        fit.model.predict(fit.params, data, which="var_unscaled")
