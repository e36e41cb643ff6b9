"""Pins remove exactly the continuous symmetries, and canonical forms keep the predictor."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.genmod.families import links as sm_links

from deepglm import links
from deepglm.predictor import (
    Network,
    Predictor,
    canonical_form,
    forward,
    jacobian,
    pinned_form,
    pins,
    zeros,
)

Array = npt.NDArray[np.float64]

SYMMETRIC = ("relu", "leaky_relu", "exp", "square", "reciprocal", "identity")
FREE = ("tanh", "logistic", "softplus", "smooth_tobit", "gelu", "silu", "elu", "cloglog")
CUBE = sm_links.Power(power=1 / 3)  # its inverse is the cube: a scale symmetry of degree 3
ROOT = sm_links.Power(power=2)  # of degree 1/2
MIXED = (
    ("relu", "exp"),
    ("exp", "relu"),
    ("identity", "exp"),
    ("identity", "tanh"),
    ("exp", "tanh"),
    ("tanh", "exp"),
    ("reciprocal", "relu"),
    ("relu", "tanh"),
    ("tanh", "leaky_relu"),
)
SHAPES = {
    "one unit": ((1,),),
    "two units": ((2,),),
    "two layers": ((2, 2),),
    "wide below": ((3, 1),),
    "two terms": ((1,), (1,)),
}
Layers = tuple[tuple[int, ...], ...]
few = settings(max_examples=5)
seeds = st.integers(0, 10_000)


def predictor(activation: Any, layers: Layers, inputs: int = 4) -> Predictor:
    """An intercept and networks, without terms that skip them."""
    networks = []
    for units in layers:
        each = activation if isinstance(activation, tuple) else (activation,) * len(units)
        networks.append(Network(inputs, units, tuple(links.get(one) for one in each)))
    return Predictor(1, tuple(networks))


def draw(p: Predictor, rng: np.random.Generator, X: list[Array]) -> Array:
    """Coefficients at which every unit bends within the data and stays inside its domain."""
    theta = rng.normal(size=p.size)
    for network, layers, z in zip(p.networks, p.unpack(theta).layers, X[1:], strict=True):
        for link, B in zip(network.links, layers, strict=True):
            B[:, 1:] /= np.sqrt(len(z))
            a = B[:, 1:] @ z
            B[:, 0] = -np.quantile(a, rng.uniform(0.3, 0.7), axis=1)
            if link.domain[0] >= 0:
                B[:, 0] = 0.3 - a.min(axis=1)
            z = link.evaluate(a + B[:, :1], 0)[0]
    return theta


def designs(p: Predictor, rng: np.random.Generator, n: int) -> list[Array]:
    inputs = [rng.uniform(-1.0, 1.0, (net.n_inputs, n)) for net in p.networks]
    return [np.ones((1, n)), *inputs]


def eta(p: Predictor, theta: Array, X: list[Array]) -> Array:
    return forward(p.unpack(theta), p, X, 0).eta[0]


def rank(p: Predictor, theta: Array, X: list[Array], free: npt.NDArray[np.bool_]) -> int:
    J = jacobian(forward(p.unpack(theta), p, X, 1), p)[free]
    J /= np.maximum(np.linalg.norm(J, axis=1, keepdims=True), 1e-300)
    return int(np.linalg.matrix_rank(J, tol=1e-11))


def cases() -> list[Any]:
    found = []
    for name, layers in SHAPES.items():
        for activation in (*SYMMETRIC, CUBE, ROOT):
            label = activation if isinstance(activation, str) else links.get(activation).name
            if activation == "identity" and any(max(units) > 1 for units in layers):
                continue  # refused: a linear layer of more units than outputs repeats itself
            found.append(pytest.param(activation, layers, id=f"{label}-{name}"))
    for below, above in MIXED:
        found.append(pytest.param((below, above), ((2, 3),), id=f"{below}-{above}"))
    return found


@pytest.mark.parametrize(("activation", "layers"), cases())
def test_pins_leave_as_many_coefficients_as_the_predictor_has_directions(
    activation: Any, layers: Layers
) -> None:
    """The generic rank: at some points a piecewise-linear unit is idle and the rank is lower."""
    p = predictor(activation, layers)
    free, everything = ~pins(p), np.ones(p.size, dtype=bool)
    ranks, ranks_unpinned = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X = designs(p, rng, 20 * p.size)
        theta = pinned_form(p, np.where(zeros(p), 0.0, draw(p, rng, X)), 1.0)
        ranks.append(rank(p, theta, X, free))
        ranks_unpinned.append(rank(p, theta, X, everything))
    assert max(ranks) == free.sum()
    assert max(ranks_unpinned) == free.sum() < p.size


@pytest.mark.parametrize("layers", [((2,),), ((2, 2),)], ids=["one layer", "two layers"])
@pytest.mark.parametrize("activation", FREE)
def test_other_activations_need_no_pins(activation: str, layers: Layers) -> None:
    p = predictor(activation, layers, inputs=2)
    rng = np.random.default_rng(3)
    X = designs(p, rng, 40 * p.size)
    theta = draw(p, rng, X)
    assert not pins(p).any()
    assert rank(p, theta, X, ~pins(p)) == p.size


@pytest.mark.parametrize(("activation", "layers"), cases())
@few
@given(seed=seeds, scale=st.sampled_from([0.3, 1.0, 50.0]))
def test_pinned_form_keeps_the_predictor(
    activation: Any, layers: Layers, seed: int, scale: float
) -> None:
    p = predictor(activation, layers)
    rng = np.random.default_rng(seed)
    X = designs(p, rng, 50)
    theta = np.where(zeros(p), 0.0, draw(p, rng, X))
    pinned = pinned_form(p, theta, scale)
    before = eta(p, theta, X)
    np.testing.assert_allclose(
        eta(p, pinned, X), before, rtol=1e-7, atol=1e-9 * np.abs(before).max()
    )
    np.testing.assert_allclose(pinned_form(p, pinned, scale), pinned, rtol=1e-7, atol=1e-9)
    size = np.abs(pinned[pins(p)])
    assert (np.isclose(size, 0) | np.isclose(size, 1) | np.isclose(size, scale)).all()


@pytest.mark.parametrize("activation", ["tanh", "logistic", "probit", "gelu", "relu", "exp"])
@pytest.mark.parametrize("layers", [((3,),), ((2, 3),), ((2,), (3,))], ids=str)
@few
@given(seed=seeds)
def test_canonical_form_keeps_the_predictor_and_is_one(
    activation: str, layers: Layers, seed: int
) -> None:
    p = predictor(activation, layers)
    rng = np.random.default_rng(seed)
    X = designs(p, rng, 50)
    theta = pinned_form(p, draw(p, rng, X), 1.0)

    def canonical(theta: Array) -> Array:
        state = forward(p.unpack(theta), p, X, 0)
        sd = tuple(tuple(z.std(axis=1) for z in one.z[1:]) for one in state.passes)
        return canonical_form(p, theta, sd, pins(p))

    form = canonical(theta)
    np.testing.assert_allclose(eta(p, form, X), eta(p, theta, X), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(canonical(form), form, rtol=1e-12)
    outputs = p.unpack(form).outputs
    if p.networks[0].links[0].parity in ("odd", "reflection"):
        assert all((v > 0).all() for v in outputs)


def test_a_held_intercept_takes_up_no_constant() -> None:
    """A penalised intercept must not move, so logistic units keep their signs."""
    p = predictor("logistic", ((2,),))
    rng = np.random.default_rng(1)
    theta = draw(p, rng, designs(p, rng, 50))
    p.unpack(theta).outputs[0][:] = [-2.0, -1.0]
    sd = ((np.ones(2),),)
    held = np.zeros(p.size, dtype=bool)
    held[0] = True
    assert (p.unpack(canonical_form(p, theta, sd, held)).outputs[0] < 0).all()
    assert (p.unpack(canonical_form(p, theta, sd, pins(p))).outputs[0] > 0).all()
