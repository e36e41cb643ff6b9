"""Units of a refit are brought to the order and signs of a reference, and the predictor is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

import deepglm as dg
from deepglm import links
from deepglm.data import Rows
from deepglm.predictor import Network, Predictor, align, forward, pack, pins
from deepglm.predictor.symmetry import movable, reorder, reverse, reversible

Array = npt.NDArray[np.float64]


def predictor(activation: str, layers: tuple[tuple[int, ...], ...], k_eta: int = 1) -> Predictor:
    nets = [Network(3, units, (links.get(activation),) * len(units)) for units in layers]
    return Predictor(2, tuple(nets), k_eta)


def rows(p: Predictor, n: int = 300) -> Rows:
    rng = np.random.default_rng(8)
    X = [rng.uniform(-1.5, 1.5, (net.n_inputs, n)) for net in p.networks]
    glm = np.stack([np.ones(n), rng.normal(size=n)])
    freq = rng.integers(0, 4, n).astype(float)
    return Rows(np.zeros(n), (glm, *X), np.zeros(n), np.ones(n), freq)


def eta(p: Predictor, theta: Array, data: Rows) -> Array:
    return forward(p.unpack(theta[: p.size]), p, data.designs, 0).eta


def scrambled(p: Predictor, theta: Array, rng: np.random.Generator) -> Array:
    """The same predictor with its units in another order and with other signs."""
    c, none = p.unpack(theta.copy()), p.unpack(np.zeros(p.size))
    for t, network in enumerate(p.networks):
        for level, units in enumerate(network.units):
            reorder(c, t, level, rng.permutation(movable(c, network, t, level)))
            if reversible(c, none, network, t, level):
                reverse(c, network, t, level, rng.uniform(size=units) < 0.5)
    return pack(c)


CASES: list[Any] = [
    *[(name, ((4,),), 1) for name in ("tanh", "logistic", "softplus", "relu", "exp", "square")],
    *[(name, ((3, 4),), 1) for name in ("tanh", "logistic", "relu", "identity", "square")],
    ("tanh", ((3,), (2, 2)), 1),
    ("probit", ((3, 3),), 2),
    ("softmax", ((4,),), 1),
]


@pytest.mark.parametrize(("activation", "layers", "k_eta"), CASES)
def test_a_copy_with_other_order_and_signs_comes_back(
    activation: str, layers: tuple[tuple[int, ...], ...], k_eta: int
) -> None:
    p = predictor(activation, layers, k_eta)
    data, rng = rows(p), np.random.default_rng(3)
    reference = rng.normal(size=p.size)
    if activation == "identity":
        reference = np.where(pins(p), np.round(reference), reference)
    other = scrambled(p, reference, rng)
    assert np.allclose(eta(p, other, data), eta(p, reference, data), rtol=1e-12, atol=1e-12)
    if activation != "identity":
        assert np.abs(other - reference).max() > 0.1
    aligned = align(p, other, reference, data)
    np.testing.assert_allclose(aligned, reference, rtol=0, atol=1e-12)


@pytest.mark.parametrize("layers", [((5,),), ((4, 3),)], ids=str)
@pytest.mark.parametrize("activation", ["tanh", "logistic", "gelu"])
def test_another_fit_keeps_its_predictor_and_comes_closest(
    activation: str, layers: tuple[tuple[int, ...], ...]
) -> None:
    p = predictor(activation, layers)
    data, rng = rows(p), np.random.default_rng(5)
    reference = rng.normal(size=p.size)
    near = reference + 0.05 * rng.normal(size=p.size)
    with_aux = np.append(scrambled(p, near, rng), 7.0)
    before = with_aux.copy()
    aligned = align(p, with_aux, reference, data)
    assert aligned[-1] == 7.0 and np.array_equal(with_aux, before)
    assert np.abs(eta(p, aligned, data) - eta(p, near, data)).max() < 1e-12
    assert np.abs(aligned[:-1] - near).max() < 1e-12
    far = rng.normal(size=p.size)
    assert np.abs(eta(p, align(p, far, reference, data), data) - eta(p, far, data)).max() < 1e-12


def test_a_held_intercept_takes_up_no_constant() -> None:
    p = predictor("logistic", ((1,),))
    data, rng = rows(p), np.random.default_rng(1)
    reference = rng.normal(size=p.size)
    turned = p.unpack(reference.copy())
    reverse(turned, p.networks[0], 0, 0, np.array([True]))
    held = np.zeros(p.size, dtype=bool)
    held[0] = True
    other = pack(turned)
    assert np.array_equal(align(p, other, reference, data, held), other)
    np.testing.assert_allclose(align(p, other, reference, data), reference, atol=1e-14)


def test_units_without_spread_and_models_without_units() -> None:
    p = predictor("tanh", ((3,),))
    data, rng = rows(p), np.random.default_rng(2)
    reference = rng.normal(size=p.size)
    p.unpack(reference).layers[0][0][1, 1:] = 0.0
    aligned = align(p, scrambled(p, reference, rng), reference, data)
    assert np.abs(eta(p, aligned, data) - eta(p, reference, data)).max() < 1e-12
    assert np.array_equal(align(Predictor(2), np.ones(2), np.zeros(2), data), np.ones(2))


def test_only_a_sample_of_the_rows_is_looked_at() -> None:
    p = predictor("tanh", ((3,),))
    data, rng = rows(p, 9000), np.random.default_rng(2)
    reference = rng.normal(size=p.size)
    other = scrambled(p, reference, rng)
    np.testing.assert_allclose(align(p, other, reference, data), reference, atol=1e-13)


@pytest.mark.parametrize("formula", ["y ~ x + z", "y ~ 0 + x + z"])
def test_a_problem_keeps_constants_where_they_are(formula: str) -> None:
    """Without a final intercept a logistic unit cannot turn, or a slope would take the constant."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=["x", "z", "y"])
    problem = dg.DeepGLM(formula, frame, hidden=(3,), activation="logistic")._problem
    p, data = problem.predictor, problem.rows
    reference, theta = rng.normal(size=(2, p.size))
    aligned = problem.aligned(theta, reference)
    assert np.abs(aligned - theta).max() > 0.1
    assert np.abs(eta(p, aligned, data) - eta(p, theta, data)).max() < 1e-12
