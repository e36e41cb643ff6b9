"""Negative binomial and Tweedie fits of R, their parameter known or estimated."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import optimize, special, stats

import deepglm as dg
from tests.reference import comparison as cmp
from tests.reference import rfits

pytestmark = pytest.mark.reference

FILE = "glm_nb_tweedie"
RECORDS = rfits.records(FILE)

NEGATIVE_BINOMIAL = sorted(name for name, r in RECORDS.items() if r.get("se_theta") is not None)
POWERS = sorted(name for name, record in RECORDS.items() if "var_power_ml" in record)
FIXED = sorted(set(RECORDS) - {*NEGATIVE_BINOMIAL, *POWERS})

EXCEPTIONS = {
    # R's log-likelihood has the dispersion 1 beside standard errors with Pearson's
    "nb2_quine_fixed_theta2": {"llf": (1,), "aic": (1,)},
    "geometric_quine": {"llf": (1,), "aic": (1,)},
    # theta is counted
    **{name: {"aic": (11,)} for name in NEGATIVE_BINOMIAL},
}

STOPPED = {"tweedie_p1.9_log_ausprivauto": {"coef", "stat"}}


def test_every_model_is_compared() -> None:
    assert len(RECORDS) == 19
    assert (len(NEGATIVE_BINOMIAL), len(POWERS), len(FIXED)) == (7, 2, 10)


@pytest.mark.parametrize("name", FIXED + NEGATIVE_BINOMIAL)
def test_numbers_at_a_known_parameter(name: str) -> None:
    """Those whose parameter R estimated are taken at R's; its standard errors take it as known."""
    left = cmp.disagreements(FILE, name, STOPPED.get(name, set()))
    assert left == set(EXCEPTIONS.get(name, {}))


@pytest.mark.parametrize("name", ["nb2_quine_fixed_theta2", "geometric_quine"])
def test_negative_binomial_log_likelihood(name: str) -> None:
    """Exception 1: at dispersion 1, which is the distribution, R's number and ours are one."""
    record, fit = RECORDS[name], rfits.fitted(FILE, name)
    assert cmp.worst(fit.llf_scaled(1.0), record["loglik"]) <= cmp.TOL
    size = record["theta"]
    mu = fit.fittedvalues
    law = stats.nbinom(size, size / (size + mu))
    assert fit.llf_scaled(1.0) == pytest.approx(law.logpmf(fit.model.endog).sum(), rel=1e-12)
    said = rfits.call(name, record)
    plain = said.model().fit()
    assert plain.scale == 1.0
    assert cmp.worst(plain.llf, record["loglik"]) <= cmp.TOL
    assert cmp.worst(plain.aic, record["aic"]) <= cmp.TOL
    assert cmp.worst(plain.bic, record["bic"]) <= cmp.TOL
    se = rfits.labelled(record["se"]) / np.sqrt(record["dispersion"])
    assert cmp.worst(cmp.by_r_names(plain.bse)[se.index], se) <= cmp.TOL


# -- theta estimated ------------------------------------------------------------------------------


@cache
def estimated(name: str) -> dg.DeepGLMResults:
    """The record's model, with theta estimated."""
    said = rfits.call(name, RECORDS[name])
    family = dg.NegativeBinomial(said.family.link)
    return dg.DeepGLM(said.formula, said.data, family, hidden=(), **said.options).fit()


@pytest.mark.parametrize("name", NEGATIVE_BINOMIAL)
def test_theta_by_maximum_likelihood(name: str) -> None:
    record, fit = RECORDS[name], estimated(name)
    assert fit.converged
    for values, theirs in ((fit.params, "coef"), (fit.bse, "se"), (fit.tvalues, "stat")):
        expected = rfits.labelled(record[theirs])
        assert cmp.worst(cmp.by_r_names(values)[expected.index], expected) <= cmp.TOL
    assert cmp.worst(1.0 / fit.params["alpha"], record["theta"]) <= cmp.TOL
    assert cmp.worst(fit.llf, record["twologlik"] / 2.0) <= 1e-10
    assert fit.llf >= record["loglik"] - 1e-9
    for ours, theirs in (("deviance",) * 2, ("null_deviance",) * 2, ("pearson_chi2",) * 2):
        assert cmp.worst(getattr(fit, ours), record[theirs]) <= cmp.TOL
    for criterion in ("aic", "bic"):  # theta counts, here and in R
        assert cmp.worst(getattr(fit, criterion), record[criterion]) <= cmp.TOL
    assert fit.edf == record["p"] + 1
    assert fit.df_resid == record["df_resid"]
    found = cmp.fitted_values(record, fit)
    assert max(found.values()) <= cmp.TOL, found


