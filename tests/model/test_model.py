"""A model: what it says of itself, that fits leave it alone, and that it travels."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepglm as dg

pytestmark = pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")

SHAPES: dict[str, dict[str, Any]] = {
    "glm": {"formula": "y ~ x + C(g)", "hidden": ()},
    "network": {"formula": "y ~ x + C(g)", "hidden": (2,)},
    "plain recursion": {"formula": "y ~ x + C(g)", "hidden": (2,), "skip": False},
    "two layers": {"formula": "y ~ x + z", "hidden": (2, 1), "activation": ("tanh", "logistic")},
    "terms": {"formula": "y ~ C(g) + deep(x, units=(1,)) + deep(z, units=(1,), activation='relu')"},
}


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    n = 120
    frame = pd.DataFrame({"x": rng.normal(10.0, 4.0, n), "z": rng.normal(size=n)})
    frame["g"] = rng.choice(["a", "b", "c"], n)
    frame["e"] = rng.uniform(0.5, 2.0, n)
    return frame.assign(y=rng.poisson(frame.e * np.exp(0.1 * frame.x - np.tanh(frame.z))))


@pytest.fixture(scope="module", params=SHAPES.values(), ids=list(SHAPES))
def model(request: pytest.FixtureRequest, data: pd.DataFrame) -> dg.DeepGLM:
    options = dict(request.param)
    return dg.DeepGLM(options.pop("formula"), data, family=dg.Poisson(), exposure="e", **options)


def test_names_and_numbers_agree(model: dg.DeepGLM, data: pd.DataFrame) -> None:
    size = len(model.exog_names)
    assert len(set(model.exog_names)) == size == model.predictor.size
    theta = np.random.default_rng(0).normal(0.0, 0.1, size)
    assert model.score(theta).shape == (size,)
    assert model.hessian(theta).shape == model.information(theta).shape == (size, size)
    assert model.nobs == len(data) == len(model.endog)
    assert model.exog.shape == (120, model.predictor.k_glm)
    assert "Poisson" in repr(model) and "120 rows" in repr(model)
    np.testing.assert_allclose(model.predict(theta), model.predict(theta, data), rtol=1e-10)


def test_derivatives_are_those_of_the_likelihood(model: dg.DeepGLM) -> None:
    theta = np.random.default_rng(1).normal(0.0, 0.1, len(model.exog_names))
    for value, slope, bend in (
        (model.loglike, model.score, model.hessian),
        (model.penalized_loglike, model.penalized_score, model.penalized_hessian),
    ):
        steps = 1e-5 * np.eye(len(theta))
        first = [(value(theta + h) - value(theta - h)) / 2e-5 for h in steps]
        second = [(slope(theta + h) - slope(theta - h)) / 2e-5 for h in steps]
        scale = np.abs(slope(theta)).max()
        np.testing.assert_allclose(slope(theta), first, rtol=1e-5, atol=1e-7 * scale)
        np.testing.assert_allclose(
            bend(theta), second, rtol=1e-5, atol=1e-6 * np.abs(bend(theta)).max()
        )


def test_columns_in_the_users_units(data: pd.DataFrame) -> None:
    model = dg.DeepGLM("y ~ x + z", data, hidden=())
    np.testing.assert_allclose(model.exog, data[["x", "z"]].assign(c=1.0)[["c", "x", "z"]])
    plain = dg.DeepGLM("y ~ x + z", data, hidden=(), standardize=False)
    np.testing.assert_array_equal(plain.exog[:, 1:], data[["x", "z"]])


def test_a_fit_writes_nothing_to_the_model(model: dg.DeepGLM) -> None:
    before = dict(vars(model))
    rows = [design.copy() for design in model._data.rows.designs]
    fit = model.fit(inference=None, starts=2)
    fit.summary()
    assert dict(vars(model)) == before
    for design, kept in zip(model._data.rows.designs, rows, strict=True):
        np.testing.assert_array_equal(design, kept)


@pytest.mark.parametrize("way", ["pickle", "deepcopy", "copy"])
def test_a_model_and_a_result_travel(model: dg.DeepGLM, data: pd.DataFrame, way: str) -> None:
    ways: dict[str, Any] = {
        "pickle": lambda one: pickle.loads(pickle.dumps(one)),
        "deepcopy": copy.deepcopy,
        "copy": copy.copy,
    }
    fit = model.fit(inference=None, starts=2)
    other = ways[way](model)
    again = other.fit(inference=None, starts=2)
    assert np.array_equal(again.params, fit.params) and again.llf == fit.llf
    moved = ways[way](fit)
    assert np.array_equal(moved.params, fit.params)
    np.testing.assert_array_equal(moved.predict(data[:7]), fit.predict(data[:7]))
    np.testing.assert_array_equal(moved.bse, fit.bse)


def test_names_of_the_caller_are_found_through_every_door(data: pd.DataFrame) -> None:
    power = 2.0

    class Mine(dg.DeepGLM):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)

    formula = "y ~ I(x ** power)"
    fits = []
    for door in (dg.DeepGLM, dg.DeepGLM.from_formula, Mine, Mine.from_formula):
        fits.append(door(formula, data, family=dg.Poisson(), hidden=()).fit())
    for fit in fits:
        np.testing.assert_array_equal(fit.params, fits[0].params)
        np.testing.assert_array_equal(fit.predict(data.assign(power=3.0)), fit.predict(data))
    assert power == 2.0
