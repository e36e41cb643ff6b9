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

# Tables that need refits, which results do not offer yet.
NOT_YET = {
    "add1": "add1",
    "stepAIC": "step",
    "stepBIC": "step",
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
    refits = {"anova_sequential", "drop1", "confint_profile_95", "profile"}
    assert tables - {"confint_wald_95"} - refits == set(NOT_YET)
    assert len(WITH_ROWS) == 17
    compared = {*cmp.row_members(rfits.fitted(FILE, "gaussian_swiss")), "dfbeta_coef"}
    for record in RECORDS.values():
        assert set(record["obs"]) - compared - {"residual_scale"} == NO_MEMBER
    for member in ("add1", "step", "dose_p"):
        assert not hasattr(dg.DeepGLMResults, member), member


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


def table_differences(ours, stored, pairs):
    """Largest relative difference of columns from those of R's table, by name."""
    found = {}
    for mine, theirs in pairs.items():
        if theirs in stored["columns"] and mine in ours:
            wanted = np.array(stored["columns"][theirs], dtype=float)
            there = np.isfinite(wanted)
            found[theirs] = cmp.worst(ours[mine].to_numpy()[there], wanted[there])
    return found


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_anova(name):
    stored, ours = RECORDS[name]["anova_sequential"], dg.anova(rfits.fitted(FILE, name))
    pairs = {"df_resid": "Resid. Df", "deviance": "Resid. Dev", "df": "Df", "change": "Deviance"}
    found = table_differences(ours, stored, pairs)
    found |= table_differences(ours, stored, {"statistic": "F", "pvalue": "Pr(>F)"})
    found |= table_differences(ours, stored, {"pvalue": "Pr(>Chi)"})
    assert set(found) == set(stored["columns"])
    assert max(found.values()) <= cmp.TOL
    written = [rfits.patsy_formula(f"y ~ {term}")[4:] for term in stored["rows"]]
    assert list(ours.index) == written


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_drop1(name):
    """R's terms in the order of the formula, ours in that of the columns (factors first)."""
    stored, fit = RECORDS[name]["drop1"], rfits.fitted(FILE, name)
    ours = fit.drop1()
    written = [rfits.patsy_formula(f"y ~ {term}")[4:] for term in stored["rows"][1:]]
    assert set(ours.index) == {"<none>", *written}
    ours = ours.loc[["<none>", *written]]
    pairs = {"df": "Df", "deviance": "Deviance", "LRT": "LRT", "F": "F value"}
    found = table_differences(ours, stored, pairs)
    found |= table_differences(ours, stored, {"pvalue": "Pr(>F)"})
    found |= table_differences(ours, stored, {"pvalue": "Pr(>Chi)"})
    assert max(found.values()) <= cmp.TOL
    assert set(stored["columns"]) - set(found) <= {"AIC"}
    if "AIC" in stored["columns"]:  # up to the constants of exceptions 1 and 11
        theirs = np.array(stored["columns"]["AIC"])
        assert cmp.worst(ours.aic - ours.aic.iloc[0] + theirs[0], theirs) <= cmp.TOL
        assert ours.aic.iloc[0] == fit.aic
    else:
        assert ours.aic.isna().all()  # a quasi-likelihood has none


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_profile_intervals(name):
    """R interpolates between eleven points and more; our ends are solved for."""
    stored = RECORDS[name]["confint_profile_95"]
    fit = rfits.fitted(FILE, name)
    ours = fit.conf_int(method="profile")
    ours.index = [rfits.r_name(label) for label in ours.index]
    names = rfits.labelled(dict.fromkeys(stored["rows"], 0.0)).index
    theirs = np.column_stack([stored["lower"], stored["upper"]])
    np.testing.assert_allclose(ours.loc[names].to_numpy(), theirs, rtol=1e-4, atol=1e-4)


def test_profile_points():
    for name, points in RECORDS["binomial_bwt"]["profile"].items():
        ours = rfits.fitted(FILE, "binomial_bwt").profile(name, points["value"])
        np.testing.assert_allclose(ours.signed_root, points["signed_root"], rtol=0, atol=1e-6)


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


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_residuals_without_the_row(name):
    """R's ``rstudent`` is our ``resid_likelihood`` with the dispersion that it has without the row.

    It takes that dispersion, and dffits, from deviance residuals, as if the model were linear.
    """
    record, fit = RECORDS[name], rfits.fitted(FILE, name)
    stored = {key: np.array(record["obs"][key], dtype=float) for key in record["obs"]}
    d, h = fit.resid_deviance.to_numpy(), fit.get_hat_matrix_diag(observed=False).to_numpy()
    sigma = np.sqrt((fit.deviance - d**2 / (1.0 - h)) / (fit.df_resid - 1.0))
    assert cmp.worst(sigma, stored["sigma_loo"]) <= cmp.TOL
    assert cmp.at_scale(d * np.sqrt(h) / (sigma * (1.0 - h)), stored["dffits"]) <= cmp.TOL
    ours = fit.resid_likelihood.to_numpy()
    ours = ours if fit.scale == 1.0 else ours * np.sqrt(fit.scale) / sigma
    assert cmp.at_scale(ours, stored["rstudent"]) <= cmp.TOL


# -- quantile residuals, by the distribution of each row ----------------------------------------


def test_quantile_residuals_are_all_compared():
    compared = {"gamma_trees", "inverse_gaussian_trees", *(name for name, _, _ in COUNTS)}
    assert set(QUANTILES) == compared


def test_quantile_residuals_of_a_gamma():
    fit = rfits.fitted(FILE, "gamma_trees")
    stored = QUANTILES["gamma_trees"]
    assert cmp.worst(fit.scale, stored["dispersion"]) <= cmp.TOL
    assert cmp.at_scale(fit.resid_quantile(), stored["qres"]) <= cmp.TOL


def test_quantile_residuals_of_an_inverse_gaussian():
    """The stored dispersion is Pearson's; the residuals were drawn up with deviance / df_resid."""
    said = rfits.call("inverse_gaussian_trees", RECORDS["inverse_gaussian_trees"])
    stored = QUANTILES["inverse_gaussian_trees"]
    assert cmp.worst(said.model().fit().scale, stored["dispersion"]) <= cmp.TOL
    fit = said.model().fit(scale="dev")
    assert fit.scale == pytest.approx(fit.deviance / fit.df_resid, rel=1e-13)
    assert cmp.at_scale(fit.resid_quantile(), stored["qres"]) <= cmp.TOL


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
    many = stats.norm.cdf(fit.resid_quantile(draws=50))
    assert (many >= np.array(QUANTILES[name]["lower_p"])[:, None] - 1e-9).all()
    assert (many <= np.array(QUANTILES[name]["upper_p"])[:, None] + 1e-9).all()
