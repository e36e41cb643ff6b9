"""Effects of inputs: derivatives against differences, averages against hand-made ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

import deepglm as dg
from deepglm.inference.averages import Averages, Weighting
from deepglm.inference.fitted import Fitted
from deepglm.inference.inputs import Levels, Place, Slopes, place_of
from deepglm.predictor import forward

Array = npt.NDArray[np.float64]

N = 60
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "glm": ("y ~ x + I(x**2) + np.log(z) + C(g)*x", {"hidden": ()}),
    "one layer": ("y ~ x + I(x**2) + np.log(z) + C(g)*x", {"hidden": (3,)}),
    "plain": ("y ~ x*z + C(g)", {"hidden": (3,), "skip": False}),
    "two layers": ("y ~ x + bs(z, df=4) + g", {"hidden": (3, 2), "activation": "logistic"}),
    "softmax": ("y ~ x + z + g", {"hidden": (3, 3), "activation": ("softmax", "tanh")}),
    "softmax last": ("y ~ x + z + g", {"hidden": (2, 3), "activation": ("tanh", "softmax")}),
    "deep terms": (
        "y ~ g + np.log(z) + deep(x + z, units=(2,)) + deep(I(x**2) + g, units=(2, 2))",
        {},
    ),
}
FAMILIES: dict[str, tuple[Any, Callable[[pd.DataFrame], Any]]] = {
    "gaussian": (dg.Gaussian(), lambda d: d.eta),
    "poisson": (dg.Poisson(), lambda d: np.round(np.exp(d.eta))),
    "binomial": (dg.Binomial(), lambda d: (d.eta > 0.2).astype(float)),
    "cloglog": (dg.Binomial(dg.families.links.CLogLog()), lambda d: (d.eta > 0.2).astype(float)),
    "negative binomial": (dg.NegativeBinomial(), lambda d: np.round(np.exp(d.eta))),
    "multinomial": (dg.Multinomial(), lambda d: pd.cut(d.eta, 3, labels=list("uvw"))),
    "ordinal": (dg.Ordinal(), lambda d: pd.cut(d.eta, 3, labels=list("uvw"))),
    "tobit": (dg.Tobit(lower=0.0), lambda d: np.maximum(d.eta, 0.0)),
}


def table() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "x": rng.normal(2.0, 1.5, N),
            "z": rng.exponential(2.0, N) + 0.1,
            "g": rng.choice(["a", "b", "c"], N),
            "e": rng.uniform(0.5, 2.0, N),
        }
    )
    noise = rng.normal(size=N)
    return frame.assign(eta=0.4 * frame.x - 0.2 * frame.z + (frame.g == "b") + noise)


def fitted(shape: str, family: str) -> tuple[Any, Fitted]:
    """A model and some parameters: effects are functions of these, at an optimum or not."""
    formula, options = SHAPES[shape]
    law, response = FAMILIES[family]
    data = table()
    data = data.assign(y=response(data))
    offset = None if family == "multinomial" else "e"
    model = dg.DeepGLM(formula, data, law, offset=offset, **options)
    adapted = model._adapted
    extra = len(adapted.aux_names) - (adapted.scale is None and "log_scale" in adapted.aux_names)
    rng = np.random.default_rng(1)
    rows = model._data.rows
    aux = adapted.start_aux(rows.y, rows.weight)[:extra]
    theta = np.concatenate((rng.normal(0.0, 0.4, model.predictor.size), aux))
    if adapted.scale is None:
        adapted = adapted.given(adapted.start_aux(rows.y, rows.weight))
    return model, Fitted(model.predictor, adapted, rows, theta, np.ones(len(theta), dtype=bool))


def by_differences(f: Callable[[Array], Array], theta: Array, h: float = 1e-4) -> Array:
    steps = h * np.eye(len(theta))
    near = [f(theta + step) - f(theta - step) for step in steps]
    far = [f(theta + 2 * step) - f(theta - 2 * step) for step in steps]
    return (8.0 * np.array(near) - np.array(far)).T / (12.0 * h)


def quantities(model: Any, place: Place) -> list[Any]:
    data = model._data
    numeric = [one for one in data.inputs.values() if not one.is_factor]
    factors = [one for one in data.inputs.values() if one.is_factor]
    levels = [data.maker.at(one, level) for one in factors for level in one.levels]
    levels.append(data.maker.at(data.inputs["x"], 1.0))
    return [Slopes(place, [data.maker.slopes(one) for one in numeric]), Levels(place, levels)]


def averages(model: Any, place: Place, weighting: Weighting | None = None) -> Averages:
    parts = quantities(model, place)
    share = np.random.default_rng(2).dirichlet(np.ones(N))
    size = sum(part.size for part in parts) * (1 if weighting is None else len(weighting.top))
    return Averages(parts, share, lambda a: a, lambda a: np.eye(size), weighting)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("family", ["gaussian", "binomial"])
def test_gradients_at_any_depth(shape: str, family: str) -> None:
    model, fit = fitted(shape, family)
    mine = averages(model, place_of(fit, fit.given.statistics[0]))
    expected = by_differences(lambda t: mine.averages(t, mine.share), fit.theta)
    assert np.allclose(mine.jacobian(fit.theta), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("log", [False, True])
def test_gradients_of_families(family: str, log: bool) -> None:
    model, fit = fitted("one layer", family)
    if log and family == "gaussian":
        return  # a mean below zero
    mine = averages(model, place_of(fit, fit.given.statistics[0], log))
    expected = by_differences(lambda t: mine.averages(t, mine.share), fit.theta)
    assert np.allclose(mine.jacobian(fit.theta), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("family", ["poisson", "multinomial", "tobit"])
def test_slopes_are_those_of_predictions(shape: str, family: str) -> None:
    """The whole chain, the user's transforms included, against rows with a moved input."""
    model, fit = fitted(shape, family)
    place, data, frame = place_of(fit, fit.given.statistics[0]), model._data, table()
    for name in ("x", "z"):
        inner = ((frame[name].rank() > 2) & (frame[name].rank() < N - 1)).to_numpy()
        h = 1e-3
        ends = []
        for k in (-2, -1, 1, 2):
            moved = frame.assign(**{name: frame[name] + k * h * inner})
            ends.append(statistic(place, tuple(data.designs(moved)), fit.theta)[:, inner])
        expected = (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * h)
        slopes = Slopes(place, [data.maker.slopes(data.inputs[name])]).rows(fit.theta, 0, N)
        assert np.allclose(slopes[:, inner], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_levels_are_those_of_predictions(shape: str) -> None:
    model, fit = fitted(shape, "ordinal")
    place, data, frame = place_of(fit, "prob"), model._data, table()
    for name, value in (("g", "b"), ("x", 1.5), ("z", 2.0)):
        designs = tuple(data.designs(frame.assign(**{name: value})))
        found = Levels(place, [data.maker.at(data.inputs[name], value)]).rows(fit.theta, 0, N)
        assert np.allclose(found, statistic(place, designs, fit.theta), rtol=1e-12, atol=1e-14)


def statistic(place: Place, designs: tuple[Array, ...], theta: Array) -> Array:
    coefficients, aux = place.split(theta)
    eta = forward(coefficients, place.predictor, designs, 0).eta + place.offset
    return place.outcome.value(eta, aux)


def test_weighted_averages() -> None:
    """Of groups, and per unit of exposure: values, gradients, and influences by reweighting."""
    model, fit = fitted("one layer", "poisson")
    rng = np.random.default_rng(3)
    group, e = rng.integers(0, 2, N), rng.uniform(0.5, 2.0, N)
    weighting = Weighting(
        np.array([group == 0, group == 1.0, np.ones(N)]) * 1.0,
        np.array([group == 0, group == 1.0, e]) * 1.0,
    )
    mine = averages(model, place_of(fit, "mean"), weighting)
    by_row = mine.rows(fit.theta)
    found = mine.averages(fit.theta, mine.share).reshape(len(by_row), 3)
    for k in (0, 1):
        share = mine.share * (group == k)
        assert np.allclose(found[:, k], by_row @ share / share.sum())
    assert np.allclose(found[:, 2], by_row @ mine.share / (mine.share @ e))
    expected = by_differences(lambda t: mine.averages(t, mine.share), fit.theta)
    assert np.allclose(mine.jacobian(fit.theta), expected, rtol=1e-7, atol=1e-9)
    # the influence of a row is how the average moves when the row gets a larger share
    influences, h = mine.influences(fit.theta), 1e-5
    for i in (0, 7):
        ends = []
        for sign in (1.0, -1.0):
            share = (1.0 - sign * h) * mine.share
            share[i] += sign * h
            ends.append(mine.averages(fit.theta, share))
        slope = (ends[0] - ends[1]) / (2 * h)
        assert np.allclose(influences[:, i] - found.ravel(), slope, rtol=1e-6, atol=1e-9)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    model, fit = fitted("deep terms", "tobit")
    mine = averages(model, place_of(fit, fit.given.statistics[0]))
    whole = mine.averages(fit.theta, mine.share), mine.jacobian(fit.theta), mine.rows(fit.theta)
    monkeypatch.setattr("deepglm.inference.inputs.ROWS", 17)
    mine = averages(model, place_of(fit, fit.given.statistics[0]))
    parts = mine.averages(fit.theta, mine.share), mine.jacobian(fit.theta), mine.rows(fit.theta)
    for a, b in zip(whole, parts, strict=True):
        assert np.allclose(a, b, rtol=1e-12, atol=1e-14)
