"""R's diagnostics: residuals of every kind, leverages, Cook's distances, predictions, errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import deepglm as dg
from tests.reference import comparison as cmp
from tests.reference import rfits

pytestmark = pytest.mark.reference

FILE = "diagnostics"
RECORDS = {name: r for name, r in rfits.records(FILE).items() if name != "quantile_residuals"}
QUANTILES = rfits.records(FILE)["quantile_residuals"]

WITH_ROWS = [
    (file, name)
    for file in (FILE, "glm_families")
    for name, record in rfits.records(file).items()
    if "obs" in record
]

EXCEPTIONS = {
    "gaussian_swiss": {"aic": (11,)},
    "gamma_trees": {"llf": (1,), "aic": (1, 11)},
    "inverse_gaussian_trees": {"llf": (1,), "aic": (1, 11)},
}

# Exception 2: links that are not canonical, for which observed and expected information differ.
NOT_CANONICAL = {
    "gamma_trees",
    "inverse_gaussian_trees",
    "gaussian_log",
    "gamma_log_trees",
    "inverse_gaussian_log_trees",
    "binomial_counts_cloglog_menarche",
}

# Exception 8: the fitted probability of the last row is 1 to rounding, where R puts 1 - 2e-16.
SATURATED = {"binomial_counts_cloglog_menarche": 24}

# In `obs` and without a member of ours.
NO_MEMBER = {"rstudent", "dffits", "sigma_loo", "working_weights", "prior_weights"}

# Tables that need refits or profiles, which results do not offer yet.
NOT_YET = {
    "anova_sequential": "anova",
    "drop1": "drop1",
    "add1": "add1",
    "stepAIC": "step",
    "stepBIC": "step",
    "confint_profile_95": "profile",
    "profile": "profile",
    "dose_p_female": "dose_p",
}


def rows_kept(name: str, n: int) -> np.ndarray:
    keep = np.ones(n, dtype=bool)
    if name in SATURATED:
        keep[SATURATED[name]] = False
    return keep


def test_what_is_not_yet_compared():
    """By name, and a reminder when the member exists."""
    tables = {
        key
        for record in RECORDS.values()
        for key, value in record.items()
        if isinstance(value, dict) and key not in ("coef", "se", "stat", "pvalue", "obs")
    }
    assert tables - {"confint_wald_95"} == set(NOT_YET)
    assert len(WITH_ROWS) == 17
    compared = {*cmp.row_members(rfits.fitted(FILE, "gaussian_swiss")), "dfbeta_coef"}
    for record in RECORDS.values():
        assert set(record["obs"]) - compared - {"residual_scale"} == NO_MEMBER
    for member in ("drop1", "add1", "step", "profile", "dose_p"):
        assert not hasattr(dg.DeepGLMResults, member), member
    assert not hasattr(dg, "anova")


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_numbers(name):
    assert cmp.disagreements(FILE, name, set()) == set(EXCEPTIONS.get(name, {}))


@pytest.mark.parametrize("name", sorted(EXCEPTIONS))
def test_log_likelihood_and_aic(name):
    """Exceptions 1 and 11, as in ``test_glm_families``."""
    record, fit = RECORDS[name], rfits.fitted(FILE, name)
    theirs = fit.llf_scaled(fit.deviance / fit.nobs)
    assert cmp.worst(theirs, record["loglik"]) <= cmp.TOL
    assert cmp.worst(-2.0 * theirs + 2.0 * (fit.edf + 1), record["aic"]) <= cmp.TOL
    assert fit.aic == pytest.approx(-2.0 * fit.llf + 2.0 * fit.edf, rel=1e-14)


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_wald_intervals(name):
    record = RECORDS[name]
    ours = rfits.fitted(FILE, name).conf_int()
    ours.index = [rfits.r_name(label) for label in ours.index]
    stored = record["confint_wald_95"]
    names = rfits.labelled(record["coef"]).index
    # an end near zero is a difference of numbers of the size of a standard error
    se = rfits.labelled(record["se"])
    for column, side in enumerate(("lower", "upper")):
        off = np.abs(ours.loc[names].to_numpy()[:, column] - np.array(stored[side]))
        assert np.max(off / np.maximum(np.abs(stored[side]), se)) <= cmp.TOL


@pytest.mark.parametrize(("file", "name"), WITH_ROWS)
def test_rows(file, name):
    """Leverages and Cook's distances by expected information, as R has them (exception 2)."""
    record, fit = rfits.records(file)[name], rfits.fitted(file, name)
    found = cmp.row_differences(record, fit, rows_kept(name, fit.nobs))
    if name == "binomial_counts_cloglog_menarche":
        # R's leverages are those of the step before its last, and a large one is amplified
        assert cmp.outside(found) == {"cooks"}
        keep = rows_kept(name, fit.nobs)
        right = cmp.cooks(name, record, fit, keep)
        ours = fit.get_influence(observed=False).cooks_distance[0][keep]
        assert cmp.worst(ours, right) <= 1e-9
        return
    assert cmp.outside(found) == set()


