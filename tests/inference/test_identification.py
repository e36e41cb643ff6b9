"""Rank, null directions and output weights, on informations whose structure is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import statsmodels.api as sm

import deepglm as dg
from deepglm import links
from deepglm.data import Rows
from deepglm.families import Level, adapt
from deepglm.inference import Fitted, inverse
from deepglm.inference.identification import identification
from deepglm.predictor import Network, Predictor

Array = npt.NDArray[np.float64]


def network(activation: str, units: int, n: int = 200) -> Fitted:
    rng = np.random.default_rng(6)
    X = rng.normal(size=(2, n))
    p = Predictor(1, (Network(2, (units,), (links.get(activation),)),))
    rows = Rows(rng.normal(size=n), (np.ones((1, n)), X), np.zeros(n), np.ones(n), np.ones(n))
    theta = rng.normal(size=p.size)
    return Fitted(p, adapt(sm.families.Gaussian()), rows, theta, np.ones(p.size, dtype=bool))


def test_eigenvalues_are_those_of_correlations() -> None:
    fitted = network("tanh", 2)
    F = fitted.information(Level.FISHER)
    d = np.sqrt(np.diag(F))
    e = np.linalg.eigvalsh(F / np.outer(d, d))
    found = identification(fitted, F, inverse(F))
    np.testing.assert_allclose(found.eigenvalues, e, rtol=1e-9)
    assert found.ratio == pytest.approx(e[0] / e[-1])
    assert found.condition == pytest.approx(np.linalg.cond(F / np.outer(d, d)))
    assert (found.rank, found.size) == (9, 9) and found.null.shape == (9, 0)
    D = np.diag(10.0 ** np.arange(-4.0, 5.0))  # units of measurement have no say
    moved = identification(fitted, D @ F @ D, None)
    np.testing.assert_allclose(moved.eigenvalues, e, rtol=1e-6)


def test_output_weights_over_their_errors() -> None:
    fitted = network("tanh", 3)
    F = fitted.information(Level.FISHER)
    V = inverse(F)
    assert V is not None
    t = np.abs(fitted.theta[-3:]) / np.sqrt(np.diag(V)[-3:])
    found = identification(fitted, F, V)
    np.testing.assert_allclose(found.weights.t, t)
    assert found.least_t == t.min() and found.weights.unit.tolist() == [0, 1, 2]
    assert np.isnan(identification(fitted, F, None).least_t)


def test_a_pinned_weight_leaves_its_size_to_the_slopes() -> None:
    """The t of a ReLU unit is the same whether its weight or the length of its slopes is free."""
    whole = network("relu", 1)
    F = whole.information(Level.FISHER)
    fixed = np.arange(5) == 4
    pinned = replace(whole, free=~fixed)
    V = inverse(F[np.ix_(~fixed, ~fixed)])
    assert V is not None
    found = identification(pinned, F[np.ix_(~fixed, ~fixed)], V).least_t
    # the other pin: length of (intercept, slopes) held, weight free, by the chain rule
    b, v = whole.theta[1:4], whole.theta[4]
    G = np.zeros((3, 4))  # from (b1, b2, b3) to the weight at length 1
    G[:, 1:4] = np.eye(3)
    log_size = b / (b @ b)
    weight = v * np.linalg.norm(b)
    se = abs(weight) * np.sqrt(log_size @ (G @ V @ G.T) @ log_size)
    assert found == pytest.approx(abs(weight) / se)


def test_null_directions_have_a_coefficient_each() -> None:
    """Two duplicate units and a dead one: the information has known null directions."""
    fitted = network("tanh", 3)
    theta = fitted.theta.copy()
    c = fitted.predictor.unpack(theta)
    c.layers[0][0][1] = c.layers[0][0][0]  # units 1 and 2 are the same, with other weights
    c.outputs[0][0, 2] = 0.0  # unit 3 does nothing
    one = replace(fitted, theta=theta)
    F = one.information(Level.FISHER)
    found = identification(one, F, None)
    assert found.light == "singular" and np.isinf(found.condition) or found.ratio < 1e-12
    assert found.size - found.rank == found.null.shape[1] == 4 + 3
    assert np.abs(found.null).max(axis=0) == pytest.approx(np.ones(7))
    d = np.sqrt(np.where(np.diag(F) > 0, np.diag(F), 1.0))
    assert np.abs((F / d / d[:, None]) @ found.null).max() < 1e-6
    slopes_of_dead = [k for k in range(7) if (np.abs(found.null[7:10, k]) == 1.0).any()]
    for k in slopes_of_dead:
        assert (found.null[:, k] != 0).sum() == 1
    assert len(slopes_of_dead) == 3


def test_verdicts() -> None:
    fitted = network("tanh", 1)

    def light(smallest: float) -> str:
        F = np.eye(5)
        F[0, 1] = F[1, 0] = 1.0 - smallest
        return identification(fitted, F, None).light

    assert [light(s) for s in (1e-2, 1e-5, 1e-9)] == [
        "numerically regular",
        "weakly identified",
        "singular",
    ]


def test_a_surplus_unit_is_seen() -> None:
    """One tanh unit made the data: a fit of three has a smaller eigenvalue and a smaller t."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=(400, 2))
    y = 1.5 * np.tanh(1.2 * x[:, 0] - x[:, 1]) + 0.5 * rng.normal(size=400)
    found = {}
    for units in (1, 3):
        fit = dg.DeepGLM.from_arrays(y, x, add_constant=True, hidden=(units,), skip=False).fit()
        numbers = fit._numbers
        V = numbers.normalized * numbers.scale
        found[units] = identification(numbers.fitted, numbers.expected, V)
    assert found[1].ratio > 1e-3 and found[1].least_t > 5
    assert found[3].ratio < 1e-4 and found[3].least_t < 3
