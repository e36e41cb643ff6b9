"""Candidates: which monomials, what phantom units are, and sizes and powers of the tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.inference import nonlinearity as nl


def fitted(data: pd.DataFrame, formula: str) -> Any:
    return dg.DeepGLM(formula, data, hidden=()).fit()._numbers.fitted


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(2.0, 3.0, size=(60, 3)), columns=list("abc"))
    frame["g"] = rng.choice([0.0, 1.0], 60)
    frame["y"] = frame.a + rng.normal(size=60)
    return frame


def test_columns_are_scaled_and_constant_ones_left_out(data: pd.DataFrame) -> None:
    one = nl.scaled(fitted(data, "y ~ a + g"), [range(3)])
    X = one(slice(0, 60))
    np.testing.assert_allclose(X.mean(axis=1), 0.0, atol=1e-12)
    np.testing.assert_allclose(X.std(axis=1), 1.0)
    assert one.binary.tolist() == [False, True]
    np.testing.assert_array_equal(one(slice(10, 20)), X[:, 10:20])


def test_cubic_has_every_monomial_once(data: pd.DataFrame) -> None:
    found = nl.cubic(nl.scaled(fitted(data, "y ~ a + b + g"), [range(4)]))
    squares = {(0, 0), (0, 1), (0, 2), (1, 1), (1, 2)}
    cubes = {(0, 0, 0), (0, 0, 1), (0, 0, 2), (0, 1, 1), (0, 1, 2), (1, 1, 1), (1, 1, 2)}
    assert set(found.monomials) == squares | cubes  # no powers of the dummy, the last column
    X = found.columns(slice(None))
    np.testing.assert_allclose(found(slice(None))[-1], np.prod(X[list(found.monomials[-1])], 0))


@pytest.mark.parametrize(("p", "expected"), [(12, 78 + 364), (20, 210 + 20), (40, 40 + 40)])
def test_as_many_as_are_manageable(p: int, expected: int) -> None:
    rng = np.random.default_rng(1)
    names = [f"x{k}" for k in range(p)]
    data = pd.DataFrame(rng.normal(size=(80, p)), columns=names).assign(y=rng.normal(size=80))
    columns = nl.scaled(fitted(data, "y ~ " + " + ".join(names)), [range(p + 1)])
    assert len(nl.cubic(columns)) == expected <= nl.MOST


def test_phantom_units(data: pd.DataFrame) -> None:
    columns = nl.scaled(fitted(data, "y ~ a + b"), [range(3)])
    units = nl.phantoms(columns, dg.links.get("tanh"), seed=3)
    assert units.coefficients.shape == (nl.UNITS, 3)
    assert np.abs(units.coefficients).max() < nl.REACH
    a = units.coefficients @ np.concatenate((np.ones((1, 60)), columns(slice(None))))
    np.testing.assert_allclose(units(slice(None)), np.tanh(a))
    again = nl.phantoms(columns, dg.links.get("tanh"), seed=3)
    np.testing.assert_array_equal(units.coefficients, again.coefficients)


def test_shapes_of_an_input(data: pd.DataFrame) -> None:
    model = fitted(data, "y ~ a + b + g")
    own, others = nl.scaled(model, [[2]]), nl.scaled(model, [[1, 3]])
    powers = nl.shapes(own, others, 100).monomials
    assert list(powers) == [(0,), (0, 0), (0, 0, 0), (0, 1), (0, 2)]
    assert list(nl.shapes(own, others, 3).monomials) == [(0,), (0, 0), (0, 0, 0)]
    assert list(nl.shapes(own, others, -4).monomials) == [(0,), (0, 0)]
    dummy = nl.shapes(nl.scaled(model, [[3]]), own, 100).monomials
    assert list(dummy) == [(0,), (0, 1)]


def rejections(formula: str, effect: float, runs: int) -> np.ndarray:
    """How often each of the two tests rejects at 5%."""
    found = []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        x = pd.DataFrame(rng.uniform(-1.7, 1.7, size=(150, 2)), columns=["a", "b"])
        x["y"] = 0.5 * x.a + effect * np.tanh(2.0 * x.a * x.b) + 0.5 * rng.normal(size=150)
        fit = dg.DeepGLM(formula, x, hidden=()).fit()
        found.append(fit.nonlinearity_test().pvalue < 0.05)
    return np.mean(found, axis=0)


def test_size_and_power() -> None:
    assert (rejections("y ~ a + b", 0.0, 60) <= 0.13).all()  # 5%, and three standard errors
    assert (rejections("y ~ a + b", 0.4, 20) >= 0.6).all()
