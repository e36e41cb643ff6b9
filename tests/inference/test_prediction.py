"""Statistics of rows: derivatives by differences, blocks, and errors of many rows at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.inference import prediction
from deepglm.inference.prediction import PROBABILITIES, Points, channel_covariances, variances
from deepglm.inference.uncertainty import Delta, Functional, Resampled

N = 60


def data() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    x, z = rng.normal(size=(2, N))
    eta = np.tanh(1.5 * x) + 0.3 * z
    latent = eta + rng.logistic(size=N)
    return pd.DataFrame(
        {
            "x": x,
            "z": z,
            "normal": eta + 0.4 * rng.normal(size=N),
            "count": rng.poisson(rng.gamma(1.0, np.exp(1.0 + eta))),
            "word": np.array(list("abc"))[np.digitize(latent, [-0.5, 1.0])],
            "cut": np.maximum(eta + rng.normal(size=N), 0.0),
        }
    )


FAMILIES = {
    "normal": dg.Gaussian(),
    "count": dg.NegativeBinomial(),
    "word": dg.Multinomial(),
    "ordered word": dg.Ordinal(),
    "cut": dg.Tobit(),
}
STATISTICS = [
    (name, which)
    for name, those in {
        "normal": ("mean", "linear"),
        "count": ("mean", "var_unscaled"),
        "word": ("prob", "linear"),
        "ordered word": ("prob", "cumprob", "linear"),
        "cut": ("mean", "latent", "prob_uncensored"),
    }.items()
    for which in those
]
_FITS: dict[str, Any] = {}


def fitted(name: str) -> Any:
    """A small network; what it found matters little here."""
    if name not in _FITS:
        frame = data()
        response = name.split()[-1]
        if name.startswith("ordered"):
            frame["word"] = pd.Categorical(frame.word, categories=list("abc"), ordered=True)
        model = dg.DeepGLM(f"{response} ~ x + z", frame, FAMILIES[name], hidden=(2,))
        _FITS[name] = model.fit(starts=2, inference=None)
    return _FITS[name]


def points(fit: Any) -> Points:
    return fit._asked(None, None, None, True, None, None).points


def delta(fit: Any) -> Delta:
    found = fit._delta
    assert isinstance(found, Delta)
    return found


pytestmark = pytest.mark.filterwarnings("ignore::deepglm.errors.DeepGLMWarning")


@pytest.mark.parametrize(("name", "which"), STATISTICS)
def test_derivatives_by_differences(name: str, which: str) -> None:
    fit = fitted(name)
    theta, at, none = fit._numbers.fitted.theta, points(fit), np.empty(0)
    f = at.each(which)
    value, J = f.value(theta, none), f.jacobian(theta)
    assert J.shape == (len(value), len(theta)) and len(value) % N == 0
    step = 1e-5
    differences = np.column_stack(
        [
            (f.value(theta + step * e, none) - f.value(theta - step * e, none)) / (2.0 * step)
            for e in np.eye(len(theta))
        ]
    )
    np.testing.assert_allclose(J, differences, rtol=1e-5, atol=1e-6 * np.abs(J).max())
    predicted = np.asarray(fit.predict(which=which))
    shown = 1.0 / (1.0 + np.exp(-value)) if which in PROBABILITIES else value
    np.testing.assert_allclose(shown, predicted.ravel(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", FAMILIES)
def test_channels_by_differences(name: str) -> None:
    fit = fitted(name)
    theta, f = fit._numbers.fitted.theta, points(fit).channels()
    step = 1e-5
    differences = np.column_stack(
        [
            (f.value(theta + step * e, theta) - f.value(theta - step * e, theta)) / (2.0 * step)
            for e in np.eye(len(theta))
        ]
    )
    J = f.jacobian(theta)
    np.testing.assert_allclose(J, differences, rtol=1e-5, atol=1e-6 * np.abs(J).max())


def resampled(fit: Any) -> Resampled:
    """Made-up refits: the estimate and some noise."""
    theta, rng = fit._numbers.fitted.theta, np.random.default_rng(0)

    class Refits:
        resamples_rows = True
        thetas = theta + 0.05 * rng.normal(size=(30, len(theta)))

        def shares(self) -> Any:
            return (np.full(N, 1.0 / N) for _ in range(30))

    return Resampled(Refits(), np.full(N, 1.0 / N), delta(fit))


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("kind", [delta, resampled])
def test_errors_of_many_rows_are_those_of_the_whole_covariance(name: str, kind: Any) -> None:
    fit = fitted(name)
    at, uncertainty = points(fit), kind(fit)
    which = prediction.accepted(at.family, None)
    whole = uncertainty.covariance(at.each(which))
    found = variances(uncertainty, at, which)
    np.testing.assert_allclose(found.ravel(), np.diag(whole), rtol=1e-9)
    np.testing.assert_allclose(
        uncertainty.within(at.each(which)).ravel(), uncertainty.errors(at.each(which)) ** 2
    )
    C, k = uncertainty.covariance(at.channels()), at.channel_count
    blocks = np.array([C[j : j + k, j : j + k] for j in range(0, len(C), k)])
    np.testing.assert_allclose(channel_covariances(uncertainty, at), blocks, rtol=1e-9, atol=1e-14)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = fitted("ordered word")
    at, uncertainty, theta = points(fit), delta(fit), fit._numbers.fitted.theta
    whole = variances(uncertainty, at, "prob")
    w = np.linspace(0.0, 1.0, N)
    average = at.average("prob", w)
    before = average.value(theta, w), average.jacobian(theta)
    monkeypatch.setattr(prediction, "_BLOCK", 1)
    assert len(list(at.blocks())) == 4  # of 16 rows
    np.testing.assert_allclose(variances(uncertainty, at, "prob"), whole, rtol=1e-12)
    np.testing.assert_allclose(average.value(theta, w), before[0], rtol=1e-12)
    np.testing.assert_allclose(average.jacobian(theta), before[1], rtol=1e-12, atol=1e-14)


def test_average_is_the_average_of_the_rows() -> None:
    fit = fitted("word")
    at, theta, rng = points(fit), fit._numbers.fitted.theta, np.random.default_rng(3)
    share = rng.dirichlet(np.ones(N))
    f: Functional = at.population("prob", share)
    rows = np.asarray(fit.predict())
    np.testing.assert_allclose(f.value(theta, share), share @ rows, rtol=1e-12)
    other = rng.dirichlet(np.ones(N))
    np.testing.assert_allclose(f.value(theta, other), other @ rows, rtol=1e-12)
    assert f.rows is not None
    np.testing.assert_allclose(f.rows(theta), rows.T, rtol=1e-12)
    step = 1e-5
    differences = np.column_stack(
        [
            (f.value(theta + step * e, share) - f.value(theta - step * e, share)) / (2.0 * step)
            for e in np.eye(len(theta))
        ]
    )
    np.testing.assert_allclose(f.jacobian(theta), differences, atol=1e-8)
