"""Responses of several classes next to R: ``multinom``, ``polr``, ``clm`` and ``vglm``."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import deepglm as dg
from deepglm.errors import SeparationWarning
from deepglm.solvers import Status
from tests.reference import comparison as cmp
from tests.reference import rfits

pytestmark = pytest.mark.reference

RECORDS = rfits.records("categorical")
HOUSING = "Sat ~ Infl + Type + Cont"

MULTINOM = ("multinom_housing", "multinom_birthwt3")
CUMULATIVE = sorted(name for name in RECORDS if name.startswith(("polr_", "clm_")))
# Where they cut off the Cauchy distribution; `test_cauchit` shows it.
TRUNCATED = {"polr_cauchit_housing": 100.0, "clm_cauchit_housing": 1e5}
EXACT = sorted({*CUMULATIVE, "exact_cauchit_housing"} - {*TRUNCATED})
COUNTS = ("vglm_multinomial_pneumo", "vglm_propodds_pneumo")
NOT_AVAILABLE = {
    "vglm_cumulative_nonparallel_pneumo": "a slope of its own for every cut-point",
    "vglm_sratio_pneumo": "stopping ratios",
    "vglm_acat_pneumo": "adjacent categories",
}


def test_every_model_is_compared_or_named() -> None:
    compared = {*MULTINOM, *EXACT, *TRUNCATED, *COUNTS, "multinom_iris2"}
    assert not compared & set(NOT_AVAILABLE)
    assert compared | set(NOT_AVAILABLE) == set(RECORDS)


@pytest.mark.parametrize("name", NOT_AVAILABLE)
def test_not_available(name: str) -> None:
    pytest.skip(f"not in the package: {NOT_AVAILABLE[name]}")


@cache
def data_of(name: str) -> pd.DataFrame:
    """The rows of a record; not to be changed."""
    if "birthwt" in name:
        data = pd.read_csv(rfits.DATA / "MASS_birthwt.csv")
        thirds = pd.cut(data.bwt, [0, 2500, 3300, 9999], labels=["low", "mid", "high"])
        return data.assign(g=thirds, race=pd.Categorical(data.race))
    if "pneumo" in name:
        data = pd.read_csv(rfits.DATA / "VGAM_pneumo.csv")
        return data.assign(let=np.log(data["exposure.time"]))
    if "iris" in name:
        return rfits.table("datasets_iris")
    return rfits.table("MASS_housing")


@cache
def multinom(name: str) -> dg.DeepGLMResults:
    record = RECORDS[name]
    formula = rfits.patsy_formula(record["formula"])
    options = {"freq_weights": "Freq"} if record["weights"] else {}
    return dg.DeepGLM(formula, data_of(name), dg.Multinomial(), hidden=(), **options).fit()


def by_class(values: dict[str, dict[str, float]]) -> pd.Series:
    """Numbers of R by class and column, under our names."""
    return pd.Series({f"{c}:{k}": v for c, part in values.items() for k, v in part.items()})


def in_r_names(values: pd.Series) -> pd.Series:
    """Ours, by class and column in R's spelling."""
    split = [name.split(":", 1) for name in values.index]
    return values.set_axis([f"{c}:{rfits.r_name(column)}" for c, column in split])


def far(V: Any, R: Any) -> float:
    """Largest difference of two covariances, in products of standard errors."""
    d = np.sqrt(np.diag(R))
    return float(np.max(np.abs(np.asarray(V) - np.asarray(R)) / d / d[:, None]))


@pytest.mark.parametrize("name", MULTINOM)
def test_multinom(name: str) -> None:
    record, fit = RECORDS[name], multinom(name)
    assert fit.converged
    for ours, theirs in ((fit.params, "coef"), (fit.bse, "se")):
        expected = by_class(record[theirs])
        assert cmp.worst(in_r_names(ours)[expected.index], expected) <= cmp.TOL
    place = in_r_names(fit.params).index.get_indexer(by_class(record["coef"]).index)
    assert far(fit.cov_params().to_numpy()[np.ix_(place, place)], record["vcov"]) <= cmp.TOL
    scalars = ("loglik", "llf"), ("deviance",) * 2, ("null_deviance",) * 2, ("aic",) * 2
    for theirs, ours in (*scalars, ("edf", "edf")):
        assert cmp.worst(getattr(fit, ours), record[theirs]) <= cmp.TOL
    assert cmp.worst(fit.predict().iloc[:6], record["fitted_head"]) <= cmp.TOL
    assert fit.llf >= record["loglik"] - 1e-9


