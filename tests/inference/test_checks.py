"""Tests of the distribution: statsmodels' numbers, and sizes where the right answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import special, stats
from statsmodels.discrete import diagnostic
from statsmodels.stats.diagnostic import het_breuschpagan

import deepglm as dg
from deepglm.inference import checks
from deepglm.inference.checks import Counts, Events
from deepglm.inference.uncertainty import Functional

Array = npt.NDArray[np.float64]


def poisson(n: int, columns: int, seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, columns)) / np.sqrt(columns)])
    return rng.poisson(np.exp(X @ np.full(columns + 1, 0.4))).astype(float), X


def counts(y: Array, X: Array) -> tuple[Counts, Any]:
    fit = sm.GLM(y, X, family=sm.families.Poisson()).fit()
    h = fit.get_hat_matrix_diag()
    return Counts(y, fit.fittedvalues, h, np.ones(len(y))), fit


def plain(found: Counts) -> Counts:
    """Without the leverages, which statsmodels leaves out."""
    return Counts(found.y, found.mu, np.zeros_like(found.h), found.freq)


def test_poisson_dispersion_by_statsmodels() -> None:
    found, fit = counts(*poisson(150, 2, 1))
    theirs = diagnostic.test_poisson_dispersion(fit).summary_frame().set_index("method")
    ours = checks.dean_lawless(plain(found))
    assert ours.statistic == pytest.approx(theirs.loc["Dean B", "statistic"])
    assert ours.pvalue == pytest.approx(theirs.loc["Dean B", "pvalue"])
    z = ((found.y - found.mu) ** 2 - found.y) / found.mu
    linear = sm.OLS(z, np.ones_like(z)).fit()
    assert checks.cameron_trivedi(plain(found), 1).statistic == pytest.approx(linear.tvalues[0])
    square = sm.OLS(z, found.mu).fit(cov_type="HC1")
    assert checks.cameron_trivedi(plain(found), 2).statistic == pytest.approx(square.tvalues[0])


def test_frequencies_are_repeated_rows() -> None:
    found, _ = counts(*poisson(60, 2, 3))
    freq = np.random.default_rng(0).integers(0, 3, 60)
    weighted = Counts(found.y, found.mu, found.h, freq.astype(float))
    repeated = Counts(*(np.repeat(one, freq) for one in (found.y, found.mu, found.h, found.freq)))
    for test in (checks.dean_lawless, lambda c: checks.cameron_trivedi(c, 1)):
        np.testing.assert_allclose(test(weighted), test(repeated), rtol=1e-10)


def test_leverage_takes_the_bias_of_many_coefficients_away() -> None:
    """60 rows, 20 columns: without the correction the statistic is far below zero."""
    raw, corrected = [], []
    for seed in range(150):
        found, _ = counts(*poisson(60, 19, seed))
        raw.append(checks.dean_lawless(plain(found)).statistic)
        corrected.append(checks.dean_lawless(found).statistic)
    assert np.mean(raw) < -1.2
    assert abs(np.mean(corrected)) < 0.3


def test_dean_binomial_is_standard_normal_and_symmetric() -> None:
    rng = np.random.default_rng(5)
    m = rng.integers(1, 7, 300).astype(float)
    p = special.expit(rng.normal(size=300))
    none, one = np.zeros(300), np.ones(300)
    z = []
    for _ in range(400):
        y = rng.binomial(m.astype(int), p).astype(float)
        z.append(checks.dean_binomial(Counts(y, m * p, none, one), m).statistic)
    assert abs(np.mean(z)) < 0.15 and 0.9 < np.std(z) < 1.1
    mirrored = checks.dean_binomial(Counts(m - y, m * (1 - p), none, one), m)
    assert mirrored.statistic == pytest.approx(z[-1])
    spread = rng.binomial(m.astype(int), rng.beta(2 * p, 2 * (1 - p))).astype(float)
    assert checks.dean_binomial(Counts(spread, m * p, none, one), m).pvalue < 1e-6


def zeros(fit: Any) -> checks.Zeros:
    numbers = fit._numbers
    return checks.Zeros(numbers.fitted, numbers.normalized, numbers.expected)


def test_zero_inflation_of_a_poisson_by_statsmodels() -> None:
    y, X = poisson(200, 2, 2)
    found = zeros(dg.DeepGLM.from_arrays(y, X, dg.Poisson(), hidden=()).fit())
    fit = counts(y, X)[1]
    for ours, theirs in (
        (found.modified(), diagnostic.test_poisson_zeroinflation_broek(fit)),
        (found.excess(), diagnostic.test_poisson_zeros(fit)),
    ):
        assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-8)
        assert ours.pvalue == pytest.approx(theirs.pvalue, rel=1e-8)
    assert found.seen == (y == 0).sum()
    assert found.expected == pytest.approx(np.exp(-fit.fittedvalues).sum())


def test_a_large_mean_does_no_harm_to_the_number_of_zeros() -> None:
    y, X = poisson(200, 2, 2)
    data = pd.DataFrame({"y": np.r_[y, 60.0], "x": np.r_[X[:, 1], 0.0], "d": np.r_[0 * y, 1.0]})
    found = zeros(dg.DeepGLM("y ~ x + d", data, dg.Poisson(), hidden=()).fit())
    plain = zeros(dg.DeepGLM("y ~ x", data[:-1], dg.Poisson(), hidden=()).fit())
    assert found.excess().statistic == pytest.approx(plain.excess().statistic, rel=1e-4)
    assert abs(found.modified().statistic) < 1e-6


@pytest.mark.parametrize("law", ["nb", "binomial"])
def test_zero_inflation_has_variance_one_where_parameters_are_estimated(law: str) -> None:
    """With an alpha that is estimated as well, which takes up most of what zeros could say."""
    z = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=200)
        if law == "nb":
            y = rng.negative_binomial(2, 2 / (2 + np.exp(0.7 + 0.3 * x))).astype(float)
            data = pd.DataFrame({"x": x, "y": y})
            fit = dg.DeepGLM("y ~ x", data, dg.NegativeBinomial(), hidden=()).fit()
        else:
            y = rng.binomial(4, special.expit(0.3 * x - 0.5)).astype(float)
            data = pd.DataFrame({"x": x, "y": y, "rest": 4.0 - y})
            fit = dg.DeepGLM("y + rest ~ x", data, dg.Binomial(), hidden=()).fit()
        found = zeros(fit)
        z.append([found.excess().statistic, found.modified().statistic])
    assert np.abs(np.mean(z, axis=0)).max() < 0.25
    assert ((np.std(z, axis=0) > 0.8) & (np.std(z, axis=0) < 1.2)).all()


def test_koenker_by_statsmodels() -> None:
    rng = np.random.default_rng(9)
    X = rng.normal(size=(3, 120))
    residual = rng.normal(size=120) * np.exp(0.3 * X[0])
    design = np.column_stack([np.ones(120), X.T])
    lm, pvalue, *_ = het_breuschpagan(residual, design)
    found = checks.koenker(residual**2, X, np.ones(120))
    assert found == pytest.approx((lm, 3.0, pvalue))
    twice = checks.koenker(residual**2, np.concatenate((X, X[:1] - X[1:2])), np.ones(120))
    assert twice == pytest.approx((lm, 3.0, pvalue))
    freq = rng.integers(0, 3, 120)
    weighted = checks.koenker(residual**2, X, freq.astype(float))
    rows = np.repeat(np.arange(120), freq)
    repeated = checks.koenker(residual[rows] ** 2, X[:, rows], np.ones(len(rows)))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-9)


def events(n: int, slope: float, seed: int) -> Events:
    """Events whose log odds are `slope` times those that are predicted."""
    rng = np.random.default_rng(seed)
    eta = rng.normal(size=n)
    y = (rng.uniform(size=n) < special.expit(slope * eta)).astype(float)
    return Events(y, special.expit(eta), np.ones(n))


def test_recalibration_by_statsmodels() -> None:
    found = events(400, 0.6, 1)
    logit = sm.Logit(found.y, sm.add_constant(found.logit)).fit(disp=0)
    params, bse = checks.recalibrated(found)
    np.testing.assert_allclose(params, logit.params, rtol=1e-6)
    np.testing.assert_allclose(bse, logit.bse, rtol=1e-5)
    tests = checks.calibration_tests(found)
    null = found.y @ np.log(found.p) + (1 - found.y) @ np.log1p(-found.p)
    both = tests["intercept 0 and slope 1"]
    assert both.statistic == pytest.approx(2 * (logit.llf - null)) and both.df == 2
    assert both.pvalue < 1e-3 < checks.calibration_tests(events(400, 1.0, 2))[
        "intercept 0 and slope 1"
    ].pvalue  # fmt: skip


def test_events_that_are_separated_but_for_a_tie() -> None:
    """The slope is infinite; what is left is three events in four trials on the border."""
    y, eta = np.array([0.0, 0, 0.75, 1, 1]), np.array([-2.0, -1, 0.5, 1, 3])
    found = Events(y, special.expit(eta), np.array([1.0, 1, 4, 1, 2]))
    assert np.isnan(checks.recalibrated(found)).all()
    least = -2 * (3 * np.log(0.75) + np.log(0.25))
    null = -2 * (found.trials @ (y * np.log(found.p) + (1 - y) * np.log1p(-found.p)))
    both = checks.calibration_tests(found)["intercept 0 and slope 1"]
    assert both.statistic == pytest.approx(null - least)
    alike = Events(np.ones(5), special.expit(eta), found.trials)
    tests = checks.calibration_tests(alike)
    null = -2 * (found.trials @ np.log(found.p))
    assert [test.statistic for test in tests.values()][:2] == pytest.approx([null, null])


def test_trials_are_repeated_rows() -> None:
    found = events(200, 0.8, 4)
    trials = np.random.default_rng(0).integers(1, 4, 200)
    weighted = Events(found.y, found.p, trials.astype(float))
    repeated = Events(*(np.repeat(one, trials) for one in (found.y, found.p, found.trials)))
    np.testing.assert_allclose(checks.recalibrated(weighted), checks.recalibrated(repeated))
    for name, test in checks.calibration_tests(weighted).items():
        np.testing.assert_allclose(test, checks.calibration_tests(repeated)[name], rtol=1e-7)
    np.testing.assert_allclose(
        checks.calibration_errors(weighted)[0], checks.calibration_errors(repeated)[0]
    )
    curve = checks.calibration_curve(weighted, 5, 0.05)
    assert curve.trials.sum() == trials.sum()
    assert curve.trials @ curve.observed == pytest.approx(weighted.trials @ weighted.y)


def test_spiegelhalter_is_standard_normal() -> None:
    z = [checks.spiegelhalter(events(300, 1.0, seed)).statistic for seed in range(300)]
    assert abs(np.mean(z)) < 0.2 and 0.9 < np.std(z) < 1.1
    assert checks.spiegelhalter(events(2000, 0.5, 1)).pvalue < 1e-3


def test_curve_and_errors_on_a_small_case() -> None:
    p = np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.8])
    y = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    found = Events(y, p, np.ones(6))
    curve = checks.calibration_curve(found, 2, 0.05)
    np.testing.assert_allclose(curve.predicted, [0.2, 0.7])
    np.testing.assert_allclose(curve.observed, [1 / 3, 2 / 3])
    z, n = stats.norm.ppf(0.975), 3.0
    middle = (1 / 3 + z * z / (2 * n)) / (1 + z * z / n)
    np.testing.assert_allclose(0.5 * (curve.lower + curve.upper)[0], middle)
    pooled = np.array([0.0, 0.5, 0.5, 0.5, 0.5, 1.0])  # pool adjacent violators, by hand
    assert checks.calibration_errors(found)[0] == pytest.approx(np.abs(pooled - p).mean())


def test_curvature_of_functions_with_known_moments() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=100)
    fit = dg.DeepGLM.from_arrays(
        1 + x + rng.normal(size=100), x, add_constant=True, hidden=()
    ).fit()
    fitted, numbers = fit._numbers.fitted, fit._numbers
    cov = numbers.normalized * numbers.scale
    theta, s = fitted.theta[1], np.sqrt(cov[1, 1])
    c = 0.6 / s  # exp(c b) with c b of standard deviation 0.6

    def value(at: Array, _: Array) -> Array:
        return np.array([at[1], np.exp(c * (at[1] - theta))])

    def jacobian(at: Array) -> Array:
        return np.array([[0.0, 1.0], [0.0, c * np.exp(c * (at[1] - theta))]])

    found = checks.simulated(fitted, cov, Functional(value, jacobian), 4000, rng)
    np.testing.assert_allclose(found.delta, [s, 0.6])
    right = np.sqrt((np.exp(0.36) - 1.0) * np.exp(0.36))
    assert found.sd[0] == pytest.approx(s, rel=0.05) and found.sd[1] == pytest.approx(
        right, rel=0.1
    )
    np.testing.assert_allclose(found.median, [theta, 1.0], rtol=0.05)
    assert found.curved.tolist() == [False, True]
