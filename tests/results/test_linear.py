"""The linear part: projections of the linear predictor on the columns of the GLM."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import deepglm as dg
from deepglm.inference.inputs import place_of
from deepglm.inference.projection import Projection
from tests.inference.test_inputs import by_differences, fitted
from tests.results.test_effects import N, table

pytestmark = pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")


@pytest.mark.parametrize(
    ("formula", "family"),
    [
        ("count ~ x + I(x**2) + C(g) + z", dg.Poisson()),
        ("y ~ 0 + x + z", dg.Gaussian()),
        ("y ~ x + C(g)*z", dg.Gaussian()),
        ("cls ~ x + z", dg.Multinomial()),
        ("cls ~ x + z", dg.Ordinal()),
    ],
)
def test_of_a_glm_it_is_the_coefficients(formula: str, family: Any) -> None:
    glm = dg.DeepGLM(formula, table(), family, hidden=()).fit()
    part = glm.linear_part()
    names = list(part.estimate.index)
    assert set(names) == {name for name in glm.params.index if "|" not in name}
    assert np.allclose(part.estimate, glm.params[names], rtol=1e-8, atol=1e-9)
    assert np.allclose(part.se, glm.bse[names], rtol=1e-6)


@pytest.mark.parametrize("skip", [True, False])
def test_of_a_network_it_is_least_squares(skip: bool) -> None:
    rows = table()
    model = dg.DeepGLM(
        "count ~ x + np.log(z) + C(g)", rows, dg.Poisson(), hidden=(2,), skip=skip,
        exposure="years", freq_weights="times",
    )  # fmt: skip
    fit = model.fit(inference="delta", starts=3)
    part = fit.linear_part()
    eta = fit.predict(rows, which="linear") - np.log(rows.years)
    X = np.column_stack((np.ones(N), rows.g == "b", rows.g == "c", rows.x, np.log(rows.z)))
    root = np.sqrt(rows.times.to_numpy())
    expected = np.linalg.lstsq(X * root[:, None], eta.to_numpy() * root, rcond=None)[0]
    names = ["Intercept", "C(g)[T.b]", "C(g)[T.c]", "x", "np.log(z)"]
    assert np.allclose(part.estimate[names], expected, rtol=1e-9)
    frame = part.summary_frame(0.1)
    assert list(frame) == ["coef", "std err", "z", "P>|z|", "[0.05", "0.95]"]
    assert "Linear part" in str(part)


def test_terms_outside_of_deep_terms_keep_their_names() -> None:
    model = dg.DeepGLM("count ~ C(g) + deep(x + z, units=(2,))", table(), dg.Poisson())
    part = model.fit(inference=None, starts=2).linear_part()
    assert list(part.estimate.index) == ["Intercept", "C(g)[T.b]", "C(g)[T.c]", "x", "z"]
    assert part.se.isna().all() and "inference=None" in str(part)


@pytest.mark.parametrize("family", ["poisson", "multinomial", "ordinal"])
@pytest.mark.parametrize("shape", ["one layer", "deep terms"])
def test_derivatives_and_influences(family: str, shape: str) -> None:
    _, fit = fitted(shape, family)
    rng = np.random.default_rng(0)
    X = np.vstack((np.ones(fit.rows.n), rng.normal(size=(2, fit.rows.n))))
    share, T = rng.dirichlet(np.ones(fit.rows.n)), rng.normal(size=(2, 3))
    k = fit.family.k_eta
    mine = Projection(place_of(fit, "linear"), X, share, T, rng.normal(size=(k, k)))
    expected = by_differences(lambda t: mine.value(t, share), fit.theta)
    assert np.allclose(mine.jacobian(fit.theta), expected, rtol=1e-8, atol=1e-10)
    level, by_row = mine.value(fit.theta, share), mine.influences(fit.theta)
    assert np.allclose(by_row @ share, level)
    h = 1e-6
    moved = [(1 - s * h) * share + s * h * np.eye(fit.rows.n)[4] for s in (1, -1)]
    slope = (mine.value(fit.theta, moved[0]) - mine.value(fit.theta, moved[1])) / (2 * h)
    assert np.allclose(by_row[:, 4] - level, slope, rtol=1e-5, atol=1e-7)


def test_population_error_is_that_of_white() -> None:
    """Of a curve that is known, the projection has the robust error of least squares."""
    rows = table()
    noise = 0.2 * np.random.default_rng(4).normal(size=N)
    rows["y"] = 2.0 * np.tanh(2.0 * (rows.x - 2.0)) + noise
    fit = dg.DeepGLM("y ~ x", rows, hidden=(1,)).fit(inference="delta", starts=3)
    assert fit._uncertainty is not None
    gap = fit.linear_part().cov.to_numpy() - fit.linear_part(x="fixed").cov.to_numpy()
    X = np.column_stack((np.ones(N), rows.x))
    eta = fit.predict(rows, which="linear").to_numpy()
    residual = eta - X @ fit.linear_part().estimate.to_numpy()
    bread = np.linalg.inv(X.T @ X)
    assert np.allclose(gap, bread @ (X.T * residual**2) @ X @ bread, rtol=1e-8)
