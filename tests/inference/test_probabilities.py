"""Distribution functions at responses, against scipy and against simulation."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import special, stats

import deepglm as dg
from deepglm.errors import NotAvailableError
from deepglm.inference.probabilities import Jumps, jumps, pit_histogram, quantile_residuals

Array = npt.NDArray[np.float64]
N = 400
LOG = dg.families.links.Log()


def fitted(family: Any, y: Any, x: Array, **options: Any) -> Any:
    data = pd.DataFrame({"x": x})
    if isinstance(y, dict):
        return dg.DeepGLM("y ~ x", data.assign(**y), family, hidden=(), **options).fit()
    return dg.DeepGLM("y ~ x", data.assign(y=y), family, hidden=(), **options).fit()


def ends(fit: Any) -> Jumps:
    return jumps(fit._numbers.fitted, fit._model.n_trials, fit.scale)


def check(fit: Any, lower: Array, upper: Array) -> None:
    found = ends(fit)
    np.testing.assert_allclose(found.below, [lower, upper], rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(found.above, 1.0 - found.below, atol=1e-12)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(21)


@pytest.fixture
def x(rng: np.random.Generator) -> Array:
    return rng.normal(size=N)


def test_gaussian_gamma_and_inverse_gaussian(x: Array, rng: np.random.Generator) -> None:
    w = rng.integers(1, 4, N).astype(float)
    fit = fitted(dg.Gaussian(), 1 + x + rng.normal(size=N) / np.sqrt(w), x, var_weights=w)
    p = stats.norm.cdf(fit.model.endog, fit.mu, np.sqrt(fit.scale / w))
    check(fit, p, p)
    mean = np.exp(0.3 + 0.4 * x)
    fit = fitted(dg.Gamma(LOG), rng.gamma(2.0, mean / 2.0), x)
    p = stats.gamma.cdf(fit.model.endog, 1 / fit.scale, scale=fit.mu * fit.scale)
    check(fit, p, p)
    fit = fitted(dg.InverseGaussian(LOG), rng.wald(mean, 3.0), x)
    p = stats.invgauss.cdf(fit.model.endog, fit.mu * fit.scale, scale=1 / fit.scale)
    check(fit, p, p)
    assert ends(fit).continuous


def test_counts(x: Array, rng: np.random.Generator) -> None:
    mean = np.exp(0.3 + 0.4 * x)
    y = rng.poisson(mean).astype(float)
    fit = fitted(dg.Poisson(), y, x)
    check(fit, stats.poisson.cdf(y - 1, fit.mu), stats.poisson.cdf(y, fit.mu))
    w = rng.integers(1, 5, N).astype(float)
    k = rng.poisson(w * mean)
    fit = fitted(dg.Poisson(), k / w, x, var_weights=w)  # rates, exposures as weights
    check(fit, stats.poisson.cdf(k - 1, w * fit.mu), stats.poisson.cdf(k, w * fit.mu))
    y = rng.negative_binomial(2, 2 / (2 + mean)).astype(float)
    fit = fitted(dg.NegativeBinomial(), y, x)
    size = 1 / fit.params["alpha"]
    law = stats.nbinom(size, size / (size + fit.mu))
    check(fit, law.cdf(y - 1), law.cdf(y))


def test_binomial(x: Array, rng: np.random.Generator) -> None:
    p, m = special.expit(x), rng.integers(1, 9, N).astype(float)
    k = rng.binomial(m.astype(int), p).astype(float)
    data = pd.DataFrame({"x": x, "k": k, "rest": m - k})
    fit = dg.DeepGLM("k + rest ~ x", data, dg.Binomial(), hidden=()).fit()
    check(fit, stats.binom.cdf(k - 1, m, fit.mu), stats.binom.cdf(k, m, fit.mu))
    as_weights = fitted(dg.Binomial(), k / m, x, var_weights=m)
    np.testing.assert_allclose(ends(as_weights).below, ends(fit).below, rtol=1e-9, atol=1e-12)
    y = (rng.uniform(size=N) < p).astype(float)
    fit = fitted(dg.Binomial(), y, x)
    check(fit, np.where(y == 1, 1 - fit.mu, 0), np.where(y == 1, 1, 1 - fit.mu))


def test_tweedie_jumps_at_zero_only(x: Array, rng: np.random.Generator) -> None:
    mean = np.exp(0.2 + 0.3 * x)
    number = rng.poisson(mean**0.5 / 0.5)
    y = np.array([rng.gamma(1.0, 0.5 * m**0.5, k).sum() for m, k in zip(mean, number, strict=True)])
    fit = fitted(dg.Tweedie(var_power=1.5, link=LOG), y, x)
    zero = np.exp(-(fit.mu.to_numpy() ** 0.5) / (fit.scale * 0.5))
    found = ends(fit)
    nothing = y == 0
    assert 0 < nothing.sum() < N
    np.testing.assert_allclose(found.below[1, nothing], zero[nothing], rtol=1e-9)
    assert (found.below[0, nothing] == 0).all()
    assert (found.below[0, ~nothing] == found.below[1, ~nothing]).all()
    assert (found.below[0, ~nothing] > zero[~nothing]).all()


def test_classes_by_their_order(x: Array, rng: np.random.Generator) -> None:
    latent = x + rng.logistic(size=N)
    levels = ["a", "b", "c"]
    words = np.array(levels)[np.digitize(latent, [-1.0, 1.0])]
    y = pd.Categorical(words, categories=levels, ordered=True)
    for family in (dg.Ordinal(), dg.Multinomial()):
        fit = fitted(family, y, x)
        cumulated = np.cumsum(fit.mu[levels].to_numpy(), axis=1)
        upper = cumulated[np.arange(N), y.codes]
        lower = np.where(y.codes == 0, 0.0, cumulated[np.arange(N), np.maximum(y.codes - 1, 0)])
        check(fit, lower, upper)


def test_censored_rows_jump_over_what_was_not_seen(x: Array, rng: np.random.Generator) -> None:
    latent = 0.5 + x + rng.normal(size=N)
    y = np.clip(latent, 0.0, 2.0)
    fit = fitted(dg.Tobit(lower=0, upper=2), y, x)
    sigma = float(np.exp(fit.params.iloc[-1]))
    p = stats.norm.cdf(y, fit.linpred, sigma)
    check(fit, np.where(y == 0, 0.0, p), np.where(y == 2, 1.0, p))
    data = pd.DataFrame({"x": x, "lo": np.floor(latent), "hi": np.floor(latent) + 1.0})
    fit = dg.DeepGLM("lo + hi ~ x", data, dg.Tobit(), hidden=()).fit()
    sigma = float(np.exp(fit.params.iloc[-1]))
    check(
        fit,
        stats.norm.cdf(data.lo, fit.linpred, sigma),
        stats.norm.cdf(data.hi, fit.linpred, sigma),
    )


def test_residuals_are_accurate_in_both_tails() -> None:
    z = np.array([-30.0, -9.0, 0.0, 9.0, 30.0])
    found = Jumps(np.tile(stats.norm.cdf(z), (2, 1)), np.tile(stats.norm.sf(z), (2, 1)))
    np.testing.assert_allclose(found.normal(np.full(5, 0.5)), z, rtol=1e-10)
    far = Jumps(np.array([[0.0, 1.0]] * 2), np.array([[1.0, 0.0]] * 2))
    assert np.isfinite(far.normal(np.zeros(2))).all()


def test_residuals_are_normal_if_the_model_is_right(rng: np.random.Generator) -> None:
    mean = np.exp(rng.normal(size=5000))
    law = stats.poisson(mean)
    y = law.rvs(random_state=rng)
    found = Jumps(np.stack([law.cdf(y - 1), law.cdf(y)]), np.stack([law.sf(y - 1), law.sf(y)]))
    assert not found.continuous
    assert stats.kstest(quantile_residuals(found, rng), "norm").pvalue > 0.05
    height = pit_histogram(found, np.ones(5000), 10)
    assert height.mean() == pytest.approx(1.0)
    assert np.abs(height - 1.0).max() < 0.1


def test_histogram_is_that_of_many_draws(rng: np.random.Generator) -> None:
    """The jump of every response is spread evenly: the limit of randomised histograms."""
    low = rng.uniform(0.0, 0.8, 6)
    high = low + np.array([0.2, 0.1, 0.0, 0.05, 0.0, 0.15])
    freq = np.array([1.0, 2.0, 1.0, 0.0, 3.0, 1.0])
    found = pit_histogram(Jumps(np.stack([low, high]), 1 - np.stack([low, high])), freq, 4)
    u = low + rng.random((20_000, 6)) * (high - low)
    right = sum(f * np.histogram(u[:, k], 4, (0, 1))[0] for k, f in enumerate(freq))
    np.testing.assert_allclose(found, right / 20_000 * 4 / freq.sum(), atol=0.02)


def test_a_family_of_ones_own_brings_its_distribution(x: Array, rng: np.random.Generator) -> None:
    fit = fitted(dg.Gaussian(), x + rng.normal(size=N), x)
    given = fit._numbers.fitted

    class Own(type(given.family)):  # type: ignore[misc]
        def distribution(self, eta: Array, aux: Array, weight: Array) -> Any:
            return stats.laplace(eta[0])

    fields = {f.name: getattr(given.family, f.name) for f in dataclasses.fields(given.family)}
    own = dataclasses.replace(given, family=Own(**{**fields, "statsmodels": None}))
    found = jumps(own, np.ones(N), 1.0)
    np.testing.assert_allclose(found.below[1], stats.laplace.cdf(given.rows.y, given.eta))


def test_what_has_no_distribution_says_so(x: Array, rng: np.random.Generator) -> None:
    y = rng.poisson(2.0, N).astype(float)
    with pytest.raises(NotAvailableError, match="needs? a distribution"):
        ends(fitted(dg.Quasi("log", "mu"), y, x))
    with pytest.raises(NotAvailableError, match="not whole numbers"):
        ends(fitted(dg.Poisson(), y + 0.3, x))
    with pytest.raises(NotAvailableError, match="divided by a weight"):
        ends(fitted(dg.NegativeBinomial(alpha=1.0), y, x, var_weights=np.full(N, 2.0)))
    counts = pd.DataFrame(rng.multinomial(5, [0.2, 0.3, 0.5], N).astype(float), columns=list("abc"))
    fit = dg.DeepGLM("a + b + c ~ x", counts.assign(x=x), dg.Multinomial(), hidden=()).fit()
    with pytest.raises(NotAvailableError, match="several classes"):
        ends(fit)
