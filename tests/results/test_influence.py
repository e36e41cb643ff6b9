"""Influence of rows: statsmodels' numbers where it has them, and refits without a row elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import deepglm as dg
from deepglm.errors import NotAvailableError, SpecificationError
from deepglm.inference.uncertainty import Functional
from deepglm.results.influence import NetworkInfluence

ROWS = ("hat_matrix_diag", "resid_studentized", "d_linpred", "d_linpred_scaled", "d_fittedvalues",
        "d_fittedvalues_scaled")  # fmt: skip


def table(n: int = 80) -> pd.DataFrame:
    rng = np.random.default_rng(12)
    data = pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n)})
    mean = np.exp(0.4 + 0.5 * data.x - 0.3 * data.z)
    data["count"] = rng.poisson(mean).astype(float)
    data["amount"] = rng.gamma(3.0, mean / 3.0)
    data["level"] = np.log(mean) + 0.4 * rng.normal(size=n)
    data["event"] = (rng.uniform(size=n) < mean / (1 + mean)).astype(float)
    data["f"] = rng.integers(1, 4, n).astype(float)
    return data


CASES: dict[str, tuple[str, Any]] = {
    "gaussian": ("level", sm.families.Gaussian()),
    "poisson": ("count", sm.families.Poisson()),
    "gamma": ("amount", sm.families.Gamma(sm.families.links.Log())),
    "probit": ("event", sm.families.Binomial(sm.families.links.Probit())),
}


@pytest.mark.parametrize("observed", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_statsmodels_numbers_of_a_glm(name: str, observed: bool) -> None:
    y, family = CASES[name]
    fit = dg.DeepGLM(f"{y} ~ x + z", table(), family, hidden=()).fit()
    ours, theirs = NetworkInfluence(fit, observed), fit.get_influence(observed)
    assert type(theirs).__name__ == "GLMInfluence"
    np.testing.assert_allclose(ours.hat_matrix_diag, theirs.hat_matrix_diag, rtol=1e-9)
    if observed and name in ("gamma", "probit"):
        return  # statsmodels mixes its observed weights with residuals of the expected ones
    for one in ROWS[2:]:
        np.testing.assert_allclose(getattr(ours, one), getattr(theirs, one), rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(ours.d_params, theirs.d_params, rtol=1e-6, atol=1e-10)
    for k in (0, 1):
        np.testing.assert_allclose(ours.cooks_distance[k], theirs.cooks_distance[k], rtol=1e-7)
    frame = theirs.summary_frame()[["cooks_d", "standard_resid", "hat_diag", "dffits_internal"]]
    if not observed or name in ("gaussian", "poisson"):
        np.testing.assert_allclose(ours.summary_frame(), frame, rtol=1e-6, atol=1e-10)


def without(data: pd.DataFrame, row: int, formula: str, start: Any, **options: Any) -> Any:
    rest = data.drop(index=data.index[row])
    return dg.DeepGLM(formula, rest, **options).fit(start_params=start, inference=None)


def test_a_linear_model_is_left_in_one_step() -> None:
    """With frequencies: all copies of a row go at once."""
    data = table()
    options: dict[str, Any] = {"hidden": (), "freq_weights": "f"}
    fit = dg.DeepGLM("level ~ x + z", data, **options).fit()
    influence = NetworkInfluence(fit)
    for row in (0, 7, 50):
        other = without(data, row, "level ~ x + z", None, **options)
        change = fit.params - other.params
        np.testing.assert_allclose(influence.d_params.iloc[row], change, rtol=1e-8, atol=1e-12)
        own = fit.predict(data.iloc[[row]]).iloc[0] - other.predict(data.iloc[[row]]).iloc[0]
        assert influence.d_fittedvalues.iloc[row] == pytest.approx(own)


def test_refits_of_a_linear_model_agree_with_its_steps() -> None:
    data = table().rename(index=lambda k: f"r{k}")
    fit = dg.DeepGLM("level ~ x + z", data, hidden=(), freq_weights="f").fit()
    found = NetworkInfluence(fit).refit(["r5", "r17"])
    assert found.index.tolist() == ["r5", "r17"]
    np.testing.assert_allclose(found.cooks_d, found.cooks_d_refit, rtol=1e-6)
    np.testing.assert_allclose(found.d_linpred, found.d_linpred_refit, rtol=1e-6)
    with pytest.raises(SpecificationError, match="'r99'"):
        NetworkInfluence(fit).refit(["r5", "r99"])


def test_average_effects_of_inputs_are_the_default() -> None:
    data = table()
    fit = dg.DeepGLM("level ~ x + I(x**2) + z", data, hidden=()).fit()
    influence = NetworkInfluence(fit)
    found = influence.d_effects(scaled=False)
    assert list(found) == ["x", "z"]
    right = influence.d_effects(average_slope(fit), ["x"], scaled=False)["x"]
    np.testing.assert_allclose(found["x"], right, rtol=1e-6, atol=1e-10)
    se = fit.get_margeff().margeff_se
    np.testing.assert_allclose(influence.d_effects(), found / se, rtol=1e-6)


def test_predictions_of_other_rows() -> None:
    data = table()
    data["y"] = np.where(data.x > 0.5, "high", np.where(data.z > 0, "mid", "low"))
    data.loc[data.index % 3 == 0, "y"] = "mid"
    new = data[["x", "z"]].iloc[:3].set_axis(["p", "q", "r"])
    for y, family in (("count", dg.Poisson()), ("y", dg.Multinomial())):
        fit = dg.DeepGLM(f"{y} ~ x + z", data, family, hidden=()).fit()
        influence = NetworkInfluence(fit)
        found = influence.d_predictions(new, scaled=False)
        own = influence.d_linpred  # that of a row of the fit is its own
        if y == "count":
            assert list(found) == ["p", "q", "r"]
            np.testing.assert_allclose(found["q"].iloc[1], own.iloc[1], rtol=1e-9)
            rest = dg.DeepGLM("count ~ x + z", data.drop(index=5), family, hidden=()).fit()
            change = fit.predict(new, which="linear") - rest.predict(new, which="linear")
            np.testing.assert_allclose(found.iloc[5], change, rtol=0.15, atol=1e-4)
            se = fit.get_prediction(new, which="linear").se
            np.testing.assert_allclose(influence.d_predictions(new), found / se, rtol=1e-6)
        else:
            name = own.columns[1]
            np.testing.assert_allclose(found[name, "r"].iloc[2], own[name].iloc[2], rtol=1e-9)


def average_slope(fit: Any) -> Functional:
    """Average over the rows of x's slope in a linear model with x and x squared, and its mean."""
    fitted = fit._numbers.fitted
    T = fit._model._units.from_standard
    x = fit._model._data.seen["x"].to_numpy() if hasattr(fit._model._data.seen, "keys") else None
    assert x is not None

    def rows(theta: Any) -> Any:
        beta = T @ theta
        return (beta[1] + 2.0 * beta[2] * x)[None]

    def jacobian(theta: Any) -> Any:
        share = fitted.rows.freq / fitted.rows.freq.sum()
        return (T[1] + 2.0 * (share @ x) * T[2])[None]

    return Functional(lambda theta, share: rows(theta) @ share, jacobian, rows)