@pytest.mark.parametrize(("file", "name"), WITH_ROWS)
def test_information_behind_leverages(file, name):
    """Exception 2: with the canonical link there is one information, with others there are two."""
    record, fit = rfits.records(file)[name], rfits.fitted(file, name)
    keep = rows_kept(name, fit.nobs)
    stored = np.array(record["obs"]["hat"])[keep]
    observed = cmp.worst(fit.get_hat_matrix_diag(observed=True)[keep], stored)
    assert (observed > 1e-3) == (name in NOT_CANONICAL)
    assert fit.get_hat_matrix_diag(observed=False).sum() == pytest.approx(fit.edf, rel=1e-9)


def test_row_whose_mean_is_one():
    """Exception 8: a fitted probability that rounds to 1 keeps its residuals, from the tails."""
    fit = rfits.fitted("glm_families", "binomial_counts_cloglog_menarche")
    last = SATURATED["binomial_counts_cloglog_menarche"]
    assert fit.fittedvalues.iloc[last] == 1.0
    data = rfits.table("MASS_menarche")
    assert data.Menarche.iloc[last] == data.Total.iloc[last]
    # for the complementary log-log link, 1 - mu = exp(-exp(eta)) and mu' = exp(eta) (1 - mu)
    eta = fit.linpred.iloc[last]
    rest = np.exp(-np.exp(eta))
    pearson = np.sqrt(data.Total.iloc[last] * rest)
    assert fit.resid_pearson.iloc[last] == pytest.approx(pearson, rel=1e-9)
    assert fit.resid_working.iloc[last] == pytest.approx(np.exp(-eta), rel=1e-9)
    assert abs(fit.resid_deviance.iloc[last]) < 1e-6
    assert fit.resid_anscombe.iloc[last] == pytest.approx(0.0, abs=1e-6)
    assert np.isfinite(fit.pearson_chi2)


def test_working_residuals_of_counts():
    """Exception 4: ``(y - mu) / mu'`` of the proportion; statsmodels has trials squared of it."""
    fit = rfits.fitted(FILE, "binomial_budworm")
    mu = fit.fittedvalues
    y = rfits.table("MASSbook_budworm").numdead / 20.0
    np.testing.assert_allclose(fit.resid_working, (y - mu) / (mu * (1.0 - mu)), rtol=1e-12)


# -- quantile residuals, by the distribution of each row ----------------------------------------


def test_quantile_residuals_are_all_compared():
    compared = {"gamma_trees", "inverse_gaussian_trees", *(name for name, _, _ in COUNTS)}
    assert set(QUANTILES) == compared


def test_quantile_residuals_of_a_gamma():
    fit = rfits.fitted(FILE, "gamma_trees")
    stored = QUANTILES["gamma_trees"]
    assert cmp.worst(fit.scale, stored["dispersion"]) <= cmp.TOL
    p = fit.get_distribution().cdf(fit.model.endog)
    assert cmp.at_scale(stats.norm.ppf(p), stored["qres"]) <= cmp.TOL


def test_quantile_residuals_of_an_inverse_gaussian():
    """The stored dispersion is Pearson's; the residuals were drawn up with deviance / df_resid."""
    said = rfits.call("inverse_gaussian_trees", RECORDS["inverse_gaussian_trees"])
    stored = QUANTILES["inverse_gaussian_trees"]
    assert cmp.worst(said.model().fit().scale, stored["dispersion"]) <= cmp.TOL
    fit = said.model().fit(scale="dev")
    assert fit.scale == pytest.approx(fit.deviance / fit.df_resid, rel=1e-13)
    p = fit.get_distribution().cdf(fit.model.endog)
    assert cmp.at_scale(stats.norm.ppf(p), stored["qres"]) <= cmp.TOL


COUNTS = [
    ("poisson_ships", FILE, "poisson_ships"),
    ("binomial_budworm", FILE, "binomial_budworm"),
    ("nb_quine", "glm_nb_tweedie", "nb2_quine_main"),
]


@pytest.mark.parametrize(("name", "file", "model"), COUNTS)
def test_ends_of_discrete_quantile_residuals(name, file, model):
    fit = rfits.fitted(file, model)
    law = fit.get_distribution()
    y = fit.model.endog
    y = y[:, 0] if y.ndim == 2 else y
    assert cmp.worst(law.cdf(y), QUANTILES[name]["upper_p"]) <= cmp.TOL
    assert cmp.worst(law.cdf(y - 1), QUANTILES[name]["lower_p"]) <= cmp.TOL
