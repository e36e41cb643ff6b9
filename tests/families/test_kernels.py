"""The fused kernels against the general one, and the terms of the gamma law in its shape."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, special

from deepglm import families as f
from deepglm.families import Level, adapt, links
from deepglm.families.fused import PowerLog
from deepglm.families.kernels import MeanKernel, TailKernel
from deepglm.families.laws import GammaLaw
from deepglm.families.variance import PowerVariance

LOG = links.Log()
PAIRS = {
    "Gaussian": f.Gaussian(),
    "Poisson": f.Poisson(),
    "Gamma": f.Gamma(LOG),
    "InverseGaussian": f.InverseGaussian(LOG),
    "NegativeBinomial": f.NegativeBinomial(LOG, alpha=0.7),
    "Tweedie 1.3": f.Tweedie(LOG, var_power=1.3),
    "Tweedie 2.6": f.Tweedie(LOG, var_power=2.6),
    "Tweedie 1": f.Tweedie(LOG, var_power=1.0),
    "Quasi proportion": f.Quasi("logit", "mu(1-mu)"),
    "Binomial": f.Binomial(),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("level", Level)
def test_fused_and_general_kernels_agree(name, level):
    family = adapt(PAIRS[name])
    rng = np.random.default_rng(3)
    eta = rng.normal(size=200)
    y = rng.gamma(2.0, size=200)
    if "inomial" in name and name != "NegativeBinomial" or "proportion" in name:
        y = rng.uniform(size=200)
    general = MeanKernel(family.link, family.variance_function, family.law, False)
    aux = np.full(len(family.aux_names), 0.3)
    fused = family.rows(y, eta[np.newaxis], aux, np.ones(200), level)
    other = replace(family, kernel=general).rows(y, eta[np.newaxis], aux, np.ones(200), level)
    np.testing.assert_allclose(fused.value, other.value, rtol=1e-9, atol=1e-11)
    for left, right in ((fused.score, other.score), (fused.information, other.information)):
        assert (left is None) == (right is None)
        if left is not None:
            np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("level", Level)
def test_logit_by_tails_agrees_with_the_fused_kernel(level):
    eta = np.linspace(-700.0, 700.0, 301)
    y = np.resize([0.0, 1.0, 0.3], eta.shape)
    family = adapt(f.Binomial())
    tails = replace(family, kernel=TailKernel(family.link))
    one, aux = np.ones(eta.shape), np.empty(0)
    fused = family.rows(y, eta[np.newaxis], aux, one, level)
    other = tails.rows(y, eta[np.newaxis], aux, one, level)
    np.testing.assert_allclose(fused.value, other.value, rtol=1e-13, atol=1e-300)
    if level is not Level.VALUE:
        np.testing.assert_allclose(fused.score, other.score, rtol=1e-9, atol=2e-16)
    if level is Level.FISHER:
        np.testing.assert_allclose(fused.information, other.information, rtol=1e-12, atol=1e-300)


def test_extreme_predictors_of_the_fused_kernels():
    eta = np.array([-800.0, 800.0])
    one = np.ones(2)

    def value(family, y):
        ours = adapt(family, scale=1.0)
        return ours.rows(np.full(2, y), eta[np.newaxis], np.empty(0), one, Level.OBSERVED)

    np.testing.assert_array_equal(value(f.Binomial(), 1.0).value, [-800.0, 0.0])
    np.testing.assert_array_equal(value(f.Binomial(), 0.0).score[0], [0.0, -1.0])
    np.testing.assert_array_equal(value(f.Poisson(), 0.0).value, [0.0, -np.inf])
    np.testing.assert_array_equal(value(f.Poisson(), 2.0).score[0], [2.0, -np.inf])
    np.testing.assert_array_equal(value(f.Gamma(LOG), 2.0).value < -700.0, [True, True])
    counts = value(f.NegativeBinomial(LOG, alpha=1.0), 2.0)
    np.testing.assert_allclose(counts.score[0], [2.0, -1.0])
    assert np.isfinite(counts.value).all()


def test_a_tweedie_row_of_zero_survives_an_overflowing_power():
    terms = PowerLog(1.95)(np.array([0.0, 1.0]), np.array([-800.0, -800.0]), Level.OBSERVED)
    np.testing.assert_array_equal(terms.outside, [False, True])
    assert terms.value[0] == pytest.approx(-np.exp(0.05 * -800.0) / 0.05)


@pytest.mark.parametrize("shape", [0.01, 0.7, 5.0, 39.0, 41.0, 3e3])
def test_terms_of_the_gamma_law(shape):
    law = GammaLaw(PowerVariance(2.0))
    weight = np.full(3, shape)
    value, slope, curvature = law.scale_terms(weight, 0.0, 2)
    assert value == pytest.approx(shape * np.log(shape) - shape - special.gammaln(shape), rel=1e-10)

    def at(log_scale):
        return law.scale_terms(weight, log_scale, 2)

    assert slope == pytest.approx((at(1e-4)[0] - at(-1e-4)[0]) / 2e-4, rel=1e-6)
    assert curvature == pytest.approx((at(1e-4)[1] - at(-1e-4)[1]) / 2e-4, rel=1e-5, abs=1e-9)


def test_terms_of_the_gamma_law_row_by_row():
    law = GammaLaw(PowerVariance(2.0))
    weight = np.array([0.5, 45.0, 2.0, 0.5, 1e12])
    together = law.scale_terms(weight, 0.2, 2)
    for i, one in enumerate(weight):
        alone = law.scale_terms(np.array([one]), 0.2, 2)
        for left, right in zip(together, alone, strict=True):
            assert left[i] == pytest.approx(right, rel=1e-13)
    # digits that a difference of logarithms would have lost
    assert together[1][4] == pytest.approx(-0.5, rel=1e-12)


def test_small_alpha_is_nearly_poisson():
    y, eta, one = np.array([0.0, 1.0, 7.0]), np.array([[0.1, 0.5, 1.5]]), np.ones(3)
    small = adapt(f.NegativeBinomial(LOG, alpha=1e-9))
    counts = small.rows(y, eta, np.empty(0), one, Level.OBSERVED)
    poisson = adapt(f.Poisson()).rows(y, eta, np.empty(0), one, Level.OBSERVED)
    np.testing.assert_allclose(counts.value, poisson.value, atol=3e-6)
    np.testing.assert_allclose(counts.score, poisson.score, atol=1e-6)
    np.testing.assert_allclose(counts.information, poisson.information, atol=1e-6)


@pytest.mark.parametrize(
    ("variance", "y", "mu"),
    [
        ("constant", -1.0, 2.0),
        ("mu", 0.5, 2.0),
        ("mu^2", 0.5, 2.0),
        ("mu^3", 4.0, 2.0),
        ("mu(1-mu)", 0.2, 0.7),
    ],
)
def test_deviance_is_the_integral_of_the_quasi_score(variance, y, mu):
    family = adapt(f.Quasi("identity", variance))

    def integrand(t):
        return 2.0 * (y - t) / family.variance(np.array([t]))[0]

    expected, _ = integrate.quad(integrand, mu, y)
    d = family.unit_deviance(np.array([y]), np.array([mu]), np.array([1.0]))
    assert d[0] == pytest.approx(expected, rel=1e-9)
