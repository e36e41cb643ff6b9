"""Every derivative of the predictor against differences, for one to three layers and many links."""

from __future__ import annotations

import numpy as np
import pytest

from deepglm import links
from deepglm.predictor import (
    Network,
    Predictor,
    backward,
    final_jacobian,
    forward,
    jacobian,
)


def network(p, units, *names):
    names = names * len(units) if len(names) == 1 else names
    return Network(p, units, tuple(links.get(name) for name in names))


PREDICTORS = {
    "glm": Predictor(3),
    "one layer": Predictor(2, (network(3, (2,), "tanh"),)),
    "no glm columns": Predictor(0, (network(2, (3,), "logistic"),)),
    "two layers": Predictor(1, (network(3, (3, 2), "tanh", "softplus"),)),
    "three layers": Predictor(2, (network(2, (3, 2, 2), "gelu", "logistic", "silu"),)),
    "two terms": Predictor(2, (network(2, (2,), "exp"), network(1, (2, 2), "tanh"))),
    "two etas": Predictor(2, (network(2, (3, 2), "tanh"),), k_eta=2),
    "two etas, one layer": Predictor(1, (network(2, (3,), "cloglog"),), k_eta=2),
}


@pytest.fixture(params=PREDICTORS, ids=str)
def case(request):
    predictor = PREDICTORS[request.param]
    rng = np.random.default_rng(7)
    m = 11
    designs = [rng.standard_normal((predictor.k_glm, m))]
    designs += [rng.standard_normal((net.n_inputs, m)) for net in predictor.networks]
    theta = 0.6 * rng.standard_normal(predictor.size)
    return predictor, designs, theta, rng


def eta(predictor, designs, theta):
    return forward(predictor.unpack(theta), predictor, designs, 0).eta


def central(f, x, h=1e-5):
    columns = []
    for j in range(len(x)):
        e = np.zeros_like(x)
        e[j] = h
        columns.append((f(x + e) - f(x - e)) / (2 * h))
    return np.stack(columns)


def test_jacobian_is_the_difference_quotient_of_eta(case):
    predictor, designs, theta, _ = case
    state = forward(predictor.unpack(theta), predictor, designs, 1)
    expected = central(lambda t: eta(predictor, designs, t), theta)
    for k in range(predictor.k_eta):
        np.testing.assert_allclose(
            jacobian(state, predictor, k), expected[:, k], rtol=1e-7, atol=1e-9
        )


def test_row_factors_and_final_rows(case):
    predictor, designs, theta, rng = case
    state = forward(predictor.unpack(theta), predictor, designs, 1)
    factor = rng.uniform(size=11)
    for k in range(predictor.k_eta):
        J = jacobian(state, predictor, k)
        np.testing.assert_allclose(jacobian(state, predictor, k, factor), J * factor)
        np.testing.assert_allclose(final_jacobian(state, predictor, k), J[predictor.final])


def test_backward_is_the_jacobian_times_row_factors(case):
    predictor, designs, theta, rng = case
    r = rng.standard_normal((predictor.k_eta, 11))
    state = forward(predictor.unpack(theta), predictor, designs, 1)
    expected = sum(jacobian(state, predictor, k) @ r[k] for k in range(predictor.k_eta))
    np.testing.assert_allclose(backward(state, r), expected, rtol=1e-12, atol=1e-12)


def test_rows_outside_a_domain_are_told():
    predictor = Predictor(1, (network(1, (1,), "reciprocal"),))
    theta = np.array([0.0, 0.5, 1.0, 1.0])
    inside = forward(predictor.unpack(theta), predictor, [np.ones((1, 2)), np.ones((1, 2))], 1)
    outside = forward(predictor.unpack(theta), predictor, [np.ones((1, 2)), -np.ones((1, 2))], 1)
    assert inside.inside
    assert not outside.inside
