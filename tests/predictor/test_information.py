"""Sums of J W J' and of second derivatives, by both ways, against differences and Jacobians."""

from __future__ import annotations

import numpy as np
import pytest

from deepglm import links
from deepglm.predictor import Layout, Network, Predictor, backward, forward, information, jacobian
from deepglm.predictor.products import ByProducts, Direct


def network(p, units, *names):
    names = names * len(units) if len(names) == 1 else names
    return Network(p, units, tuple(links.get(name) for name in names))


PREDICTORS = {
    "glm": Predictor(3),
    "one layer": Predictor(2, (network(3, (2,), "tanh"),)),
    "as many columns as inputs": Predictor(4, (network(3, (5,), "logistic"),)),
    "no glm columns": Predictor(0, (network(2, (3,), "logistic"),)),
    "two layers": Predictor(1, (network(3, (3, 2), "tanh", "softplus"),)),
    "three layers": Predictor(2, (network(2, (3, 2, 2), "gelu", "logistic", "silu"),)),
    "four layers": Predictor(1, (network(2, (2, 3, 2, 2), "tanh"),)),
    "two terms": Predictor(2, (network(2, (2,), "exp"), network(1, (2, 2), "tanh"))),
    "two etas": Predictor(2, (network(2, (3, 2), "tanh"),), k_eta=2),
    "two etas, one layer": Predictor(1, (network(2, (3,), "cloglog"),), k_eta=2),
}
ROWS = 11


@pytest.fixture(params=PREDICTORS, ids=str)
def case(request):
    predictor = PREDICTORS[request.param]
    rng = np.random.default_rng(7)
    designs = [rng.standard_normal((predictor.k_glm, ROWS))]
    designs += [rng.standard_normal((net.n_inputs, ROWS)) for net in predictor.networks]
    return predictor, designs, 0.6 * rng.standard_normal(predictor.size), rng


def state_of(predictor, designs, theta, order=2):
    return forward(predictor.unpack(theta), predictor, designs, order)


def expected_of(state, predictor, weights):
    """``J W J'`` from the definition."""
    J = [jacobian(state, predictor, k) for k in range(predictor.k_eta)]
    pairs = np.ndindex(predictor.k_eta, predictor.k_eta)
    return sum((J[c] * weights[c, d]) @ J[d].T for c, d in pairs)


def symmetric_weights(predictor, rng):
    """Of both signs, as observed weights may be."""
    w = rng.standard_normal((predictor.k_eta, predictor.k_eta, ROWS))
    return w + w.transpose(1, 0, 2)


def central(f, x, h=1e-5):
    return np.stack([(f(x + e) - f(x - e)) / (2 * h) for e in h * np.eye(len(x))])


def test_the_weighted_square_of_the_jacobian(case):
    predictor, designs, theta, rng = case
    state = state_of(predictor, designs, theta, 1)
    weights = symmetric_weights(predictor, rng)
    for w in (weights, weights**2):
        sums = ByProducts(Layout(predictor))
        sums.add(state, w)
        expected = expected_of(state, predictor, w)
        np.testing.assert_allclose(sums.matrix(), expected, rtol=1e-11, atol=1e-11)


def test_second_derivatives_are_difference_quotients_of_the_gradient(case):
    predictor, designs, theta, rng = case
    r = rng.standard_normal((predictor.k_eta, ROWS))
    sums = ByProducts(Layout(predictor))
    sums.add(state_of(predictor, designs, theta), np.zeros((*r.shape[:1] * 2, ROWS)), r)
    quotient = central(lambda t: backward(state_of(predictor, designs, t, 1), r), theta)
    np.testing.assert_allclose(sums.matrix(), -quotient, rtol=1e-6, atol=1e-8)


