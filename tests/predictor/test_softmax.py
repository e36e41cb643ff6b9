"""A softmax layer: one inverse link across the units, with a reference."""

from __future__ import annotations

import numpy as np
import pytest

import deepglm as dg
from deepglm.errors import SpecificationError
from deepglm.links import get
from deepglm.predictor import (
    Layout,
    Network,
    Predictor,
    backward,
    canonical_form,
    forward,
    information,
    jacobian,
    zeros,
)

SOFTMAX, TANH = get("softmax"), get("tanh")
SHAPES = {
    "alone": (Network(3, (3,), (SOFTMAX,)),),
    "below": (Network(3, (3, 2), (SOFTMAX, TANH)),),
    "above": (Network(3, (2, 3), (TANH, SOFTMAX)),),
    "between": (Network(3, (2, 3, 2), (TANH, SOFTMAX, TANH)),),
    "twice": (Network(3, (4, 3), (SOFTMAX, SOFTMAX)), Network(2, (2,), (TANH,))),
}
M = 7


def case(shape: str, k_eta: int = 1):
    rng = np.random.default_rng(3)
    predictor = Predictor(2, SHAPES[shape], k_eta)
    theta = rng.normal(size=predictor.size)
    X = [rng.normal(size=(2, M)), *(rng.normal(size=(n.n_inputs, M)) for n in predictor.networks)]
    return predictor, theta, X


def eta(predictor, theta, X):
    return forward(predictor.unpack(theta), predictor, X, 0).eta


def differences(function, theta, step=1e-5):
    return np.array(
        [
            (function(theta + step * e) - function(theta - step * e)) / (2.0 * step)
            for e in np.eye(len(theta))
        ]
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("k_eta", [1, 2])
def test_first_derivatives(shape, k_eta):
    predictor, theta, X = case(shape, k_eta)
    state = forward(predictor.unpack(theta), predictor, X, 1)
    slopes = differences(lambda x: eta(predictor, x, X), theta)
    for k in range(k_eta):
        np.testing.assert_allclose(jacobian(state, predictor, k), slopes[:, k], atol=1e-9)
    r = np.random.default_rng(5).normal(size=(k_eta, M))
    expected = np.einsum("pkm,km->p", slopes, r)
    np.testing.assert_allclose(backward(state, r), expected, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("k_eta", [1, 2])
def test_second_derivatives(shape, k_eta):
    """Minus ``sum r d2 eta``, which is what is added to ``J W J'``; here W is zero."""
    predictor, theta, X = case(shape, k_eta)
    r = np.random.default_rng(5).normal(size=(k_eta, M))

    def gradient(x):
        return backward(forward(predictor.unpack(x), predictor, X, 1), r)

    sums = information(Layout(predictor), hidden=True, bent=True)
    sums.add(forward(predictor.unpack(theta), predictor, X, 2), np.zeros((k_eta, k_eta, M)), r)
    np.testing.assert_allclose(sums.matrix(), -differences(gradient, theta), atol=1e-8)


def test_values_add_to_one_however_large_the_linear_predictors():
    z = SOFTMAX.evaluate(np.array([[800.0, 1.0], [-800.0, 2.0], [0.0, 3.0]]), 0)[0]
    np.testing.assert_allclose(z.sum(axis=0), 1.0)
    np.testing.assert_allclose(z[:, 1], np.exp([1.0, 2.0, 3.0]) / np.exp([1.0, 2.0, 3.0]).sum())


def test_what_is_held_is_what_cannot_be_known():
    """As many coefficients as the Jacobian lacks ranks, and the rank of the rest is full."""
    predictor = Predictor(1, (Network(2, (3, 2), (SOFTMAX, TANH)),))
    rng = np.random.default_rng(1)
    X = [np.ones((1, 200)), rng.normal(size=(2, 200))]
    theta = rng.normal(size=predictor.size)
    held = zeros(predictor)
    J = jacobian(forward(predictor.unpack(theta), predictor, X, 1), predictor)
    assert np.linalg.matrix_rank(J, tol=1e-8) == predictor.size - held.sum()
    assert np.linalg.matrix_rank(J[~held], tol=1e-8) == (~held).sum()


def test_the_reference_keeps_its_place_and_the_others_are_sorted():
    predictor, theta, X = case("alone")
    theta = np.where(zeros(predictor), 0.0, theta)
    sd = ((np.ones(3),),)
    canonical = canonical_form(predictor, theta, sd, np.zeros(predictor.size, dtype=bool))
    np.testing.assert_allclose(eta(predictor, canonical, X), eta(predictor, theta, X))
    v = predictor.unpack(canonical).outputs[0][0]
    assert v[2] == 0.0 and abs(v[0]) >= abs(v[1])


@pytest.fixture
def waves():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 300))
    y = np.where(x > 0.3, 2.0, np.where(z > 0.0, -1.0, 0.5)) + 0.3 * rng.normal(size=300)
    return {"y": y, "x": x, "z": z}


def test_two_classes_are_one_logistic_unit(waves):
    two = dg.DeepGLM("y ~ x + z", waves, hidden=(2,), activation="softmax")
    one = dg.DeepGLM("y ~ x + z", waves, hidden=(1,), activation="logistic")
    a, b = two.fit(inference=None, seed=1, starts=10), one.fit(inference=None, seed=1, starts=10)
    assert a.converged and b.converged
    assert a.penalized_llf == pytest.approx(b.penalized_llf, rel=1e-10)
    np.testing.assert_allclose(a.predict(), b.predict(), atol=1e-6)
    names = [name for name in a.params.index if "unit2" in name]
    assert (a.params[names] == 0.0).all() and a.fixed[names].all()


@pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")
@pytest.mark.parametrize("hidden", [(3,), (3, 2), (2, 3)])
def test_latent_classes_are_found_and_certified(waves, hidden):
    activation = ("softmax",) if len(hidden) == 1 else ("softmax", "tanh")
    model = dg.DeepGLM("y ~ x + z", waves, hidden=hidden, activation=activation, skip=False)
    fit = model.fit(inference=None, seed=0)
    assert fit.converged and not fit.certificate.dead
    glm = dg.DeepGLM("y ~ x + z", waves, hidden=()).fit()
    assert fit.deviance < 0.7 * glm.deviance
    assert "softmax" in str(fit.summary())


def test_one_class_is_refused(waves):
    with pytest.raises(SpecificationError, match="which is 1 in every row"):
        dg.DeepGLM("y ~ x", waves, hidden=(1,), activation="softmax")


def test_as_a_response_it_has_another_name(waves):
    with pytest.raises(SpecificationError, match=r"as a response it is Multinomial\(\)"):
        get("softmax", role="link")
