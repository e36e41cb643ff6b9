"""French motor claims: the field's GLMs on the published split, to all printed decimals.

The data are in the repository. Where they are missing these tests fail: a reference that is not
compared is no reference.
"""

from __future__ import annotations

import json
import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.special import xlogy

import deepglm as dg
from deepglm.errors import ScaleWarning
from tests.reference import comparison as cmp
from tests.reference import rfits

pytestmark = pytest.mark.reference

FITS = json.loads((rfits.DATA / "fremtpl2_glm.json").read_text())
PUBLISHED = {
    row[0]: row
    for row in json.loads((rfits.DATA / "published_figures.json").read_text())[
        "freMTPL2_2018_split100"
    ]["rows"]
}
GLMS = ["GLM1_noll", "GLM2_noll", "GLM3_noll", "GLM2_schelldorfer"]

# published name, and our name for the same regression
IN_PRINT = [
    ("GLM1 (Noll et al.)", "GLM1_noll", 31.26738, 32.17123),
    ("GLM2 (Schelldorfer & Wuthrich)", "GLM2_schelldorfer", 31.25674, 32.14902),
]


def factor(values: pd.Series, edges: list[float], base: int) -> pd.Categorical:
    """Classes numbered from one, the base level first."""
    classes = pd.cut(values, edges, labels=False) + 1
    others = [k for k in range(1, len(edges)) if k != base]
    return pd.Categorical(classes, categories=[base, *others])


def with_base(values: pd.Series, base: str) -> pd.Series:
    others = [level for level in values.cat.categories if level != base]
    return values.cat.reorder_categories([base, *others])


@cache
def motor() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Learning and test rows, prepared as in the publication."""
    raw = dg.datasets.load("french_motor")
    is_test = dg.datasets.load("french_motor_split")["is_test_seed100"].to_numpy()
    data = raw.assign(
        ClaimNb=raw.ClaimNb.clip(upper=4),
        Exposure=raw.Exposure.clip(upper=1.0),
        AreaGLM=raw.Area.cat.codes + 1.0,
        VehPowerGLM=pd.Categorical(raw.VehPower.clip(upper=9), categories=range(4, 10)),
        VehAgeGLM=factor(raw.VehAge, [-1, 0, 10, np.inf], base=2),
        DrivAgeGLM=factor(raw.DrivAge, [17, 20, 25, 30, 40, 50, 70, np.inf], base=5),
        BonusMalusGLM=raw.BonusMalus.clip(upper=150),
        DensityGLM=np.log(raw.Density),
        Region=with_base(raw.Region, "R24"),
        VehBrand=with_base(raw.VehBrand, "B1"),
        VehGas=with_base(raw.VehGas, "Diesel"),
    )
    return data[~is_test], data[is_test]


@cache
def fitted(name: str) -> dg.DeepGLMResults:
    learn, _ = motor()
    formula = rfits.patsy_formula(" ".join(FITS[name]["formula"].split()))
    with warnings.catch_warnings():
        # DrivAge to the fourth beside dummies is what was published
        warnings.simplefilter("ignore", ScaleWarning)
        return dg.DeepGLM(formula, learn, dg.Poisson(), hidden=(), exposure="Exposure").fit()


def loss(y: pd.Series, mu: pd.Series) -> float:
    """100 times the mean unit Poisson deviance."""
    return float(200.0 * np.mean(mu - y + xlogy(y, y / mu)))


def test_split():
    learn, test = motor()
    assert len(learn) == FITS["homogeneous"]["n_learn"] == 610_212
    assert len(test) == FITS["homogeneous"]["n_test"] == 67_801


def test_homogeneous():
    learn, test = motor()
    fit = dg.DeepGLM("ClaimNb ~ 1", learn, dg.Poisson(), hidden=(), exposure="Exposure").fit()
    stored = FITS["homogeneous"]
    assert cmp.worst(np.exp(fit.params["Intercept"]), stored["lambda"]) <= cmp.TOL
    inside, out = loss(learn.ClaimNb, fit.mu), loss(test.ClaimNb, fit.predict(test))
    assert cmp.worst([inside, out], [stored["in_sample"], stored["out_of_sample"]]) <= cmp.TOL
    assert (round(inside, 5), round(out, 5)) == (32.93518, 33.86149)
    assert PUBLISHED["homogeneous"][2:] == [32.93518, 33.86149]


@pytest.mark.slow
@pytest.mark.parametrize("name", GLMS)
def test_numbers(name):
    stored, fit = FITS[name], fitted(name)
    assert fit.converged
    assert fit.edf == stored["p"]
    theirs = rfits.labelled(stored["coef"])
    ours = cmp.by_r_names(fit.params)
    assert sorted(ours.index) == sorted(theirs.index)
    assert cmp.worst(ours[theirs.index], theirs) <= cmp.TOL
    se = cmp.by_r_names(fit.bse)[theirs.index]
    assert cmp.worst(se, rfits.labelled(stored["se"])) <= cmp.TOL
    assert cmp.worst(cmp.by_r_names(fit.tvalues)[theirs.index], rfits.labelled(stored["z"])) <= (
        cmp.TOL
    )
    for member, key in {
        "deviance": "deviance",
        "null_deviance": "null_deviance",
        "llf": "loglik",
        "aic": "aic",
        "bic": "bic",
        "pearson_chi2": "pearson",
    }.items():
        assert cmp.worst(getattr(fit, member), stored[key]) <= cmp.TOL, member


@pytest.mark.slow
@pytest.mark.parametrize("name", GLMS)
def test_losses(name):
    learn, test = motor()
    fit, stored = fitted(name), FITS[name]
    found = [loss(learn.ClaimNb, fit.mu), loss(test.ClaimNb, fit.predict(test))]
    assert cmp.worst(found, [stored["in_sample"], stored["out_of_sample"]]) <= cmp.TOL


@pytest.mark.slow
@pytest.mark.parametrize(("printed", "name", "inside", "out"), IN_PRINT)
def test_published_figures(printed, name, inside, out):
    learn, test = motor()
    fit = fitted(name)
    assert PUBLISHED[printed] == [printed, fit.edf, inside, out]
    assert round(loss(learn.ClaimNb, fit.mu), 5) == inside
    assert round(loss(test.ClaimNb, fit.predict(test)), 5) == out


@pytest.mark.slow
def test_balance():
    """With the canonical link and an intercept, fitted and observed totals are equal."""
    learn, _ = motor()
    total = learn.ClaimNb.sum()
    for name in GLMS:
        assert abs(fitted(name).mu.sum() - total) / total < 1e-10


@pytest.mark.slow
def test_scales_are_warned_of():
    """A column and its fourth power differ by more than a million, and that is said."""
    learn, _ = motor()
    few = learn.iloc[:20_000]
    formula = "ClaimNb ~ VehGas + DrivAge + I(DrivAge**4)"
    with pytest.warns(ScaleWarning, match=r"DrivAge \*\* 4"):
        dg.DeepGLM(formula, few, dg.Poisson(), hidden=(), exposure="Exposure").fit()