def test_both_parts_and_any_groups_of_products(case, monkeypatch):
    predictor, designs, theta, rng = case
    r = rng.standard_normal((predictor.k_eta, ROWS))
    weights, nothing = symmetric_weights(predictor, rng), np.zeros((*r.shape[:1] * 2, ROWS))
    state = state_of(predictor, designs, theta)
    second = ByProducts(Layout(predictor))
    second.add(state, nothing, r)
    expected = expected_of(state, predictor, weights) + second.matrix()
    for group in (1, 3, 256):
        monkeypatch.setattr("deepglm.predictor.products.GROUP", group)
        both = ByProducts(Layout(predictor))
        both.add(state, weights, r)
        np.testing.assert_allclose(both.matrix(), expected, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(both.matrix(), both.matrix().T, rtol=1e-12, atol=1e-12)


def test_the_two_ways_agree_and_add(case):
    predictor, designs, theta, rng = case
    k = predictor.k_eta
    weights = np.eye(k)[:, :, None] * rng.uniform(0.0, 2.0, ROWS)
    state = state_of(predictor, designs, theta, 1)
    sums = []
    for way in (Direct, ByProducts) if k == 1 else (ByProducts, ByProducts):
        once, twice = way(Layout(predictor)), way(Layout(predictor))
        for one in (once, twice, twice):
            one.add(state, weights)
        np.testing.assert_allclose(twice.matrix(), 2 * once.matrix(), rtol=1e-12)
        twice += once
        np.testing.assert_allclose(twice.matrix(), 3 * once.matrix(), rtol=1e-12)
        sums.append(once.matrix())
    np.testing.assert_allclose(sums[0], sums[1], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    "predictor",
    [
        Predictor(2, (network(3, (2,), "tanh"),)),
        Predictor(0, (network(2, (3,), "logistic"),)),
        Predictor(2, (network(2, (2,), "exp"), network(1, (3,), "gelu"))),
    ],
)
def test_the_two_ways_agree_on_second_derivatives(predictor):
    rng = np.random.default_rng(3)
    designs = [rng.standard_normal((predictor.k_glm, ROWS))]
    designs += [rng.standard_normal((net.n_inputs, ROWS)) for net in predictor.networks]
    state = state_of(predictor, designs, 0.6 * rng.standard_normal(predictor.size))
    r, weights = rng.standard_normal((1, ROWS)), symmetric_weights(predictor, rng)
    for w in (weights, weights**2):
        found = [way(Layout(predictor)) for way in (Direct, ByProducts)]
        for one in found:
            one.add(one.ready(state), w, r)
        np.testing.assert_allclose(found[0].matrix(), found[1].matrix(), rtol=1e-11, atol=1e-11)


def test_the_gradient_by_a_jacobian_that_is_there(case):
    predictor, designs, theta, rng = case
    layout, r = Layout(predictor), rng.standard_normal((predictor.k_eta, ROWS))
    state = state_of(predictor, designs, theta, 1)
    ready = information(layout, hidden=True, bent=False).ready(state)
    assert (ready.jacobian is None) == (not layout.direct)
    np.testing.assert_allclose(backward(ready, r), backward(state, r), rtol=1e-11, atol=1e-11)


def test_the_final_layer_alone(case):
    predictor, designs, theta, rng = case
    weights = symmetric_weights(predictor, rng)
    state = state_of(predictor, designs, theta, 1)
    part = information(Layout(predictor), hidden=False, bent=False)
    part.add(state, weights, None)
    expected = expected_of(state, predictor, weights)
    expected[~predictor.final] = expected[:, ~predictor.final] = 0.0
    np.testing.assert_allclose(part.matrix(), expected, rtol=1e-11, atol=1e-11)


def test_single_precision_has_seven_digits(case):
    predictor, designs, theta, rng = case
    r = rng.standard_normal((predictor.k_eta, ROWS))
    weights = symmetric_weights(predictor, rng)
    state = state_of(predictor, designs, theta)
    single, double = (ByProducts(Layout(predictor), dtype=t) for t in (np.float32, np.float64))
    single.add(state, weights, r)
    double.add(state, weights, r)
    largest = np.abs(double.matrix()).max()
    error = np.abs(single.matrix() - double.matrix()).max() / largest
    assert 1e-12 < error < 1e-5
    assert single.matrix().dtype == np.float64


@pytest.mark.parametrize(
    ("predictor", "bent", "way"),
    [
        (Predictor(4, (network(3, (4,), "tanh"),)), False, Direct),
        (Predictor(4, (network(3, (4,), "tanh"),)), True, Direct),
        (Predictor(4, (network(3, (4, 2), "tanh"),)), True, ByProducts),
        (Predictor(4, (network(3, (4,), "softmax"),)), True, ByProducts),
        (Predictor(1, (network(40, (20,), "tanh"),)), False, ByProducts),
        (Predictor(1, (network(1, (200,), "tanh"),)), False, Direct),
        (Predictor(31), False, ByProducts),
    ],
)
def test_the_way_that_counts_fewer_operations_is_taken(predictor, bent, way):
    assert type(information(Layout(predictor), hidden=True, bent=bent)) is way