def test_separated_classes_are_certified_as_such() -> None:
    """A species is set apart by its two measures: R's numbers stand for nothing."""
    record = RECORDS["multinom_iris2"]
    formula = rfits.patsy_formula(record["formula"])
    model = dg.DeepGLM(formula, data_of("iris"), dg.Multinomial(), hidden=())
    with pytest.warns(SeparationWarning, match="Sepal.Length"):
        fit = model.fit()
    assert fit.certificate.status is Status.SEPARATED
    assert not fit.converged and fit.bse.isna().all()
    # R stopped somewhere on the way up
    assert fit.llf > record["loglik"] - 1e-6
    setosa = (data_of("iris").Species == "setosa").to_numpy()
    assert (fit.predict()["setosa"].to_numpy() > 0.5).tolist() == setosa.tolist()


# -- cumulative links -----------------------------------------------------------------------------


def link_of(record: rfits.Record) -> str:
    return {"logistic": "logit"}.get(record["link"], record["link"])


@cache
def cumulative(link: str) -> dg.DeepGLMResults:
    housing = data_of("housing")
    sat = pd.Categorical(housing.Sat, housing.Sat.cat.categories, ordered=True)
    data = housing.assign(Sat=sat)
    return dg.DeepGLM(HOUSING, data, dg.Ordinal(link), freq_weights="Freq", hidden=()).fit()


def coefficients_of(record: rfits.Record) -> pd.Series:
    """R's coefficients and cut-points."""
    if "coef_all" in record:
        return pd.Series(record["coef_all"])
    return pd.Series({**record["coef"], **record["thresholds"]})


@pytest.mark.parametrize("name", EXACT)
def test_cumulative_links(name: str) -> None:
    record = RECORDS[name]
    fit = cumulative(link_of(record))
    assert fit.converged
    expected = coefficients_of(record)
    assert cmp.worst(cmp.by_r_names(fit.params)[expected.index], expected) <= cmp.TOL
    se = pd.Series(record["se"])[expected.index]
    assert cmp.worst(cmp.by_r_names(fit.bse)[expected.index], se) <= cmp.TOL
    assert cmp.worst(fit.llf, record["loglik"]) <= 1e-10
    for quantity in ("aic", "deviance", "edf"):
        if quantity in record:
            assert cmp.worst(getattr(fit, quantity), record[quantity]) <= cmp.TOL
    if "vcov" in record:
        order = record["vcov_order"]
        assert far(cmp.covariance_of(fit).loc[order, order], record["vcov"]) <= cmp.TOL
    if "fitted_head" in record:
        assert cmp.worst(fit.predict().iloc[:6], record["fitted_head"]) <= cmp.TOL


def cauchit_loglik(params: pd.Series, limit: float) -> float:
    """Log-likelihood of the cauchit link, cut-points less eta cut off at `limit` on both sides."""
    housing = data_of("housing")
    slopes = params[[name for name in params.index if "|" not in name]]
    X = np.column_stack([housing[name[:4]] == name[4:] for name in slopes.index]).astype(float)
    cuts = np.r_[-np.inf, params[["Low|Medium", "Medium|High"]], np.inf]
    code = housing.Sat.cat.codes.to_numpy().astype(int)
    eta = X @ slopes.to_numpy()
    above, below = (np.clip(cuts[code + k] - eta, -limit, limit) for k in (1, 0))
    p = stats.cauchy.cdf(above) - stats.cauchy.cdf(below)
    return float(housing.Freq @ np.log(p))


@pytest.mark.parametrize("name", TRUNCATED)
def test_cauchit(name: str) -> None:
    """Neither is at the maximum: the open ends are cut off where the Cauchy law has mass.

    With the same ends the same formula gives their number; without, less than our maximum.
    """
    record, fit = RECORDS[name], cumulative("cauchit")
    theirs = coefficients_of(record)
    assert cauchit_loglik(theirs, TRUNCATED[name]) == pytest.approx(record["loglik"], rel=1e-10)
    assert fit.llf > cauchit_loglik(theirs, np.inf) > record["loglik"] + 0.01
    assert cmp.worst(fit.llf, RECORDS["exact_cauchit_housing"]["loglik"]) <= 1e-12
    ours = cmp.by_r_names(fit.params)
    assert cauchit_loglik(ours, np.inf) == pytest.approx(fit.llf, rel=1e-12)