def test_an_average_loses_the_row_itself_as_well() -> None:
    data = table()
    formula = "level ~ x + I(x**2)"
    fit = dg.DeepGLM(formula, data, hidden=()).fit()
    influence = NetworkInfluence(fit)
    effect = average_slope(fit)
    found = influence.d_effects(effect, ["slope"], scaled=False)["slope"]

    def value(one: Any, rows: pd.DataFrame) -> float:
        return float(one.params.iloc[1] + 2.0 * one.params.iloc[2] * rows["x"].mean())

    for row in (3, 40, 66):
        rest = data.drop(index=row)
        right = value(fit, data) - value(dg.DeepGLM(formula, rest, hidden=()).fit(), rest)
        # the product of the two changes is left out
        assert found.iloc[row] == pytest.approx(right, rel=0.01, abs=0.01 * found.abs().max())
    fixed = Functional(effect.value, effect.jacobian)
    assert not np.allclose(influence.d_effects(fixed, scaled=False)[0], found)
    scaled = influence.d_effects(fixed, ["slope"])
    assert list(scaled) == ["slope"] and scaled.abs().max().iloc[0] < 3


@pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")
def test_a_network_is_left_nearly_in_one_step() -> None:
    rng = np.random.default_rng(1)
    data = pd.DataFrame(rng.normal(size=(150, 2)), columns=["x", "z"])
    data["y"] = 0.3 * data.x + np.tanh(1.5 * data.z - 0.5) + 0.3 * rng.normal(size=150)
    fit = dg.DeepGLM("y ~ x + z", data, hidden=(1,)).fit(seed=1, inference=None)
    influence = fit.get_influence()
    assert isinstance(influence, NetworkInfluence) and "no row was refitted" in repr(influence)
    order = np.argsort(-influence.cooks_distance[0].to_numpy())
    pairs = []
    for row in order[:8]:
        other = without(data, row, "y ~ x + z", fit.params, hidden=(1,))
        own = fit.predict(data.iloc[[row]]).iloc[0] - other.predict(data.iloc[[row]]).iloc[0]
        pairs.append((own, influence.d_fittedvalues.iloc[row]))
    exact, step = np.array(pairs).T
    assert np.abs(step / exact - 1.0).max() < 0.25
    assert np.abs(step / exact - 1.0).mean() < 0.1
    again = influence.refit(top=8)
    assert again.converged.all() and again.index.tolist() == order[:8].tolist()
    # the others standardise, scale their prior and estimate the dispersion without the row too
    np.testing.assert_allclose(again.d_linpred_refit, exact, rtol=0.03)
    np.testing.assert_allclose(again.d_linpred, step, rtol=1e-10)
    assert np.corrcoef(again.cooks_d, again.cooks_d_refit)[0, 1] > 0.9
    expected = fit.get_influence(observed=False)
    assert expected.hat_matrix_diag.sum() == pytest.approx(fit.edf)
    np.testing.assert_allclose(expected.hat_matrix_diag, fit.get_hat_matrix_diag(), rtol=1e-12)