def theta_score(theta: float, y: Any, mu: Any) -> float:
    """Derivative of the log-likelihood in theta."""
    parts = special.digamma(theta + y) - special.digamma(theta)
    parts = parts + np.log(theta / (theta + mu)) + 1.0 - (y + theta) / (mu + theta)
    return float(np.sum(parts))


def theta_information(theta: float, y: Any, mu: Any) -> float:
    """Minus its derivative."""
    parts = special.polygamma(1, theta) - special.polygamma(1, theta + y)
    return float(np.sum(parts - 1.0 / theta + 2.0 / (mu + theta) - (y + theta) / (mu + theta) ** 2))


@pytest.mark.parametrize("name", NEGATIVE_BINOMIAL)
def test_standard_error_of_theta(name: str) -> None:
    """R's is of the step before the last; repeating its steps gives its number."""
    record, fit = RECORDS[name], estimated(name)
    y, mu = fit.model.endog, fit.mu.to_numpy()
    theta = 1.0 / fit.params["alpha"]
    ours = fit.bse["alpha"] * theta**2
    assert ours == pytest.approx(theta_information(theta, y, mu) ** -0.5, rel=1e-9)
    at, step = len(y) / np.sum((y / mu - 1.0) ** 2), np.inf
    while abs(step) > np.finfo(float).eps ** 0.25:
        information = theta_information(at, y, mu)
        step = theta_score(at, y, mu) / information
        at += step
    assert record["se_theta"] == pytest.approx(information**-0.5, rel=1e-9)
    assert ours == pytest.approx(record["se_theta"], rel=1e-4)


@pytest.mark.parametrize("role", ["freq_weights", "var_weights"])
@pytest.mark.parametrize("link", ["log", "sqrt"])
def test_weights_multiply_the_log_likelihood(link: str, role: str) -> None:
    """The maximum of the weighted log-likelihood of scipy's negative binomial."""
    data = rfits.table("MASS_quine").assign(w=lambda d: 0.5 + np.arange(len(d)) % 3)
    family = dg.NegativeBinomial(rfits.LINKS[link]())
    model = dg.DeepGLM("Days ~ Eth + Lrn", data, family, hidden=(), **{role: "w"})
    fit = model.fit()
    X, y = np.asarray(model.exog), data.Days.to_numpy()

    def loss(params: np.ndarray) -> float:
        mu = np.exp(X @ params[:-1]) if link == "log" else (X @ params[:-1]) ** 2
        size = np.exp(-params[-1])
        return -float(data.w @ stats.nbinom.logpmf(y, size, size / (size + mu)))

    start = np.r_[fit.params.iloc[:-1], np.log(fit.params["alpha"])]
    assert -loss(start) == pytest.approx(fit.llf, rel=1e-10)
    found = optimize.minimize(loss, start * 1.05, method="BFGS", options={"gtol": 1e-7})
    assert -found.fun <= fit.llf + 1e-8
    np.testing.assert_allclose(found.x, start, rtol=1e-4, atol=1e-5)


# -- the power estimated --------------------------------------------------------------------------


@cache
def power_fit() -> dg.DeepGLMResults:
    formula = rfits.patsy_formula(RECORDS["tweedie_power_ml_quine"]["formula"])
    return dg.DeepGLM(formula, rfits.table("MASS_quine"), dg.Tweedie(), hidden=()).fit()


