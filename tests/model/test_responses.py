"""Models of every response without, with one and with two hidden layers: what they report."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

import deepglm as dg
from deepglm.errors import NotAvailableError
from tests.model.simulated import KINDS, LEVELS, RESPONSES, SHAPES, model, rows

pytestmark = pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")

Array = npt.NDArray[np.float64]
DATA = rows()
each_response = pytest.mark.parametrize("name", RESPONSES)
each_shape = pytest.mark.parametrize("shape", SHAPES)
OBSERVED = ("ordinal logit", "ordinal cloglog", "tobit", "tobit by row", "interval")


@cache
def fitted(name: str, shape: str = "no layer") -> Any:
    return model(name, DATA, **SHAPES[shape]).fit(inference=None, starts=3, seed=1, n_jobs=1)


def slopes(function: Callable[[Array], Any], at: Array, step: float = 1e-3) -> Array:
    """Central differences of the sixth order."""
    result = []
    for move in step * np.eye(len(at)):
        total = 0.0
        for k, factor in ((1, 45.0), (2, -9.0), (3, 1.0)):
            total = total + factor * (function(at + k * move) - function(at - k * move))
        result.append(total / (60.0 * step))
    return np.array(result)


# -- parameters --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in RESPONSES if name != "tweedie"])
@each_shape
@pytest.mark.parametrize("place", ["at the estimate", "away from it"])
def test_derivatives_are_those_of_the_likelihood(name: str, shape: str, place: str) -> None:
    """In reported parameters, where cut-points and an alpha are what they are called."""
    fit = fitted(name, shape)
    theta = fit.params.to_numpy()
    if place == "away from it":
        theta = theta + 0.1 * np.random.default_rng(3).normal(size=len(theta))
    for value, score, hessian in (
        (fit.model.loglike, fit.model.score, fit.model.hessian),
        (fit.model.penalized_loglike, fit.model.penalized_score, fit.model.penalized_hessian),
    ):
        first, second = slopes(value, theta), slopes(score, theta)
        np.testing.assert_allclose(score(theta), first, rtol=1e-7, atol=1e-7)
        size = 1e-8 * np.abs(second).max()
        np.testing.assert_allclose(hessian(theta), second, rtol=1e-7, atol=size)


def test_a_tweedie_power_that_is_estimated_is_none_of_the_parameters() -> None:
    fit = fitted("tweedie")
    with pytest.raises(NotAvailableError, match=r"'log_scale' and 'power'.*var_power"):
        fit.model.loglike(fit.params)
    power = fit.auxiliary.estimate["power"]
    known = dg.DeepGLM("amount ~ x + z", DATA, family=dg.Tweedie(var_power=power), hidden=()).fit()
    np.testing.assert_allclose(known.params, fit.params, rtol=1e-6)
    expected = known.llf_scaled(float(np.exp(fit.auxiliary.estimate["log_scale"])))
    assert fit.llf == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "column", "values"),
    [
        ("multinomial", "kind", KINDS),
        ("ordinal logit", "level", LEVELS),
        ("ordinal cloglog", "level", LEVELS),
        ("binary tanh", "event", (0, 1)),
    ],
)
@each_shape
def test_the_information_is_the_expected_hessian(
    name: str, column: str, values: tuple[Any, ...], shape: str
) -> None:
    """Every row once with each response that it may have, weighted by its probability."""
    theta = fitted(name, shape).params.to_numpy() + 0.05
    here = model(name, DATA, **SHAPES[shape])
    probabilities = here.predict(theta).T
    if name == "binary tanh":
        probabilities = np.stack([1.0 - probabilities, probabilities])
    copies = []
    for value, p in zip(values, probabilities, strict=True):
        response = pd.Categorical([value] * len(DATA), categories=list(values), ordered=True)
        copies.append(DATA.assign(p=p, **{column: value if column == "event" else response}))
    expected = model(name, pd.concat(copies), freq_weights="p", **SHAPES[shape])
    # columns are standardised over the same rows, so that the parameters mean the same
    found = here.information(theta)
    size = 1e-9 * np.abs(found).max()
    np.testing.assert_allclose(found, -expected.hessian(theta), rtol=1e-8, atol=size)
    np.testing.assert_allclose(expected.score(theta), 0.0, atol=1e-9)
    eigenvalues = np.linalg.eigvalsh(found)
    assert eigenvalues[0] > -1e-9 * eigenvalues[-1]


NAMES = {
    "multinomial": ["elm:Intercept", "elm:x", "elm:z", "oak:Intercept", "oak:x", "oak:z"],
    "counts of classes": ["ash:Intercept", "ash:x", "ash:z", "oak:Intercept", "oak:x", "oak:z"],
    "ordinal logit": ["x", "z", "none|some", "some|more", "more|most"],
    "ordinal cloglog": ["x", "z", "none|some", "some|more", "more|most"],
    "tobit": ["Intercept", "x", "z", "log_sigma"],
    "tobit by row": ["Intercept", "x", "z", "log_sigma"],
    "interval": ["Intercept", "x", "z", "log_sigma"],
    "negative binomial": ["Intercept", "x", "z", "alpha"],
    "tweedie": ["Intercept", "x", "z"],
    "binary tanh": ["Intercept", "x", "z"],
}


@each_response
@each_shape
def test_names_and_their_order(name: str, shape: str) -> None:
    """Coefficients as in statsmodels, then hidden layers, then what the family has besides."""
    fit, others = fitted(name, shape), RESPONSES[name].others
    names = list(fit.params.index)
    assert names == fit.model.exog_names
    assert len(set(names)) == len(names)
    assert tuple(names[len(names) - len(others) :]) == others
    if shape == "no layer":
        assert names == NAMES[name]
    else:
        glm = [one for one in NAMES[name] if one not in others]
        alone = [one for one in glm if one.endswith("Intercept")]
        kept = alone if shape.endswith("alone") else glm
        assert [one for one in names if one in glm] == kept
        # an intercept and a slope on each input for each unit, and a coefficient above it
        predictors = 2 if "class" in name or name == "multinomial" else 1
        layers = 2 * 3 + (2 * 3 if shape.startswith("two") else 0) + 2 * predictors
        assert len(names) == len(kept) + layers + len(others)
    for table in (fit.cov_params(), fit.normalized_cov_params):
        assert list(table.index) == list(table.columns) == names
    for series in (fit.bse, fit.tvalues, fit.pvalues, fit.fixed, fit.aliased):
        assert list(series.index) == names
    assert list(fit.conf_int().index) == names


@each_response
@each_shape
def test_fits_are_certified_and_stationary(name: str, shape: str) -> None:
    fit = fitted(name, shape)
    assert fit.converged
    assert fit.certificate.decrement < 1e-6
    assert fit.withheld == "" or shape != "no layer"
    if name == "tweedie":
        return
    assert fit.penalized_llf == pytest.approx(fit.model.penalized_loglike(fit.params), rel=1e-12)
    assert fit.llf == pytest.approx(fit.model.loglike(fit.params), rel=1e-12)
    score, H = fit.model.penalized_score(fit.params), fit.model.penalized_hessian(fit.params)
    assert 0.5 * score @ np.linalg.solve(-H, score) < 1e-6
    assert (np.linalg.eigvalsh(-H) > 0.0).all()


@each_response
@each_shape
def test_covariances_are_inverse_informations(name: str, shape: str) -> None:
    """The observed one for ordinal and censored responses, the expected one for classes."""
    fit = fitted(name, shape)
    # in a network, terms with a meaning of their own get errors like effects: not asked for here
    joint = ~fit._own if fit.model.hidden else np.ones(len(fit.params), dtype=bool)
    np.testing.assert_allclose(fit.bse[joint] ** 2, np.diag(fit.cov_params())[joint], rtol=1e-12)
    assert np.isfinite(fit.bse[joint]).all()
    assert fit.bse[~joint].isna().all()
    if name in ("tweedie", "negative binomial"):
        return  # a dispersion, and an alpha that is taken as independent of the mean
    H = fit.model.penalized_hessian(fit.params, observed=name in OBSERVED)
    expected = np.linalg.inv(-H)
    size = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(fit.cov_params(), expected, rtol=1e-5, atol=size)


@each_response
def test_z_tests_and_intervals_by_name(name: str) -> None:
    fit = fitted(name)
    interval = fit.conf_int()
    half = 1.959963984540054 * fit.bse
    np.testing.assert_allclose(interval[0], fit.params - half, rtol=1e-12)
    np.testing.assert_allclose(interval[1], fit.params + half, rtol=1e-12)
    for k, coefficient in enumerate(NAMES[name]):
        test = fit.t_test(f"{coefficient} = 0.1")
        assert test.effect[0] == pytest.approx(fit.params.iloc[k], rel=1e-12)
        assert test.sd[0, 0] == pytest.approx(fit.bse.iloc[k], rel=1e-10)
        assert test.tvalue[0, 0] == pytest.approx((fit.params.iloc[k] - 0.1) / fit.bse.iloc[k])
    first, second = NAMES[name][:2]
    both = fit.f_test(f"{first} = {second}, {second} = 0")
    R = np.zeros((2, len(fit.params)))
    R[0, :2], R[1, 1] = (1.0, -1.0), 1.0
    gap = R @ fit.params.to_numpy()
    chi2 = gap @ np.linalg.solve(R @ fit.cov_params().to_numpy() @ R.T, gap)
    assert both.statistic == pytest.approx(chi2 / 2.0, rel=1e-10)
    terms = fit.wald_test_terms().table
    assert set(terms.index) >= {"x", "z"}
    assert (
        terms["df_constraint"] == (2 if name in ("multinomial", "counts of classes") else 1)
    ).all()


@each_response
def test_networks_have_no_intervals_that_were_not_asked_for(name: str) -> None:
    fit = fitted(name, "one layer")
    assert fit.conf_int().isna().all(axis=None)
    assert fit.tvalues.isna().all()
    assert "inference=None" in fit.withheld


@each_response
@each_shape
def test_summaries_are_written(name: str, shape: str) -> None:
    text = fitted(name, shape).summary().as_text()
    for other in RESPONSES[name].others:
        assert other in text


# -- predictions --------------------------------------------------------------------------------


@each_response
@each_shape
def test_predictions_of_old_and_new_rows(name: str, shape: str) -> None:
    fit, new = fitted(name, shape), DATA.iloc[[5, 40, 7]].copy()
    new.loc[40, "z"] = np.nan
    for which in (None, *fit.model._adapted.statistics):
        old, found = fit.predict(which=which), fit.predict(new, which=which)
        assert list(found.index) == [5, 40, 7]
        assert list(old.index) == list(DATA.index)
        np.testing.assert_allclose(found.loc[[5, 7]], old.loc[[5, 7]], rtol=1e-12)
        assert np.isnan(found.loc[40]).all()
    prob = fit.predict(new)
    if prob.ndim == 2:
        levels = {"multinomial": KINDS, "counts of classes": KINDS}.get(name, LEVELS)
        assert tuple(prob.columns) == levels
        np.testing.assert_allclose(prob.loc[[5, 7]].sum(axis=1), 1.0, rtol=1e-12)


@each_response
def test_predictions_with_standard_errors(name: str) -> None:
    """By differences of the statistic in the reported parameters."""
    fit, new = fitted(name), DATA.iloc[[5, 40, 7]].copy()
    new.loc[40, "z"] = np.nan
    if name == "tweedie":
        return  # statsmodels' classes, in the tests of results
    for which in fit.model._adapted.statistics:
        frame = fit.get_prediction(new, which=which).summary_frame()
        G = slopes(
            lambda theta, which=which: np.ravel(fit.model.predict(theta, new, which=which)),
            fit.params.to_numpy(),
        )
        expected = np.sqrt(np.einsum("jm,jk,km->m", G, fit.cov_params().to_numpy(), G))
        values = np.ravel(fit.predict(new, which=which))
        column = next(c for c in frame.columns if c in ("predicted", "mean", "linpred"))
        error = next(c for c in frame.columns if c.endswith("se"))
        np.testing.assert_allclose(frame[column], values, rtol=1e-11)
        np.testing.assert_allclose(frame[error], expected, rtol=1e-7)
        assert np.isnan(frame[error]).sum() == np.isnan(values).sum() > 0
        average = fit.get_prediction(new.drop(40), which=which, average=True).summary_frame()
        G = G[:, ~np.isnan(values)].reshape(len(G), 2, -1).mean(axis=1)
        expected = np.sqrt(np.einsum("jm,jk,km->m", G, fit.cov_params().to_numpy(), G))
        np.testing.assert_allclose(average["se"], expected, rtol=1e-7)


# -- the same fit again -------------------------------------------------------------------------


def assert_same_bits(a: Any, b: Any) -> None:
    for member in ("params", "bse"):
        assert np.array_equal(getattr(a, member), getattr(b, member), equal_nan=True)
    assert (a.llf, a.penalized_llf) == (b.llf, b.penalized_llf)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Rows in so many pieces that two threads have something to share."""
    for place in ("deepglm.data.rows", "deepglm.likelihood"):
        monkeypatch.setattr(f"{place}.BLOCK_ROWS", 40)
    monkeypatch.setattr("deepglm.execution.CHUNK_ROWS", 80)
    yield
    monkeypatch.undo()


