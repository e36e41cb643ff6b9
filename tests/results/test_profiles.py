"""Profile likelihoods: cases with a known answer, and a search by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import optimize, stats

import deepglm as dg
from deepglm.errors import NotAvailableError, SpecificationError

TREES = dg.datasets.load("trees")
Z = stats.norm.ppf(0.975)


def glm(formula: str, data: pd.DataFrame = TREES, family: Any = None, **options: Any) -> Any:
    return dg.DeepGLM(formula, data, family=family, hidden=(), **options).fit()


def test_of_a_linear_model_it_is_walds() -> None:
    fit = glm("Volume ~ Girth + Height")
    np.testing.assert_allclose(fit.conf_int(method="profile"), fit.conf_int(), rtol=1e-8)
    profile = fit.profile("Girth")
    t = (profile.value - fit.params["Girth"]) / fit.bse["Girth"]
    np.testing.assert_allclose(profile.signed_root, t, atol=1e-8)
    assert len(profile) == 19


def test_of_one_poisson_mean_it_is_known() -> None:
    """2 (n b - s log b) rises by z squared, with b the mean and s the sum."""
    y = np.array([2.0, 0.0, 5.0, 3.0, 1.0])
    fit = dg.DeepGLM.from_arrays(y, np.ones((5, 1)), dg.Poisson(), hidden=()).fit()

    def rise(b: float) -> float:
        return float(2.0 * (5.0 * np.exp(b) - 11.0 * b) - 2.0 * (11.0 - 11.0 * np.log(2.2)) - Z**2)

    ends = [optimize.brentq(rise, *pair) for pair in ((-1.0, np.log(2.2)), (np.log(2.2), 3.0))]
    np.testing.assert_allclose(fit.conf_int(method="profile").iloc[0], ends, rtol=1e-7)


def test_weights_offset_and_other_coefficients_count() -> None:
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"x": rng.normal(size=60), "z": rng.normal(size=60)})
    data["e"], data["w"] = rng.uniform(0.5, 2.0, 60), rng.integers(1, 4, 60)
    data["y"] = rng.poisson(data.e * np.exp(0.2 + 0.5 * data.x))
    fit = glm("y ~ x + z", data, dg.Poisson(), exposure="e", freq_weights="w")
    X = sm.add_constant(data[["z"]])

    def root(b: float) -> float:
        held = sm.GLM(
            data.y,
            X,
            family=sm.families.Poisson(),
            offset=np.log(data.e) + b * data.x,
            freq_weights=data.w,
        ).fit(tol=1e-12)
        return float(np.sqrt(held.deviance - fit.deviance))

    ends = fit.conf_int(0.1, method="profile").loc["x"]
    for end in ends:
        assert root(end) == pytest.approx(stats.norm.ppf(0.95), rel=1e-6)
    assert fit.profile("x", ends[0]).signed_root[0] == pytest.approx(-stats.norm.ppf(0.95))


def test_auxiliary_parameters_are_maximised_over() -> None:
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"x": rng.normal(size=150)})
    data["y"] = rng.negative_binomial(2, 2.0 / (2.0 + np.exp(0.5 + 0.5 * data.x)))
    fit = glm("y ~ x", data, dg.NegativeBinomial())
    ends = fit.conf_int(method="profile")
    assert ends.loc["alpha"].isna().all()
    held = glm("y ~ 1", data, dg.NegativeBinomial(), offset=ends.loc["x", 0] * data.x)
    assert 2.0 * (fit.llf - held.llf) == pytest.approx(Z**2, rel=1e-5)


def test_four_rows_of_two_by_two() -> None:
    """As symmetric as the data, and wide: the deviance rises by a bounded slope only."""
    four = pd.DataFrame({"x": [0.0, 0.0, 1.0, 1.0], "y": [0.0, 1.0, 0.0, 1.0]})
    fit = glm("y ~ x", four, dg.Binomial())
    ends = fit.conf_int(0.01, method="profile").loc["x"]
    assert ends[0] == pytest.approx(-ends[1])

    def rise(b: float) -> float:
        # half of the slope to either side of the intercept is the maximum over that
        p = 1.0 / (1.0 + np.exp(-b / 2.0))
        return float(-4.0 * np.log(p * (1.0 - p)) - 8.0 * np.log(2.0))

    assert np.sqrt(rise(ends[1])) == pytest.approx(stats.norm.ppf(0.995), rel=1e-6)


@pytest.mark.parametrize("family", [dg.Gaussian(), dg.Gamma(), dg.InverseGaussian()])
def test_a_mean_alone(family: Any) -> None:
    """Nothing is left to fit but the dispersion, which is that of the estimate."""
    fit = glm("Volume ~ 1", family=family)
    ends = fit.conf_int(method="profile").loc["Intercept"]
    for end in ends:
        mu = np.full(31, fit.family.link.inverse(end))
        rise = fit.family.deviance(TREES.Volume.to_numpy(), mu) - fit.deviance
        assert rise / fit.scale == pytest.approx(Z**2, rel=1e-6)


def test_what_is_refused() -> None:
    fit = glm("Volume ~ Girth")
    with pytest.raises(NotAvailableError, match="not robust.*cov_type='HC1'"):
        fit.get_robustcov_results("HC1").conf_int(method="profile")
    with pytest.raises(SpecificationError, match="'Height' is not a coefficient"):
        fit.profile("Height")
    with pytest.raises(SpecificationError, match="not finite"):
        fit.profile("Girth", [np.nan])
    with pytest.raises(SpecificationError, match="alpha=1.5"):
        fit.conf_int(1.5, method="profile")
    with pytest.raises(SpecificationError, match="'wald' and 'profile'"):
        fit.conf_int(method="score")
    ridge = glm("Volume ~ Girth", penalty=dg.L2(1.0))
    with pytest.raises(NotAvailableError, match="penalised"):
        ridge.conf_int(method="profile")
    network = dg.DeepGLM("Volume ~ Girth", TREES, hidden=(1,)).fit(inference=None)
    with pytest.raises(NotAvailableError, match="one maximum"):
        network.conf_int(method="profile")
    grades = TREES.assign(k=pd.cut(TREES.Volume, 3, labels=["a", "b", "c"]))
    with pytest.raises(NotAvailableError, match="conf_int"):
        glm("k ~ Girth", grades, dg.Ordinal()).profile("Girth")


def test_powers_that_differ_are_not_compared() -> None:
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"x": rng.normal(size=100), "z": rng.normal(size=100)})
    data["y"] = rng.poisson(np.exp(0.3 * data.x), 100) * rng.gamma(3.0, 1.0, 100)
    fit = glm("y ~ x + z", data, dg.Tweedie())
    for call in (lambda: fit.profile("x"), fit.drop1, lambda: dg.anova(fit)):
        with pytest.raises(NotAvailableError, match="several powers.*var_power"):
            call()
    small = glm("y ~ x", data, dg.Tweedie())
    assert "several powers" in dg.anova(small, fit).reason.iloc[1]
    assert "several powers" in fit.test_input("x", "lr").reason
    assert fit.input_tests().pvalue["x"] < 0.01
    fixed = glm("y ~ x + z", data, dg.Tweedie(var_power=1.5))
    assert fixed.drop1().pvalue["x"] < 0.01
