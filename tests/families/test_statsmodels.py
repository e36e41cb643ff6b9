"""Deviance and log-likelihood against statsmodels, for every family with every link."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from deepglm.families import adapt, links

MU = np.array([0.3, 0.8, 2.0, 5.5])
COUNTS = np.array([0.0, 2.0, 1.0, 9.0])
AMOUNTS = np.array([0.1, 1.7, 1.9, 8.0])
P = np.array([0.1, 0.4, 0.65, 0.9])
SHARES = np.array([0.0, 0.25, 1.0, 0.75])
WEIGHT = np.array([1.0, 2.5, 0.5, 4.0])

POSITIVE = (
    links.Log(),
    links.Identity(),
    links.Sqrt(),
    links.InversePower(),
    links.InverseSquared(),
    links.Power(0.7),
)
PROBABILITY = (
    links.Logit(),
    links.Probit(),
    links.Cauchy(),
    links.CLogLog(),
    links.LogLog(),
    links.Log(),
    links.LogC(),
    links.Identity(),
)


def _families():
    kinds = {
        "gaussian": (sm.families.Gaussian, {}, AMOUNTS),
        "poisson": (sm.families.Poisson, {}, COUNTS),
        "gamma": (sm.families.Gamma, {}, AMOUNTS),
        "inverse gaussian": (sm.families.InverseGaussian, {}, AMOUNTS),
        "negative binomial": (sm.families.NegativeBinomial, {"alpha": 0.7}, COUNTS),
        "tweedie 1": (sm.families.Tweedie, {"var_power": 1.0}, AMOUNTS),
        "tweedie 1.5": (sm.families.Tweedie, {"var_power": 1.5}, COUNTS),
        "tweedie 2": (sm.families.Tweedie, {"var_power": 2.0}, AMOUNTS),
        "tweedie 3": (sm.families.Tweedie, {"var_power": 3.0}, AMOUNTS),
        "tweedie 2.5": (sm.families.Tweedie, {"var_power": 2.5}, AMOUNTS),
    }
    for name, (kind, options, y) in kinds.items():
        for link in POSITIVE:
            family = kind(link=link, check_link=False, **options)
            yield f"{name} {type(link).__name__}", (family, y, MU)
    for link in PROBABILITY:
        family = sm.families.Binomial(link=link, check_link=False)
        yield f"binomial {type(link).__name__}", (family, SHARES, P)


FAMILIES = dict(_families())
# statsmodels has these as quasi-likelihoods only, or not at all.
NO_DENSITY = ("tweedie 1 ", "tweedie 3", "tweedie 2.5")


@pytest.mark.parametrize("label", FAMILIES)
def test_deviance(label):
    theirs, y, mu = FAMILIES[label]
    ours = adapt(theirs)
    d = ours.unit_deviance(y, mu, WEIGHT)
    with np.errstate(all="ignore"):
        expected = theirs.resid_dev(y, mu, var_weights=WEIGHT) ** 2
        total = theirs.deviance(y, mu, var_weights=WEIGHT)
    np.testing.assert_allclose(d, expected, rtol=1e-10, atol=1e-12)
    assert d.sum() == pytest.approx(total, rel=1e-10)
    np.testing.assert_allclose(ours.variance(mu), theirs.variance(mu), rtol=1e-12)


@pytest.mark.parametrize("label", FAMILIES)
@pytest.mark.parametrize("scale", [1.0, 0.6])
def test_log_likelihood(label, scale):
    if label.startswith((*NO_DENSITY, "binomial")):
        pytest.skip("the definitions differ")
    theirs, y, mu = FAMILIES[label]
    ours = adapt(theirs)
    found = ours.loglike_rows(y, ours.link.link(mu), scale, WEIGHT)
    scales = np.full(y.shape, scale)
    expected = theirs.loglike_obs(y, mu, var_weights=WEIGHT, scale=scales)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("label", [label for label in FAMILIES if label.startswith("tweedie 1 ")])
def test_tweedie_of_power_one_reports_an_extended_quasi_likelihood(label):
    theirs, y, mu = FAMILIES[label]
    ours = adapt(theirs)
    found = ours.loglike_rows(y, ours.link.link(mu), 0.6, WEIGHT)
    d = sm.families.Poisson().resid_dev(y, mu) ** 2
    expected = -0.5 * (WEIGHT * d / 0.6 + np.log(2 * np.pi * 0.6 / WEIGHT))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("label", [label for label in FAMILIES if label.startswith("tweedie 3")])
def test_tweedie_of_power_three_is_the_inverse_gaussian(label):
    theirs, y, mu = FAMILIES[label]
    ours = adapt(theirs)
    found = ours.loglike_rows(y, ours.link.link(mu), 0.6, np.ones(4))
    law = stats.invgauss(mu * 0.6, scale=1 / 0.6)
    np.testing.assert_allclose(found, law.logpdf(y), rtol=1e-10)


@pytest.mark.parametrize("label", [label for label in FAMILIES if label.startswith("binomial")])
def test_binomial_counts(label):
    theirs, _, mu = FAMILIES[label]
    ours = adapt(theirs)
    trials = np.array([3.0, 8.0, 5.0, 1.0])
    successes = np.array([0.0, 3.0, 5.0, 1.0])
    counted = sm.families.Binomial(link=theirs.link, check_link=False)
    y, _ = counted.initialize(np.column_stack([successes, trials - successes]), np.ones(4))
    eta = ours.link.link(mu)
    expected = counted.loglike_obs(y, mu)
    np.testing.assert_allclose(ours.loglike_rows(y, eta, 1.0, trials), expected, rtol=1e-10)
    np.testing.assert_allclose(
        ours.loglike_rows(y, eta, 1.0, trials), stats.binom(trials, mu).logpmf(successes),
        rtol=1e-10,
    )  # fmt: skip
    d = ours.unit_deviance(y, mu, trials)
    np.testing.assert_allclose(d, counted.resid_dev(y, mu) ** 2, rtol=1e-10, atol=1e-12)
    # a scale changes variances, not the likelihood that is reported
    np.testing.assert_allclose(ours.loglike_rows(y, eta, 0.5, trials), expected, rtol=1e-10)


def test_single_trials_without_weights():
    theirs, y, mu = FAMILIES["binomial Logit"]
    theirs = sm.families.Binomial()
    y = np.array([0.0, 1.0, 1.0, 0.0])
    found = adapt(theirs).loglike_rows(y, np.log(mu / (1 - mu)), 1.0, np.ones(4))
    np.testing.assert_allclose(found, theirs.loglike_obs(y, mu), rtol=1e-10)


def test_tails_stay_exact_where_a_probability_rounds_to_one():
    eta = np.array([40.0, 100.0])
    value = adapt(sm.families.Binomial()).loglike_rows(np.zeros(2), eta, 1.0, np.ones(2))
    np.testing.assert_allclose(value, stats.logistic.logsf(eta), rtol=1e-12)
    probit = sm.families.Binomial(links.Probit())
    value = adapt(probit).loglike_rows(np.zeros(2), eta, 1.0, np.ones(2))
    np.testing.assert_allclose(value, stats.norm.logsf(eta), rtol=1e-12)


@pytest.mark.parametrize("label", FAMILIES)
def test_starting_means_are_those_of_statsmodels(label):
    theirs, y, _ = FAMILIES[label]
    if label.startswith(("gaussian", "binomial")):
        pytest.skip("another choice, made in the docstring")
    ours = adapt(theirs)
    level = ours.start_level(y, np.ones(4))
    start = ours.mean(ours.start_eta(y, np.ones(4), level))
    np.testing.assert_allclose(start, theirs.starting_mu(y), rtol=1e-9)
    blocks = [ours.start_eta(y[i : i + 2], np.ones(2), level) for i in (0, 2)]
    np.testing.assert_array_equal(np.hstack(blocks), ours.start_eta(y, np.ones(4), level))
