"""Draws and quantiles of responses: they are those of the fit, and of the response's kind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.errors import NotAvailableError, SpecificationError

N = 200


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=N)
    counts = rng.multinomial(6, [0.2, 0.5, 0.3], N)
    return pd.DataFrame(
        {
            "x": x,
            "normal": x + rng.normal(size=N),
            "count": rng.poisson(np.exp(0.3 * x + rng.normal(size=N) * 0.5)),
            "won": rng.binomial(10, 0.4, N),
            "amount": rng.poisson(1.0, N) * rng.gamma(2.0, 1.0, N),
            "word": pd.Categorical(rng.choice(["a", "b", "c"], N), ordered=True),
            "cut": np.maximum(x + rng.normal(size=N), 0.0),
            "k1": counts[:, 0],
            "k2": counts[:, 1],
            "k3": counts[:, 2],
        }
    ).assign(lost=lambda f: 10 - f.won)


FAMILIES = {
    "normal": dg.Gaussian(),
    "count": dg.NegativeBinomial(),
    "won + lost": dg.Binomial(),
    "amount": dg.Tweedie(),
    "cut": dg.Tobit(),
}


@pytest.mark.parametrize("response", FAMILIES)
def test_means_of_draws_are_the_fitted_means(rows: pd.DataFrame, response: str) -> None:
    fit = dg.DeepGLM(f"{response} ~ x", rows, FAMILIES[response], hidden=()).fit()
    draws = fit.simulate(2000, seed=1)
    assert draws.shape == (N, 2000) and draws.index.equals(rows.index)
    error = draws.std(axis=1) / np.sqrt(2000)
    expected = fit.predict() * (10 if "+" in response else 1)
    assert (abs(draws.mean(axis=1) - expected) < 5.0 * error + 1e-9).all()
    pd.testing.assert_frame_equal(draws, fit.simulate(2000, seed=1))
    assert not draws.equals(fit.simulate(2000, seed=2))
    assert fit.simulate(seed=0, exog=rows.head(3)).shape == (3, 1)


@pytest.mark.parametrize("family", [dg.Multinomial(), dg.Ordinal()])
def test_classes_are_drawn_as_labels(rows: pd.DataFrame, family: object) -> None:
    fit = dg.DeepGLM("word ~ x", rows, family, hidden=()).fit()
    draws = fit.simulate(500, seed=3)
    for label in "abc":
        share = (draws == label).mean(axis=1)
        assert abs(share - fit.predict()[label]).max() < 5.0 * np.sqrt(0.25 / 500)


def test_counts_of_classes_keep_their_totals(rows: pd.DataFrame) -> None:
    fit = dg.DeepGLM("k1 + k2 + k3 ~ x", rows, dg.Multinomial(), hidden=()).fit()
    draws = fit.simulate(300, seed=4)
    assert draws.shape == (N, 900)
    assert (draws.T.groupby(level=0).sum() == 6).all().all()
    mean = draws.T.groupby(level=1).mean().T
    assert np.abs(mean - 6.0 * fit.predict()).to_numpy().max() < 5.0 * np.sqrt(6 * 0.25 / 300)


def test_a_fit_to_draws_finds_the_coefficients(rows: pd.DataFrame) -> None:
    """The parametric bootstrap: the mean of refits is the estimate, within its error."""
    fit = dg.DeepGLM("cut ~ x", rows, dg.Tobit(), hidden=()).fit()
    again = [
        dg.DeepGLM("y ~ x", rows.assign(y=draw), dg.Tobit(), hidden=()).fit().params
        for _, draw in fit.simulate(100, seed=5).items()
    ]
    table = pd.DataFrame(again)
    assert (abs(table.mean() - fit.params) < 4.0 * table.std() / 10.0).all()
    assert np.allclose(table.std(), fit.bse, rtol=0.3)


@pytest.mark.parametrize("response", ["normal", "count", "won + lost", "cut"])
def test_quantiles_are_those_of_the_draws(rows: pd.DataFrame, response: str) -> None:
    fit = dg.DeepGLM(f"{response} ~ x", rows, FAMILIES[response], hidden=()).fit()
    draws, q = fit.simulate(2000, seed=6), fit.predict_quantiles([0.2, 0.8])
    assert list(q.columns) == [0.2, 0.8] and q.index.equals(rows.index)
    below = [(draws.le(q[p], axis=0)).mean(axis=1) for p in q]
    less = [(draws.lt(q[p], axis=0)).mean(axis=1) for p in q]
    for p, at, under in zip(q, below, less, strict=True):
        assert (at > p - 0.05).all() and (under < p + 0.05).all()
    assert fit.predict_quantiles(0.5, rows.head(3)).shape == (3, 1)


def test_quantiles_of_ordered_classes_are_classes(rows: pd.DataFrame) -> None:
    fit = dg.DeepGLM("word ~ x", rows, dg.Ordinal(), hidden=()).fit()
    q = fit.predict_quantiles([0.01, 0.99])
    assert (q[0.01] == "a").all() and (q[0.99] == "c").all()


def test_quantiles_that_there_are_not(rows: pd.DataFrame) -> None:
    fit = dg.DeepGLM("word ~ x", rows, dg.Multinomial(), hidden=()).fit()
    with pytest.raises(NotAvailableError, match="no quantiles"):
        fit.predict_quantiles()
    fit = dg.DeepGLM("normal ~ x", rows, hidden=()).fit()
    with pytest.raises(SpecificationError, match="between 0 and 1"):
        fit.predict_quantiles([0.5, 1.0])
