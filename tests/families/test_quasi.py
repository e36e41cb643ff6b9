"""Quasi families: names, users' functions, Wedderburn's variance, and statsmodels' use of them."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import integrate

from deepglm.errors import SpecificationError
from deepglm.families import Level, Quasi, adapt
from deepglm.links import get

RNG = np.random.default_rng(8)
X = np.column_stack([np.ones(60), RNG.normal(size=60)])
COUNTS = RNG.poisson(np.exp(0.4 + 0.5 * X[:, 1])).astype(float)


class Cubic:
    def __call__(self, mu):
        return mu**2 + mu**3

    def deriv(self, mu):
        return 2 * mu + 3 * mu**2


def test_statsmodels_fits_it_as_quasi_poisson():
    quasi = sm.GLM(COUNTS, X, family=Quasi("log", "mu")).fit(scale="X2")
    poisson = sm.GLM(COUNTS, X, family=sm.families.Poisson()).fit(scale="X2")
    np.testing.assert_allclose(quasi.params, poisson.params, rtol=1e-8)
    np.testing.assert_allclose(quasi.bse, poisson.bse, rtol=1e-6)
    assert quasi.deviance == pytest.approx(poisson.deviance, rel=1e-8)


def test_statsmodels_can_use_a_link_of_ours():
    fit = sm.GLM(COUNTS, X, family=Quasi("softplus", "mu")).fit()
    mu = get("softplus").inverse(X @ fit.params)
    score = X.T @ ((COUNTS - mu) / mu * get("softplus").deriv1(X @ fit.params))
    np.testing.assert_allclose(score, 0.0, atol=1e-6)


def test_names_and_functions_of_statsmodels():
    assert adapt(Quasi("log", sm.families.varfuncs.mu_squared)).variance_function.power == 2.0
    assert adapt(Quasi("log", sm.families.varfuncs.binary)).mean_range == (0.0, 1.0)
    assert adapt(Quasi("log", sm.families.varfuncs.constant)).variance_function.name == "constant"
    assert adapt(Quasi("log", sm.families.varfuncs.nbinom)).variance_function.alpha == 1.0
    assert adapt(Quasi(sm.families.links.Sqrt(), "mu")).link is get("square")


def test_unknown_variances_list_the_known_ones():
    with pytest.raises(SpecificationError, match=r"'mu\^4'\. Accepted: constant, mu, mu\^2"):
        Quasi("log", "mu^4")
    with pytest.raises(SpecificationError, match="has no method deriv"):
        Quasi("log", lambda mu: mu)


def test_the_scale_that_maximises_is_the_mean_deviance():
    family = adapt(Quasi("log", "mu"))
    eta, weight = (X @ np.array([0.3, 0.4]))[np.newaxis], RNG.uniform(0.5, 2.0, 60)
    d = family.unit_deviance(COUNTS, family.mean(eta), weight)
    log_scale = np.array([np.log(d.mean())])
    terms = family.rows(COUNTS, eta, log_scale, weight, Level.SCORE)
    assert terms.score[1].sum() == pytest.approx(0.0, abs=1e-10)


def test_users_variance():
    family = adapt(Quasi("log", Cubic()))
    y, mu = np.array([0.3, 2.0, 5.0]), np.array([1.0, 0.4, 5.0])
    for i, d in enumerate(family.unit_deviance(y, mu, np.ones(3))):
        expected, _ = integrate.quad(
            lambda t, i=i: 2 * (y[i] - t) / (t**2 + t**3), mu[i], y[i], epsabs=1e-13
        )
        assert d == pytest.approx(expected, rel=1e-9, abs=1e-14)


def test_quadrature_copes_with_a_variance_that_vanishes_at_the_response():
    class Slow:
        def __call__(self, mu):
            return np.abs(mu) ** 1.5

        def deriv(self, mu):
            return 1.5 * np.abs(mu) ** 0.5

    d = adapt(Quasi("log", Slow())).unit_deviance(np.zeros(1), np.array([2.0]), np.ones(1))
    expected = adapt(sm.families.Tweedie(var_power=1.5)).unit_deviance(
        np.zeros(1), np.array([2.0]), np.ones(1)
    )
    assert d[0] == pytest.approx(expected[0], rel=1e-9)


def test_a_variance_that_is_not_positive_has_no_likelihood():
    family = adapt(Quasi("identity", Cubic()))
    for level in Level:
        terms = family.rows(
            np.ones(3), np.array([[-2.0, 0.0, 1.0]]), np.zeros(1), np.ones(3), level
        )
        np.testing.assert_array_equal(np.isneginf(terms.value), [True, True, False])


def test_wedderburns_deviance():
    family = adapt(Quasi("logit", "mu^2(1-mu)^2"))
    y, mu = np.array([0.3, 0.3, 0.8]), np.array([0.3, 0.6, 0.5])
    for i, d in enumerate(family.unit_deviance(y, mu, np.ones(3))):
        expected, _ = integrate.quad(
            lambda t, i=i: 2 * (y[i] - t) / (t * (1 - t)) ** 2, mu[i], y[i]
        )
        # the shift by 0.0005 moves it a little
        assert d == pytest.approx(expected, abs=5e-3)
    ends = family.unit_deviance(np.array([0.0, 1.0]), np.array([0.2, 0.8]), np.ones(2))
    assert np.isfinite(ends).all()
    assert ends[0] == pytest.approx(ends[1], rel=1e-12)