@each_response
@pytest.mark.parametrize("shape", ["no layer", "one layer"])
@pytest.mark.usefixtures("small_chunks")
def test_threads_and_repetition_give_the_same_bits(name: str, shape: str) -> None:
    one = model(name, DATA, **SHAPES[shape])
    fits = [one.fit(inference=None, starts=2, seed=4, n_jobs=jobs) for jobs in (1, 2, 1)]
    for other in fits[1:]:
        assert_same_bits(fits[0], other)
    whole = fitted(name, shape)
    if shape == "no layer":
        np.testing.assert_allclose(fits[0].params, whole.params, rtol=1e-6, atol=1e-7)


@each_response
@each_shape
def test_the_estimate_is_a_start_that_stays(name: str, shape: str) -> None:
    fit = fitted(name, shape)
    again = fit.model.fit(inference=None, start_params=fit.params, starts=0, n_jobs=1)
    assert again.converged
    assert again.penalized_llf == pytest.approx(fit.penalized_llf, abs=1e-8)
    np.testing.assert_allclose(again.params, fit.params, rtol=1e-4, atol=1e-5)


@each_response
@each_shape
def test_results_travel(name: str, shape: str) -> None:
    fit = fitted(name, shape)
    moved = pickle.loads(pickle.dumps(fit))
    assert_same_bits(moved, fit)
    new = DATA.head(5)
    pd.testing.assert_frame_equal(pd.DataFrame(moved.predict(new)), pd.DataFrame(fit.predict(new)))
    assert moved.summary().as_text().split("Date")[0] == fit.summary().as_text().split("Date")[0]


@each_response
def test_a_network_is_at_least_as_good_as_the_glm_inside(name: str) -> None:
    glm = fitted(name)
    for shape in ("one layer", "two layers"):
        assert fitted(name, shape).penalized_llf >= glm.llf - 1e-7
