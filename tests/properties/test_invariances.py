"""What must not matter: the order of rows, who adds them, units of measurement, starting labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deepglm as dg
from deepglm.errors import SingleStartWarning

pytestmark = pytest.mark.filterwarnings(
    f"ignore::{SingleStartWarning.__module__}.SingleStartWarning"
)

few = settings(max_examples=6)
seeds = st.integers(0, 10_000)

RESPONSES: dict[str, Callable[[np.random.Generator, np.ndarray], np.ndarray]] = {
    "Gaussian": lambda rng, eta: eta + rng.normal(0.0, 0.5, len(eta)),
    "Poisson": lambda rng, eta: rng.poisson(np.exp(eta)).astype(float),
    "Gamma": lambda rng, eta: np.exp(eta) * rng.gamma(3.0, 1 / 3, len(eta)),
    "Binomial": lambda rng, eta: (rng.uniform(size=len(eta)) < 1 / (1 + np.exp(-eta))) * 1.0,
}


def family(name: str) -> Any:
    if name == "Gamma":
        return dg.Gamma(link=dg.families.links.Log())
    return getattr(dg, name)()


def rows(seed: int, name: str, n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"x": rng.normal(3.0, 2.0, n), "z": rng.uniform(-1.0, 1.0, n)})
    data["g"] = rng.choice(["a", "b", "c"], n)
    data["e"] = rng.uniform(0.5, 2.0, n)
    data["w"] = rng.integers(1, 4, n)
    eta = 0.2 * data.x - 0.5 * np.tanh(2 * data.z) + 0.3 * (data.g == "b")
    data["y"] = RESPONSES[name](rng, eta.to_numpy())
    return data


def glm(data: pd.DataFrame, name: str, formula: str = "y ~ x + z + g", **options: Any) -> Any:
    return dg.DeepGLM(formula, data, family=family(name), hidden=(), **options).fit()


def net(data: pd.DataFrame, name: str, formula: str = "y ~ x + z", **options: Any) -> Any:
    model = dg.DeepGLM(formula, data, family=family(name), hidden=(2,), **options)
    return model.fit(inference=None, starts=3, seed=1, n_jobs=1)


def assert_same(a: Any, b: Any, rtol: float) -> None:
    """The same estimate, likelihood and standard errors."""
    for member in ("params", "bse"):
        left, right = getattr(a, member), getattr(b, member)
        np.testing.assert_allclose(left, right, rtol=rtol, atol=rtol * np.abs(left).max())
    for member in ("llf", "deviance", "pearson_chi2", "null_deviance", "df_resid", "scale", "aic"):
        assert getattr(a, member) == pytest.approx(getattr(b, member), rel=rtol, abs=rtol)


each_family = pytest.mark.parametrize("name", list(RESPONSES))


# -- rows ---------------------------------------------------------------------------------------


@each_family
@few
@given(seed=seeds)
def test_the_order_of_rows_does_not_matter(name: str, seed: int) -> None:
    data = rows(seed, name)
    mixed = data.sample(frac=1.0, random_state=seed)
    a, b = glm(data, name), glm(mixed, name)
    assert_same(a, b, 1e-8)
    np.testing.assert_allclose(b.resid_response[data.index], a.resid_response, atol=1e-8)


@pytest.mark.parametrize("name", ["Gaussian", "Poisson"])
@settings(max_examples=3)
@given(seed=seeds)
def test_the_order_of_rows_does_not_matter_to_a_network(name: str, seed: int) -> None:
    data = rows(seed, name, 80)
    assert_same(net(data, name), net(data.sample(frac=1.0, random_state=seed), name), 1e-5)


@each_family
@few
@given(seed=seeds)
def test_a_frequency_weight_is_a_repeated_row(name: str, seed: int) -> None:
    data = rows(seed, name)
    repeated = data.loc[data.index.repeat(data.w)].reset_index(drop=True)
    assert_same(glm(data, name, freq_weights="w"), glm(repeated, name), 1e-8)


@pytest.mark.parametrize("name", ["Gaussian", "Poisson"])
@settings(max_examples=3)
@given(seed=seeds)
def test_a_frequency_weight_is_a_repeated_row_to_a_network(name: str, seed: int) -> None:
    data = rows(seed, name)
    repeated = data.loc[data.index.repeat(data.w)].reset_index(drop=True)
    assert_same(net(data, name, freq_weights="w"), net(repeated, name), 1e-5)


@few
@given(seed=seeds)
def test_a_row_of_weight_zero_is_not_there(seed: int) -> None:
    data = rows(seed, "Poisson").assign(u=lambda d: d.w - 1)
    without = data[data.u > 0]
    for role in ("freq_weights", "var_weights"):
        a, b = glm(data, "Poisson", **{role: "u"}), glm(without, "Poisson", **{role: "u"})
        assert_same(a, b, 1e-8)
    assert_same(
        net(data, "Poisson", var_weights="u"), net(without, "Poisson", var_weights="u"), 1e-5
    )


# -- offsets and units --------------------------------------------------------------------------


@each_family
@few
@given(seed=seeds, shift=st.floats(-0.5, 0.5))
def test_an_offset_is_a_coefficient_of_one(name: str, seed: int, shift: float) -> None:
    """``offset=b z`` leaves ``coefficient - b`` to be estimated, and the same fit."""
    data = rows(seed, name).assign(o=lambda d: shift * d.z)
    a, b = glm(data, name), glm(data, name, offset="o")
    np.testing.assert_allclose(b.mu, a.mu, rtol=1e-7)
    np.testing.assert_allclose(b.bse, a.bse, rtol=1e-6)
    assert a.params["z"] - b.params["z"] == pytest.approx(shift, abs=1e-7)
    assert a.llf == pytest.approx(b.llf, rel=1e-10)


@few
@given(seed=seeds)
def test_an_exposure_is_the_offset_of_its_logarithm(seed: int) -> None:
    data = rows(seed, "Poisson").assign(o=lambda d: np.log(d.e))
    assert_same(glm(data, "Poisson", exposure="e"), glm(data, "Poisson", offset="o"), 1e-12)
    new = data.iloc[:5]
    a = glm(data, "Poisson", exposure="e").predict(new)
    np.testing.assert_allclose(a, glm(data, "Poisson", offset="o").predict(new), rtol=1e-12)


@each_family
@few
@given(seed=seeds)
def test_standardising_does_not_change_a_glm(name: str, seed: int) -> None:
    data = rows(seed, name)
    assert_same(glm(data, name), glm(data, name, standardize=False), 1e-7)


@few
@given(seed=seeds, scale=st.sampled_from([1e-3, 7.0, 1e4]), shift=st.floats(-100.0, 100.0))
def test_units_of_measurement_do_not_change_a_fit(seed: int, scale: float, shift: float) -> None:
    data = rows(seed, "Poisson")
    moved = data.assign(x=lambda d: scale * d.x + shift)
    a, b = glm(data, "Poisson"), glm(moved, "Poisson")
    np.testing.assert_allclose(a.mu, b.mu, rtol=1e-7)
    assert a.params["x"] == pytest.approx(scale * b.params["x"], rel=1e-6)
    a, b = net(data, "Poisson"), net(moved, "Poisson")
    np.testing.assert_allclose(a.mu, b.mu, rtol=1e-5)
    assert a.penalized_llf == pytest.approx(b.penalized_llf, rel=1e-8)


# -- units of a layer ---------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["tanh", "logistic", "gelu"])
@settings(max_examples=3)
@given(seed=seeds)
def test_units_may_start_in_any_order_and_sign(activation: str, seed: int) -> None:
    data = rows(seed, "Poisson", 100)
    model = dg.DeepGLM("y ~ x + z", data, family=dg.Poisson(), hidden=(2,), activation=activation)
    first = model.fit(inference=None, starts=3, n_jobs=1)
    theta = first.params.to_numpy().copy()
    turned = theta.copy()
    turned[3:6], turned[6:9], turned[9:] = theta[6:9], theta[3:6], theta[[10, 9]]
    if activation == "tanh":
        turned[3:6] *= -1.0
        turned[9] *= -1.0
    if activation == "logistic":  # v h(a) = v - v h(-a)
        turned[0] += turned[9]
        turned[3:6] *= -1.0
        turned[9] *= -1.0
    assert model.loglike(turned) == pytest.approx(model.loglike(theta), rel=1e-12)
    again = model.fit(inference=None, start_params=turned, n_jobs=1)
    np.testing.assert_allclose(again.params, first.params, rtol=1e-5, atol=1e-5)


# -- who adds -----------------------------------------------------------------------------------


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, int], None]]:
    def choose(block: int, chunk: int) -> None:
        for place in ("deepglm.data.rows", "deepglm.likelihood"):
            monkeypatch.setattr(f"{place}.BLOCK_ROWS", block)
        monkeypatch.setattr("deepglm.execution.CHUNK_ROWS", chunk)

    yield choose
    monkeypatch.undo()


@pytest.mark.parametrize(("block", "chunk"), [(7, 20), (13, 1000), (2048, 11)])
def test_the_size_of_blocks_changes_rounding_only(
    small_blocks: Callable[[int, int], None], block: int, chunk: int
) -> None:
    data = rows(3, "Gamma", 90)
    whole = glm(data, "Gamma"), net(data, "Gamma")
    small_blocks(block, chunk)
    assert_same(glm(data, "Gamma"), whole[0], 1e-9)
    assert_same(net(data, "Gamma"), whole[1], 1e-6)


@pytest.mark.parametrize("method", ["scoring", "whitened"])
def test_threads_and_repetition_give_the_same_bits(
    small_blocks: Callable[[int, int], None], method: str
) -> None:
    small_blocks(8, 16)
    data = rows(5, "Poisson", 150)
    model = dg.DeepGLM("y ~ x + z + g", data, family=dg.Poisson(), hidden=(2,))
    fits = [model.fit(method, starts=3, seed=4, n_jobs=jobs) for jobs in (1, 2, 1)]
    for other in fits[1:]:
        assert np.array_equal(fits[0].params, other.params)
        assert np.array_equal(fits[0].bse, other.bse)
        assert fits[0].penalized_llf == other.penalized_llf
        assert fits[0].llf == other.llf


def test_another_seed_may_take_another_way_to_the_same_optimum() -> None:
    data = rows(5, "Gaussian", 150)
    model = dg.DeepGLM("y ~ x + z", data, hidden=(1,))
    a, b = (model.fit(inference=None, seed=seed) for seed in (1, 2))
    assert not np.array_equal(a.params, b.params)
    np.testing.assert_allclose(a.params, b.params, rtol=1e-4, atol=1e-6)