def test_power_by_maximum_likelihood() -> None:
    """Of mgcv: power, dispersion, coefficients, deviance and log-likelihood at once."""
    record, fit = RECORDS["tweedie_power_ml_quine"], power_fit()
    assert fit.converged
    assert cmp.worst(fit.auxiliary.estimate["power"], record["var_power_ml"]) <= cmp.TOL
    assert cmp.worst(np.exp(fit.auxiliary.estimate["log_scale"]), record["phi"]) <= cmp.TOL
    expected = rfits.labelled(record["coef"])
    assert cmp.worst(cmp.by_r_names(fit.params)[expected.index], expected) <= cmp.TOL
    assert cmp.worst(fit.deviance, record["deviance"]) <= cmp.TOL
    assert cmp.worst(fit.llf, record["loglik"]) <= 1e-10


def test_power_on_a_profile() -> None:
    """Of statmod, whose search for the power ends a little before mgcv's."""
    record, fit = RECORDS["tweedie_power_profile_quine"], power_fit()
    assert cmp.worst(fit.auxiliary.estimate["power"], record["var_power_ml"]) <= cmp.TOL
    assert cmp.worst(np.exp(fit.auxiliary.estimate["log_scale"]), record["phi_ml"]) <= cmp.TOL
    assert cmp.worst(fit.llf, record["loglik"]) <= 1e-10
    for point in record["grid"]:
        held = dg.DeepGLM(
            fit.model.formula,
            rfits.table("MASS_quine"),
            dg.Tweedie(var_power=point["p"]),
            hidden=(),
        ).fit()
        assert cmp.worst(held.llf_scaled(point["phi"]), point["loglik"]) <= cmp.TOL
        assert fit.llf > point["loglik"]


def test_standard_error_of_the_power() -> None:
    """From the curvature of the profile in both: phi and coefficients follow the power."""
    fit = power_fit()
    y, X = fit.model.endog, np.asarray(fit.model.exog)

    def loglik(power: float, log_phi: float) -> float:
        family = sm.families.Tweedie(var_power=power)
        held = sm.GLM(y, X, family=family).fit(tol=1e-12)
        return float(family.loglike(y, held.mu, scale=np.exp(log_phi)))

    at = fit.auxiliary.estimate[["power", "log_scale"]].to_numpy()
    h = np.array([0.01, 0.02])
    H = np.empty((2, 2))
    for j, k in ((0, 0), (0, 1), (1, 1)):
        e, g = np.eye(2)[j] * h, np.eye(2)[k] * h
        corners = [(s, t, loglik(*(at + s * e + t * g))) for s in (1, -1) for t in (1, -1)]
        H[j, k] = H[k, j] = sum(s * t * v for s, t, v in corners) / (4 * h[j] * h[k])
    errors = pd.Series(np.sqrt(np.diag(np.linalg.inv(-H))), ["power", "log_scale"])
    ours = fit.auxiliary.std_err[errors.index]
    np.testing.assert_allclose(ours, errors, rtol=2e-3)


# -- the power known ------------------------------------------------------------------------------

DENSITIES = sorted(name for name, record in RECORDS.items() if "loglik_at_pearson_phi" in record)


@pytest.mark.parametrize("name", DENSITIES)
def test_tweedie_density(name: str) -> None:
    """R sums the series of the density; so does statsmodels, behind our log-likelihood."""
    record, fit = RECORDS[name], rfits.fitted(FILE, name)
    assert cmp.worst(fit.llf, record["loglik_at_pearson_phi"]) <= cmp.TOL
    assert cmp.worst(fit.llf_scaled(record["phi_ml"]), record["loglik_ml_phi"]) <= cmp.TOL


def test_power_of_three_is_inverse_gaussian() -> None:
    tweedie = rfits.fitted(FILE, "tweedie_p3_log_trees")
    inverse_gaussian = rfits.fitted("glm_families", "inverse_gaussian_log_trees")
    np.testing.assert_allclose(tweedie.params, inverse_gaussian.params, rtol=1e-9)
    np.testing.assert_allclose(tweedie.bse, inverse_gaussian.bse, rtol=1e-9)
