"""Hidden units that do not do a unit's work are found, and others are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from deepglm import links
from deepglm.data import Rows
from deepglm.predictor import Network, Predictor, forward
from deepglm.solvers.degenerate import degenerate_units, unit_moments, unit_sd

N = 5000  # more than two blocks of rows


def rows(*designs, freq=None):
    n = designs[0].shape[1]
    ones = np.ones(n)
    return Rows(ones, (np.ones((1, n)), *designs), 0 * ones, ones, ones if freq is None else freq)


def network(activation, units=(2,), inputs=1):
    return Network(inputs, units, tuple(links.get(activation) for _ in units))


def judged(network_or_two, layers, outputs, data):
    """Units of hand-made coefficients: an intercept of zero, layers and output weights."""
    networks = network_or_two if isinstance(network_or_two, tuple) else (network_or_two,)
    predictor = Predictor(1, networks)
    theta = np.zeros(predictor.size)
    c = predictor.unpack(theta)
    for t, (matrices, v) in enumerate(zip(layers, outputs, strict=True)):
        for B, values in zip(c.layers[t], matrices, strict=True):
            B[:] = values
        c.outputs[t][:] = v
    return degenerate_units(predictor, c, data)


X = np.random.default_rng(0).standard_normal((1, N))
ALIVE = [0.3, 1.0]


def one_layer(activation, B, v, data=None):
    return judged(network(activation, (len(B),)), [[np.array(B)]], [v], data or rows(X))


def test_moments_are_those_of_all_rows():
    predictor = Predictor(1, (network("tanh", (3, 2), inputs=2),))
    rng = np.random.default_rng(1)
    c = predictor.unpack(rng.standard_normal(predictor.size))
    X2 = rng.standard_normal((2, N))
    freq = rng.integers(0, 4, N).astype(float)
    state = forward(c, predictor, rows(X2).designs, 1)
    moments = unit_moments(predictor, c, rows(X2, freq=freq))
    for layer, z in zip(moments.layers[0], state.passes[0].z[1:], strict=True):
        np.testing.assert_allclose(layer.covariance, np.cov(z, fweights=freq.astype(int), ddof=0))
    below = np.sqrt(np.diag(np.cov(X2, fweights=freq.astype(int), ddof=0)))
    np.testing.assert_allclose(moments.layers[0][0].inputs_sd, below)
    np.testing.assert_allclose(moments.layers[0][1].inputs_sd, moments.layers[0][0].sd)
    repeated = np.repeat(state.eta[0], freq.astype(int))
    np.testing.assert_allclose(moments.eta_sd, repeated.std())
    bends = (np.abs(state.passes[0].h1[0]) > 0.05) @ freq
    np.testing.assert_array_equal(moments.layers[0][0].bending, bends)
    assert unit_sd(predictor, c, rows(X2, freq=freq))[0][1] == pytest.approx(
        moments.layers[0][1].sd, abs=0
    )


def test_a_steep_unit_is_saturated_and_a_smooth_one_is_not():
    units = one_layer("tanh", [[0.0, 16.0], ALIVE], [1.0, 1.0])
    assert units.saturated == ("layer1.unit1",)
    assert units.dead == units.duplicate == ()


def test_a_unit_that_bends_between_two_rows_is_saturated():
    x = np.r_[-np.linspace(1, 2, 50), np.linspace(1, 2, 50)][None, :]
    assert one_layer("logistic", [[0.0, 9.0], ALIVE], [1.0, 1.0], rows(x)).saturated == (
        "layer1.unit1",
    )


def test_few_rows_do_not_make_a_smooth_unit_a_step():
    assert one_layer("tanh", [ALIVE], [1.0], rows(X[:, :8])).saturated == ()


def test_an_unbounded_unit_is_never_saturated():
    assert one_layer("softplus", [[0.0, 40.0], ALIVE], [1.0, 1.0]).saturated == ()


@pytest.mark.parametrize(
    ("activation", "B", "v"),
    [
        ("relu", [-9.0, 1.0], 1.0),  # never active
        ("tanh", [40.0, 0.1], 5.0),  # one value, but for rounding
        ("tanh", [0.3, 1e-8], 1.0),
        ("tanh", [0.3, 1.0], 1e-8),
    ],
)
def test_a_unit_without_effect_is_dead_and_nothing_else(activation, B, v):
    units = one_layer(activation, [B, ALIVE], [v, 1.0])
    assert units.dead == ("layer1.unit1",)
    assert units.saturated == units.duplicate == ()


def test_a_relu_that_is_always_active_is_a_linear_term_and_alive():
    assert one_layer("relu", [[9.0, 1.0], ALIVE], [1.0, 1.0]).dead == ()


def test_a_small_effect_of_a_steep_output_weight_is_alive():
    """Small slopes and a large coefficient above them are a linear term."""
    assert one_layer("tanh", [[0.0, 1e-4], ALIVE], [1e4, 1.0]).dead == ()


def test_the_scale_of_the_response_does_not_matter():
    for unit in (1e-9, 1e9):
        units = one_layer("tanh", [ALIVE, [-1.0, 1.0], [0.0, 1.0]], [unit, unit, 1e-9 * unit])
        assert units.dead == ("layer1.unit3",)


def test_what_feeds_a_dead_unit_only_is_dead():
    lower = np.array([ALIVE, [-1.0, 1.0]])
    upper = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    units = judged(network("tanh", (2, 2)), [[lower, upper]], [[1.0, 0.0]], rows(X))
    assert units.dead == ("layer1.unit2", "layer2.unit2")
    every = judged(network("tanh", (2, 2)), [[lower, upper]], [[0.0, 0.0]], rows(X))
    assert len(every.dead) == 4


def test_duplicates_are_grouped_whatever_their_sign():
    B = [[0.3, 1.0], [-1.0, 1.0], [-0.3, -1.0], [0.3001, 1.0]]
    units = one_layer("tanh", B, [50.0, 1.0, 50.0, 3.0])
    assert units.duplicate == (("layer1.unit1", "layer1.unit3", "layer1.unit4"),)


def test_different_units_are_no_duplicates():
    assert one_layer("tanh", [[-1.0, 1.0], [1.0, 1.0]], [1.0, 1.0]).duplicate == ()


def test_deep_terms_are_numbered_where_there_are_several():
    other = np.random.default_rng(2).standard_normal((1, N))
    networks = (network("tanh", (1,)), network("tanh", (1,)))
    layers = [[np.array([ALIVE])], [np.array([[0.0, 20.0]])]]
    units = judged(networks, layers, [[1.0], [1.0]], rows(X, other))
    assert units.saturated == ("deep2.layer1.unit1",)


def test_a_frequency_of_zero_is_no_row():
    freq = np.ones(N)
    freq[X[0] > 0] = 0.0
    half = rows(X[:, X[0] <= 0])
    B, v = [[-9.0, 9.0], ALIVE], [1.0, 1.0]
    assert one_layer("relu", B, v, rows(X, freq=freq)) == one_layer("relu", B, v, half)
    assert one_layer("relu", B, v, half).dead == ("layer1.unit1",)
    assert one_layer("relu", B, v).dead == ()
