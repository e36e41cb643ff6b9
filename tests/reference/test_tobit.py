"""Censored responses next to R's ``survreg``, and an independent maximisation."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import deepglm as dg
from tests.reference import comparison as cmp
from tests.reference import rfits

pytestmark = pytest.mark.reference

RECORDS = rfits.records("tobit_survreg_zi")

LAWS = {"gaussian": "normal", "logistic": "logistic"}
AFFAIRS = ("tobit_affairs_left0", "tobit_affairs_logistic")
LUNG = ("survreg_gaussian_lung", "survreg_logistic_lung")
# The same laws of the logarithm; R's log-likelihood is that of the times.
LOG_TIMES = {"survreg_lognormal_lung": "normal", "survreg_loglogistic_lung": "logistic"}
NOT_AVAILABLE = {
    **dict.fromkeys(
        (
            "survreg_weibull_lung",
            "survreg_weibull_lung_weights",
            "survreg_exponential_lung",
            "survreg_rayleigh_lung",
        ),
        "latent outcomes with an extreme value distribution",
    ),
    **dict.fromkeys(
        (
            "zip_biochemists",
            "zip_biochemists_1",
            "zinb_biochemists",
            "hurdle_poisson_biochemists",
            "hurdle_nb_biochemists",
        ),
        "zero-inflated counts and hurdles",
    ),
    **dict.fromkeys(("gaulss_trees", "gammals_cpus"), "a linear predictor of the dispersion"),
    "beta_logit_barley_like": "beta responses",
}


def test_every_model_is_compared_or_named() -> None:
    compared = {*AFFAIRS, *LUNG, *LOG_TIMES, "tobit_affairs_left0_own_optim"}
    assert not compared & set(NOT_AVAILABLE)
    assert compared | set(NOT_AVAILABLE) == set(RECORDS)


@pytest.mark.parametrize("name", NOT_AVAILABLE)
def test_not_available(name: str) -> None:
    pytest.skip(f"not in the package: {NOT_AVAILABLE[name]}")


def numbers(record: rfits.Record) -> np.ndarray:
    """R's coefficients and log scale."""
    return np.array([*record["coef"].values(), *record["log_scale"]])


def check(record: rfits.Record, fit: dg.DeepGLMResults, shift: float = 0.0) -> None:
    """Compare everything that R's record holds; `shift` is what its log-likelihood has more."""
    assert fit.converged
    names = [*record["coef"], "log_sigma"]
    ours = fit.params.set_axis([rfits.r_name(name) for name in fit.params.index])
    place = ours.index.get_indexer(pd.Index(names))
    assert cmp.worst(ours.iloc[place], numbers(record)) <= cmp.TOL
    assert cmp.worst(fit.bse.iloc[place], list(record["se"].values())) <= cmp.TOL
    V = np.asarray(record["vcov"])
    d = np.sqrt(np.diag(V))
    off = fit.cov_params().to_numpy()[np.ix_(place, place)] - V
    assert np.max(np.abs(off) / d / d[:, None]) <= cmp.TOL
    assert cmp.worst(fit.llf + shift, record["loglik"]) <= 1e-10
    assert cmp.worst(fit.llnull + shift, record["loglik_null"]) <= 1e-10
    assert cmp.worst(fit.aic - 2 * shift, record["aic"]) <= 1e-10
    assert fit.edf == record["df"]


# -- a limit that is the same in every row --------------------------------------------------------


@cache
def affairs(distribution: str) -> dg.DeepGLMResults:
    data = pd.read_csv(rfits.DATA / "AER_Affairs.csv")
    formula = "affairs ~ age + yearsmarried + religiousness + occupation + rating"
    return dg.DeepGLM(formula, data, dg.Tobit(distribution=distribution), hidden=()).fit()


@pytest.mark.parametrize("name", AFFAIRS)
def test_left_censored_at_zero(name: str) -> None:
    record = RECORDS[name]
    check(record, affairs(LAWS[record["dist"]]))


def test_a_direct_maximisation() -> None:
    """It stopped within 1e-8 of the maximum, where its parameters are good to 1e-4."""
    record, fit = RECORDS["tobit_affairs_left0_own_optim"], affairs("normal")
    assert 0.0 <= fit.llf - record["loglik"] < 1e-7
    apart = (np.asarray(record["par"]) - fit.params) / fit.bse
    assert np.abs(apart).max() < 1e-3
    assert fit.model.loglike(record["par"]) == pytest.approx(record["loglik"], abs=1e-9)


