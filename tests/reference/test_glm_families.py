"""The fifty ``glm()`` fits of R: every family with every link, weights, offsets, counts, quasi.

Each number agrees within 1e-6 relative, or the difference is one of the numbered ones of
``data/README.md`` and the number that is right is tested in its place.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from deepglm.errors import CollinearityWarning
from tests.reference import comparison as cmp
from tests.reference import rfits

pytestmark = pytest.mark.reference

FILE = "glm_families"
NAMES = sorted(rfits.records(FILE))

# The numbers that differ from R's, and the exceptions that say why (see data/README.md): 1 the
# dispersion inside the log-likelihood, 5 the weights inside it, 11 the parameters that AIC counts.
EXCEPTIONS: dict[str, dict[str, tuple[int, ...]]] = {
    "gaussian_identity": {"aic": (11,)},
    "gaussian_identity_weights": {"aic": (11,)},
    **{
        name: {"llf": (1,), "aic": (1, 11)}
        for name in (
            "gaussian_log",
            "gaussian_inverse",
            "gaussian_log_offset",
            "gamma_inverse_clot1",
            "gamma_inverse_clot2",
            "gamma_inverse_trees",
            "gamma_identity_trees",
            "gamma_log_trees",
            "gamma_power13_trees",
            "gamma_log_cpus",
            "inverse_gaussian_1_mu_2_trees",
            "inverse_gaussian_inverse_trees",
            "inverse_gaussian_identity_trees",
            "inverse_gaussian_log_trees",
        )
    },
    "gamma_log_weights_insurance": {"llf": (1, 5), "aic": (1, 5, 11)},
}

# Fits that R left before 1e-6: its criterion is the deviance, and the last digits of the
# coefficients do not move that. They are compared after R's own iteration has been continued.
STOPPED = {
    "binomial_cauchit_birthwt": {"coef", "stat"},
    "binomial_log_birthwt": {"vcov"},
    "gamma_log_cpus": {"coef", "stat"},
    "inverse_gaussian_inverse_trees": {"fitted_sum"},
    "quasi_inverse_mu3_trees": {"fitted_sum"},
    "wedderburn_logit_barley": {"coef", "stat", "fitted_head"},
}

QUASI = [name for name in NAMES if rfits.records(FILE)[name]["loglik"] is None]


def test_there_are_fifty():
    assert len(NAMES) == 50
    assert {*EXCEPTIONS, *STOPPED, *rfits.ALIASED} <= set(NAMES)
    numbers = {number for by in EXCEPTIONS.values() for n in by.values() for number in n}
    assert numbers <= set(range(1, 13))


@pytest.mark.parametrize("name", NAMES)
def test_numbers(name):
    left = cmp.disagreements(FILE, name, STOPPED.get(name, set()))
    assert left == set(EXCEPTIONS.get(name, {}))


@pytest.mark.parametrize("quantity", ["coef", "se", "stat"])
def test_a_difference_in_the_sixth_digit_is_seen(quantity):
    name = "poisson_log_quine"
    record, fit = rfits.records(FILE)[name], rfits.fitted(FILE, name)
    changed = {**record[quantity], "AgeF1": record[quantity]["AgeF1"] * (1.0 + 2e-6)}
    assert cmp.outside(cmp.differences({**record, quantity: changed}, fit)) == {quantity}


@pytest.mark.parametrize("name", NAMES)
def test_p_values(name):
    record = rfits.records(FILE)[name]
    t = record["stat_kind"] == "t value"
    statistic = rfits.fitted(FILE, name).tvalues.dropna()
    law = stats.t(record["df_resid"]) if t else stats.norm
    expected = 2.0 * law.sf(np.abs(statistic))
    stored = rfits.labelled(record["pvalue"])
    ours = cmp.by_r_names(statistic * 0 + expected)[stored.index]
    # a p-value moves by the square of its statistic times the statistic's relative change
    size = cmp.by_r_names(statistic)[stored.index] ** 2 + 1.0
    loose = 10.0 if name in STOPPED else 1.0
    assert np.max(np.abs(ours / stored - 1.0) / size) <= loose * cmp.TOL
    if name in rfits.ALIASED:
        return
    fit = rfits.call(name, record).fit(use_t=t)
    np.testing.assert_allclose(fit.pvalues.dropna(), expected, rtol=1e-9)


# -- the exceptions, and what is right ----------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in NAMES if "llf" in EXCEPTIONS.get(n, {})])
def test_dispersion_inside_the_log_likelihood(name):
    """Exception 1: deviance / n in R, Pearson / df_resid here and in statsmodels."""
    record, fit = rfits.records(FILE)[name], rfits.fitted(FILE, name)
    assert cmp.worst(cmp.r_loglik(name, record, fit), record["loglik"]) <= cmp.TOL
    if EXCEPTIONS[name]["llf"] == (1,):
        assert cmp.worst(fit.llf_scaled(fit.deviance / fit.nobs), record["loglik"]) <= cmp.TOL
    # and ours is the log-likelihood at the dispersion that is printed beside it
    assert cmp.worst(fit.llf, cmp.loglik(name, record, fit)) <= 1e-12


@pytest.mark.parametrize("name", [n for n in NAMES if 5 in EXCEPTIONS.get(n, {}).get("llf", ())])
def test_weights_inside_the_log_likelihood(name):
    """Exception 5: a weight divides the dispersion, so the shape of a gamma is weight over scale.

    R multiplies the row's log-likelihood, which is right for a frequency and for nothing else.
    """
    fit = rfits.fitted(FILE, name)
    data = rfits.rows(rfits.records(FILE)[name])
    y = ((data.Claims + 0.5) / data.Holders).to_numpy()
    shape = data.Holders.to_numpy() / fit.scale
    mu = fit.fittedvalues.to_numpy()
    expected = stats.gamma(shape, scale=mu / shape).logpdf(y).sum()
    assert fit.llf == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("name", [n for n in NAMES if "aic" in EXCEPTIONS.get(n, {})])
def test_parameters_that_aic_counts(name):
    """Exception 11: R counts the estimated dispersion, and is larger by two."""
    record, fit = rfits.records(FILE)[name], rfits.fitted(FILE, name)
    assert record["loglik_df"] == fit.edf + 1
    assert fit.aic == pytest.approx(-2.0 * fit.llf + 2.0 * fit.edf, rel=1e-14)
    theirs = -2.0 * cmp.r_loglik(name, record, fit) + 2.0 * fit.edf
    assert record["aic"] - theirs == pytest.approx(2.0, abs=1e-6 * abs(record["aic"]))
    if EXCEPTIONS[name]["aic"] == (11,):
        assert cmp.worst(fit.info_criteria("aic", dk_params=1), record["aic"]) <= cmp.TOL
        assert cmp.worst(fit.info_criteria("bic", dk_params=1), record["bic"]) <= cmp.TOL


@pytest.mark.parametrize("name", [n for n in NAMES if not EXCEPTIONS.get(n) and n not in QUASI])
def test_bic(name):
    record, fit = rfits.records(FILE)[name], rfits.fitted(FILE, name)
    assert cmp.worst(fit.bic, record["bic"]) <= cmp.TOL


def test_quasi_has_no_likelihood_in_r():
    """What is not compared, by name: R gives no log-likelihood, AIC or BIC for these."""
    assert QUASI == [
        "quasi_inverse_mu3_trees",
        "quasi_log_mu2_trees",
        "quasi_logit_mu1mu_esoph",
        "quasi_sqrt_mu_warpbreaks",
        "quasibinomial_budworm",
        "quasipoisson_quine",
        "wedderburn_logit_barley",
    ]


@pytest.mark.parametrize("name", sorted(rfits.ALIASED))
def test_aliased_columns(name):
    """Exception 7: set aside by name, as R does; the others are those of the smaller model."""
    record = rfits.records(FILE)[name]
    column = rfits.ALIASED[name]
    with pytest.warns(CollinearityWarning, match=r"Age\[T\.F3\]:Lrn\[T\.SL\]"):
        fit = rfits.call(name, record).fit()
    assert fit.params.index[fit.params.isna()].tolist() == [column]
    assert fit.bse.index[fit.bse.isna()].tolist() == [column]
    assert fit.edf == record["p"]


def test_inverse_gaussian_where_statsmodels_fails():
    """Exception 9: the step has to be shortened to stay where 1/mu^2 is positive."""
    fit = rfits.fitted(FILE, "inverse_gaussian_1_mu_2_trees")
    assert fit.converged
    assert (fit.fittedvalues > 0).all()


def test_binomial_weights_are_trials():
    """Exception 5: with the binomial coefficient, proportions and counts have one likelihood."""
    record = rfits.records(FILE)["binomial_proportion_weights_esoph"]
    proportions = rfits.fitted(FILE, "binomial_proportion_weights_esoph")
    as_counts = {**record, "formula": "cbind(ncases, ncontrols) ~ agegp + alcgp + tobgp"}
    counts = rfits.call("counts", {**as_counts, "prior_weights": "none"}).fit()
    assert proportions.llf == pytest.approx(counts.llf, rel=1e-12)
    assert proportions.deviance == pytest.approx(counts.deviance, rel=1e-12)
    np.testing.assert_allclose(proportions.params, counts.params, rtol=1e-9)


def test_overdispersed_counts():
    """Exception 3: Pearson over df_resid, without the trials that statsmodels divides by."""
    record = rfits.records(FILE)["quasibinomial_budworm"]
    fit = rfits.fitted(FILE, "quasibinomial_budworm")
    assert record["dispersion"] == pytest.approx(0.5896, abs=5e-5)
    assert cmp.worst(fit.scale, record["dispersion"]) <= cmp.TOL
    assert fit.scale == pytest.approx(fit.pearson_chi2 / fit.df_resid, rel=1e-13)
