"""Combinations that nobody planned: each was once a wrong number, a NaN or an error of Python."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import deepglm as dg
from deepglm.errors import DataError, NotAvailableError
from deepglm.families import Level
from tests.bad_input.refusal import refused


@pytest.fixture
def line() -> pd.DataFrame:
    """Counts around a line; the first row has no weight, and the line is negative there."""
    rng, n = np.random.default_rng(0), 80
    rows = pd.DataFrame({"x": rng.uniform(0.0, 1.0, n)})
    rows["y"] = rng.poisson(0.05 + 3.0 * rows["x"]).astype(float)
    rows["w"] = 1.0
    rows.loc[0, ["x", "y", "w"]] = [-5.0, 2.0, 0.0]
    return rows


def test_row_of_no_weight_may_have_a_mean_that_the_family_cannot_have(line: pd.DataFrame) -> None:
    family = dg.Poisson(sm.families.links.Identity())
    made = dg.DeepGLM("y ~ x", line, family, freq_weights="w", hidden=())
    without = dg.DeepGLM("y ~ x", line.iloc[1:], family, hidden=())
    fit, smaller = made.fit(inference=None), without.fit(inference=None)
    assert fit.converged and fit.predict().iloc[0] < 0
    np.testing.assert_allclose(fit.params, smaller.params, rtol=1e-9)
    np.testing.assert_allclose(fit.bse, smaller.bse, rtol=1e-9)
    for member in ("llf", "deviance", "pearson_chi2", "llnull", "null_deviance", "aic"):
        assert getattr(fit, member) == pytest.approx(getattr(smaller, member), rel=1e-9), member
    params = smaller.params.to_numpy()
    assert made.loglike(params) == pytest.approx(without.loglike(params), rel=1e-12)
    np.testing.assert_allclose(made.score(params), without.score(params), atol=1e-8)
    np.testing.assert_allclose(made.hessian(params), without.hessian(params), rtol=1e-9)


def test_row_of_no_weight_may_overflow_in_a_hidden_layer() -> None:
    rng, n = np.random.default_rng(3), 60
    rows = pd.DataFrame({"x": rng.normal(size=n)})
    rows["y"] = rng.poisson(np.exp(0.5 * rows["x"] ** 2 - 0.5)).astype(float)
    rows["w"] = 1.0
    rows.loc[0, ["x", "w"]] = [1e4, 0.0]
    options = {"hidden": (1,), "activation": "square"}
    fit = dg.DeepGLM("y ~ x", rows, dg.Poisson(), freq_weights="w", **options).fit(
        inference=None, starts=2
    )
    smaller = dg.DeepGLM("y ~ x", rows.iloc[1:], dg.Poisson(), **options).fit(
        inference=None, starts=2
    )
    assert fit.converged
    assert fit.llf == pytest.approx(smaller.llf, rel=1e-9)
    leverages = fit.get_hat_matrix_diag()
    assert leverages.iloc[0] == 0.0 and np.isfinite(leverages).all()
    with refused(DataError, ValueError, "row number 0", "too large"):
        fit.simulate(seed=0)


def test_no_penalty_of_the_grid_can_be_judged() -> None:
    rng, n = np.random.default_rng(0), 300
    rows = pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n)})
    mean = np.maximum(0.05, 1.0 + 0.9 * rows["x"])
    rows["y"] = rng.poisson(mean).astype(float)
    family = dg.Poisson(sm.families.links.Identity())
    made = dg.DeepGLM("y ~ x + z", rows, family, hidden=(2,), penalty="validation")
    with refused(DataError, ValueError, "penalty='validation'", "held out", "penalty='weak'"):
        made.fit(inference=None, starts=2)


@pytest.mark.parametrize("eta", [800.0, 1e9, 3.07e17, 1e300])
@pytest.mark.parametrize("log_alpha", [-2.0, 3.0])
def test_counts_far_from_any_mean_have_an_information(eta: float, log_alpha: float) -> None:
    family = dg.families.of_response(dg.NegativeBinomial(), (), np.array([3.0, 5.0]))
    y, one = np.array([3.0, 5.0]), np.ones(2)
    terms = family.rows(y, np.full((1, 2), eta), np.array([log_alpha]), one, Level.FISHER)
    assert terms.information is not None
    assert np.isfinite(terms.information).all()
    assert (terms.information[1, 1] >= 0.0).all()


@pytest.mark.parametrize("role", ["freq_weights", "var_weights"])
def test_diagnostics_of_statsmodels_need_weights_above_zero(line: pd.DataFrame, role: str) -> None:
    line["x"] = line["x"].abs()
    fit = dg.DeepGLM("y ~ x", line, hidden=(), **{role: "w"}).fit()
    square = line["x"].to_numpy()[:, None] ** 2
    for ask in (fit.get_influence, lambda: fit.score_test(square)):
        with refused(NotAvailableError, NotImplementedError, "weight of zero", "subset="):
            ask()
    kept = dg.DeepGLM("y ~ x", line, hidden=(), subset=line["w"] > 0, **{role: "w"}).fit()
    np.testing.assert_allclose(kept.params, fit.params, rtol=1e-9)
    assert np.isfinite(kept.get_influence().summary_frame()).all(axis=None)


def test_row_without_trials() -> None:
    rng, n = np.random.default_rng(0), 40
    rows = pd.DataFrame({"x": rng.normal(size=n), "k": rng.binomial(4, 0.5, n).astype(float)})
    rows["m"] = 4.0 - rows["k"]
    rows.loc[0, ["k", "m"]] = 0.0
    fit = dg.DeepGLM("k + m ~ x", rows, dg.Binomial(), hidden=()).fit()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = fit.simulate(3, seed=1)
        assert fit.predict_quantiles([0.1, 0.9]).iloc[0].tolist() == [0.0, 0.0]
    assert (drawn.iloc[0] == 0).all()
    assert fit.resid_anscombe.iloc[0] == 0.0
    assert np.isfinite(fit.resid_anscombe).all()


def test_parameters_that_overflow_are_impossible_without_a_word() -> None:
    rng, n = np.random.default_rng(5), 60
    rows = pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n)})
    rows["y"] = rng.poisson(np.exp(rows["x"])).astype(float)
    made = dg.DeepGLM("y ~ x + z", rows, dg.Poisson(), hidden=(2,), activation="square")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert made.loglike(np.full(len(made.exog_names), 1e200)) == -np.inf