@pytest.mark.parametrize("distribution", ["normal", "logistic"])
def test_log_likelihood_and_predictions_are_scipys(distribution: str) -> None:
    fit = affairs(distribution)
    law = {"normal": stats.norm, "logistic": stats.logistic}[distribution]
    eta, sigma = fit.linpred.to_numpy(), np.exp(fit.params["log_sigma"])
    y = fit.model.endog
    rows = np.where(y > 0, law.logpdf(y, eta, sigma), law.logcdf(0.0, eta, sigma))
    assert fit.llf == pytest.approx(rows.sum(), rel=1e-12)
    assert cmp.worst(fit.predict(which="prob_uncensored"), law.sf(0.0, eta, sigma)) <= 1e-10
    few = slice(0, 600, 60)
    means = [law(e, sigma).expect(lambda t: t, lb=0.0) for e in eta[few]]
    assert cmp.worst(fit.predict().iloc[few], means) <= 1e-6
    np.testing.assert_array_equal(fit.predict(which="latent"), eta)


# -- times of death, of which some are only known to be later -------------------------------------


def lung() -> pd.DataFrame:
    """Times, with the interval that is known, and the time at which the study ended for a row."""
    data = pd.read_csv(rfits.DATA / "survival_lung.csv").rename(columns={"ph.ecog": "ph_ecog"})
    data = data[["time", "status", "age", "sex", "ph_ecog"]].dropna()
    dead = data.status == 2
    until, end = data.time.where(dead, np.inf), np.where(dead, np.inf, data.time)
    return data.assign(until=until, end=end)


def renamed(record: rfits.Record) -> rfits.Record:
    coef = {name.replace("ph.ecog", "ph_ecog"): v for name, v in record["coef"].items()}
    return {**record, "coef": coef}


@pytest.mark.parametrize("name", LUNG)
@pytest.mark.parametrize("kind", ["intervals", "limits", "arrays"])
def test_right_censored(name: str, kind: str) -> None:
    record, data = renamed(RECORDS[name]), lung()
    law = LAWS[record["dist"]]
    columns = ["age", "sex", "ph_ecog"]
    limits = dg.Tobit(lower=None, upper="end", distribution=law)
    if kind == "intervals":
        family = dg.Tobit(distribution=law)
        model = dg.DeepGLM("time + until ~ age + sex + ph_ecog", data, family, hidden=())
    elif kind == "limits":
        model = dg.DeepGLM("time ~ age + sex + ph_ecog", data, limits, hidden=())
    else:
        ends = dg.Tobit(lower=None, upper=data.end.to_numpy(), distribution=law)
        model = dg.DeepGLM.from_arrays(data.time, data[columns], ends, hidden=(), add_constant=True)
        record = {**record, "coef": {"const": record["coef"]["(Intercept)"], **record["coef"]}}
        del record["coef"]["(Intercept)"]
    check(record, model.fit())


@pytest.mark.parametrize("name", LOG_TIMES)
def test_right_censored_logarithms(name: str) -> None:
    """R's log-likelihood is that of the times: the density of a death has 1 / time more."""
    record, data = renamed(RECORDS[name]), lung()
    family = dg.Tobit(distribution=LOG_TIMES[name])
    formula = "np.log(time) + np.log(until) ~ age + sex + ph_ecog"
    fit = dg.DeepGLM(formula, data, family, hidden=()).fit()
    check(record, fit, shift=-np.log(data.time[data.status == 2]).sum())


@pytest.mark.parametrize("distribution", ["normal", "logistic"])
def test_weights_repeat_rows(distribution: str) -> None:
    """As in survreg, a weight multiplies the row's log-likelihood."""
    data = lung().assign(times=lambda d: 1 + np.arange(len(d)) % 2)
    family: Any = dg.Tobit(distribution=distribution)
    formula = "time + until ~ age"
    weighted = dg.DeepGLM(formula, data, family, hidden=(), freq_weights="times").fit()
    repeated = dg.DeepGLM(formula, data.loc[data.index.repeat(data.times)], family, hidden=()).fit()
    np.testing.assert_allclose(weighted.params, repeated.params, rtol=1e-9)
    np.testing.assert_allclose(weighted.bse, repeated.bse, rtol=1e-9)
    assert weighted.llf == pytest.approx(repeated.llf, rel=1e-12)
    assert weighted.df_resid == repeated.df_resid