@pytest.mark.parametrize("family", ["multinomial", "ordinal", "nb"])
def test_several_channels_against_refits(family: str) -> None:
    rng = np.random.default_rng(3)
    n = 300
    data = pd.DataFrame({"x": rng.normal(size=n)})
    latent = 0.8 * data.x + rng.logistic(size=n)
    words = np.array(["a", "b", "c"])[np.digitize(latent, [-1.0, 1.0])]
    data["y"] = pd.Categorical(words, categories=["a", "b", "c"], ordered=True)
    data["k"] = rng.negative_binomial(2, 2 / (2 + np.exp(0.5 + 0.5 * data.x))).astype(float)
    y = "k" if family == "nb" else "y"
    law = {"multinomial": dg.Multinomial(), "ordinal": dg.Ordinal(), "nb": dg.NegativeBinomial()}
    fit = dg.DeepGLM(f"{y} ~ x", data, law[family], hidden=()).fit()
    influence = NetworkInfluence(fit)
    steps = influence.d_params
    assert influence.summary_frame().notna().all(axis=None)
    assert ("standard_resid" in influence.summary_frame()) == (family == "nb")
    near = []
    for row in np.argsort(-influence.cooks_distance[0].to_numpy())[:4]:
        rest = data.drop(index=row)
        other = dg.DeepGLM(f"{y} ~ x", rest, law[family], hidden=()).fit()
        change = (fit.params - other.params).to_numpy()
        near.append(np.linalg.norm(steps.iloc[row] - change) / np.linalg.norm(change))
        own = fit.predict(data.iloc[[row]]) - other.predict(data.iloc[[row]])
        moved = influence.d_fittedvalues.iloc[[row]].to_numpy()
        assert np.abs(moved - own.to_numpy()).max() < 0.12 * np.abs(moved).max() + 1e-4
    assert max(near) < 0.1


def test_reported_linear_predictors_of_classes() -> None:
    data = table()
    data["y"] = np.where(data.x > 0.5, "high", np.where(data.z > 0, "mid", "low"))
    data.loc[data.index % 3 == 0, "y"] = "mid"
    data.loc[data.index % 7 == 0, "y"] = "low"
    fit = dg.DeepGLM("y ~ x + z", data, dg.Multinomial(), hidden=()).fit()
    moved = NetworkInfluence(fit).d_linpred
    by_hand = fit._model._data.designs(data)  # columns by their reported coefficients
    assert list(moved) == list(fit._numbers.fitted.family.eta_names)
    T = fit._numbers.to_user
    steps = NetworkInfluence(fit).d_params.to_numpy() @ np.linalg.inv(T).T
    k = fit._model.predictor.k_glm
    eta = np.stack([(steps[:, :k] * by_hand[0].T).sum(1), (steps[:, k:] * by_hand[0].T).sum(1)])
    M = fit._numbers.fitted.family.to_reported
    np.testing.assert_allclose(moved.to_numpy().T, M @ eta, rtol=1e-8, atol=1e-12)


def test_a_fit_without_a_covariance_has_no_influence() -> None:
    data = pd.DataFrame({"y": [1.0, 2.0, 4.0], "x": [0.0, 1.0, 3.0], "z": [1.0, 0.0, 2.0]})
    fit = dg.DeepGLM("y ~ x + z", data, hidden=()).fit()
    with pytest.raises(NotAvailableError, match="degrees of freedom"):
        NetworkInfluence(fit)