# -- counts of classes ----------------------------------------------------------------------------

KINDS = ["normal", "mild", "severe"]


def coefficient(counts: pd.DataFrame) -> float:
    """Log of the multinomial coefficients: what rows of one class do not have."""
    y = counts[KINDS].to_numpy()
    p = y / y.sum(axis=1, keepdims=True)
    return float((stats.multinomial.logpmf(y, y.sum(axis=1), p) - _entropy(y, p)).sum())


def _entropy(y: Any, p: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(y > 0, y * np.log(p), 0.0).sum(axis=1)


def saturated(counts: pd.DataFrame) -> float:
    """Log-likelihood of the shares themselves."""
    y = counts[KINDS].to_numpy()
    return float(_entropy(y, y / y.sum(axis=1, keepdims=True)).sum())


def test_vglm_multinomial() -> None:
    record, counts = RECORDS["vglm_multinomial_pneumo"], data_of("pneumo")
    fit = dg.DeepGLM("normal + mild + severe ~ let", counts, dg.Multinomial(), hidden=()).fit()
    names = ["(Intercept):1", "let:1", "(Intercept):2", "let:2"]
    assert cmp.worst(fit.params, pd.Series(record["coef"])[names]) <= cmp.TOL
    assert cmp.worst(fit.bse, pd.Series(record["se"])[names]) <= cmp.TOL
    assert cmp.worst(fit.llf, record["loglik"]) <= cmp.TOL
    assert cmp.worst(fit.deviance, record["deviance"]) <= cmp.TOL
    # R counts rows times classes less one
    assert 2 * len(counts) - fit.edf == record["df_resid"]
    order = [list(record["coef"]).index(name) for name in names]
    V = np.asarray(record["vcov"])[np.ix_(order, order)]
    assert cmp.worst(fit.cov_params(), V) <= cmp.TOL


def test_vglm_proportional_odds() -> None:
    """Counts go into frequency weights; R's deviance is from the shares of its eight rows."""
    record, counts = RECORDS["vglm_propodds_pneumo"], data_of("pneumo")
    long = counts.melt("let", KINDS, "kind", "miners")
    long["kind"] = pd.Categorical(long.kind, KINDS, ordered=True)
    fit = dg.DeepGLM("kind ~ let", long, dg.Ordinal(), freq_weights="miners", hidden=()).fit()
    # R has log odds of a class or a higher one: minus the cut-points
    names, sign = ["normal|mild", "mild|severe", "let"], np.array([-1.0, -1.0, 1.0])
    assert cmp.worst(sign * fit.params[names], list(record["coef"].values())) <= cmp.TOL
    # its covariance is from the expected information; ours, as polr's, from the observed one
    V = pd.DataFrame(np.linalg.inv(fit.model.information(fit.params)), fit.params.index)
    V = V.set_axis(fit.params.index, axis=1).loc[names, names].to_numpy() * sign * sign[:, None]
    assert cmp.worst(V, record["vcov"]) <= cmp.TOL
    assert cmp.worst(np.sqrt(np.diag(V)), list(record["se"].values())) <= cmp.TOL
    assert cmp.worst(fit.llf + coefficient(counts), record["loglik"]) <= cmp.TOL
    assert cmp.worst(2 * (saturated(counts) - fit.llf), record["deviance"]) <= cmp.TOL
    assert 2 * len(counts) - fit.edf == record["df_resid"]


def test_proportional_odds_do_not_see_how_rows_are_grouped() -> None:
    counts = data_of("pneumo")
    long = counts.melt("let", KINDS, "kind", "miners")
    long["kind"] = pd.Categorical(long.kind, KINDS, ordered=True)
    single = long.loc[long.index.repeat(long.miners)]
    weighted = dg.DeepGLM("kind ~ let", long, dg.Ordinal(), freq_weights="miners", hidden=()).fit()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = dg.DeepGLM("kind ~ let", single, dg.Ordinal(), hidden=()).fit()
    np.testing.assert_allclose(weighted.params, plain.params, rtol=1e-10)
    np.testing.assert_allclose(weighted.bse, plain.bse, rtol=1e-10)
    assert weighted.llf == pytest.approx(plain.llf, rel=1e-12)
