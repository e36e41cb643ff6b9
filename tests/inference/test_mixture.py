"""Mixtures of scipy's distributions: closed forms, sums to one, and draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, special, stats

from deepglm.errors import DataError
from deepglm.families.compound_poisson import CompoundPoisson
from deepglm.families.tobit import Censored
from deepglm.inference.mixture import (
    FEW,
    MANY,
    NARROW,
    Mixture,
    Nodes,
    gaussian_interval,
    interval,
    log_mixture,
    mixture_mean,
    over_normal,
)

NORMAL = Mixture((stats.norm([0.0, 1.0], 1.0), stats.norm([4.0, 1.0], 2.0)), (0.25, 0.75))
COUNTS = Mixture((stats.poisson([1.0, 2.0]), stats.poisson([5.0, 2.0])), (0.5, 0.5))


def test_moments_are_those_of_closed_form() -> None:
    np.testing.assert_allclose(NORMAL.mean(), [3.0, 1.0])
    np.testing.assert_allclose(NORMAL.var(), [0.25 + 3.0 + 0.25 * 9 + 0.75 * 1, 0.25 + 3.0])
    np.testing.assert_allclose(NORMAL.std() ** 2, NORMAL.var())
    np.testing.assert_allclose(COUNTS.mean(), [3.0, 2.0])
    np.testing.assert_allclose(COUNTS.var(), [3.0 + 4.0, 2.0])


def test_density_is_the_derivative_of_the_distribution_function() -> None:
    y = np.array([[-1.0], [0.5], [3.0]])
    slope = (NORMAL.cdf(y + 1e-5) - NORMAL.cdf(y - 1e-5)) / 2e-5
    np.testing.assert_allclose(NORMAL.pdf(y), slope, rtol=1e-8)
    np.testing.assert_allclose(NORMAL.logpdf(y), np.log(slope), rtol=1e-7)
    np.testing.assert_allclose(NORMAL.cdf(y) + NORMAL.sf(y), 1.0)


def test_density_and_probabilities_add_up_to_one() -> None:
    for row in range(2):
        total = integrate.quad(lambda y, row=row: NORMAL.pdf(y)[row], -20, 30, limit=200)[0]
        assert total == pytest.approx(1.0, abs=1e-8)
    counts = np.arange(60)[:, None]
    np.testing.assert_allclose(COUNTS.pmf(counts).sum(axis=0), 1.0)
    np.testing.assert_allclose(np.exp(COUNTS.logpmf(counts)), COUNTS.pmf(counts), rtol=1e-10)
    np.testing.assert_allclose(np.cumsum(COUNTS.pmf(counts), axis=0), COUNTS.cdf(counts))


def test_a_discrete_mixture_has_no_density_nor_the_other_way() -> None:
    with pytest.raises(AttributeError):
        COUNTS.pdf(1)
    with pytest.raises(AttributeError):
        NORMAL.pmf(1)


def test_logs_neither_underflow_nor_lose_an_impossible_part() -> None:
    assert log_mixture([[-2000.0], [-2000.0]], [0.5, 0.5])[0] == -2000.0
    assert log_mixture([[-np.inf], [-1.0]], [0.5, 0.5])[0] == pytest.approx(-1.0 - np.log(2))
    assert log_mixture([[-np.inf], [-np.inf]], [0.5, 0.5])[0] == -np.inf
    assert log_mixture([[5.0], [-1.0]], [0.0, 1.0])[0] == -1.0
    assert np.isnan(log_mixture([[np.nan], [-1.0]], [0.5, 0.5])[0])
    assert mixture_mean([[1.0, np.nan], [3.0, 1.0]], (0.5, 0.5))[0] == 2.0


@pytest.mark.parametrize("mixture", [NORMAL, COUNTS], ids=["normal", "Poisson"])
def test_draws_have_the_moments_of_the_mixture(mixture: Mixture) -> None:
    m = 40_000
    draws = mixture.rvs(size=(m, 2), random_state=3)
    assert draws.shape == (m, 2)
    assert (np.abs(draws.mean(axis=0) - mixture.mean()) < 4 * mixture.std() / np.sqrt(m)).all()
    squares = (draws - mixture.mean()) ** 2
    error = 4 * squares.std(axis=0) / np.sqrt(m)
    assert (np.abs(squares.mean(axis=0) - mixture.var()) < error).all()


def test_draws_depend_on_the_seed_and_on_nothing_else() -> None:
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - that it is left alone is the point
    first, again = COUNTS.rvs(random_state=7), COUNTS.rvs(random_state=np.random.default_rng(7))
    assert first.shape == (2,)
    np.testing.assert_array_equal(first, again)
    assert (COUNTS.rvs((50, 2), 7) != COUNTS.rvs((50, 2), 8)).any()
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


def test_a_row_without_a_distribution_is_named_before_anything_is_drawn() -> None:
    mixture = Mixture((stats.poisson([1.0, np.nan]), stats.poisson([2.0, 2.0])), (0.5, 0.5))
    with pytest.raises(DataError, match="row number 1 has a missing input"):
        mixture.rvs()


# -- quantiles and intervals --------------------------------------------------------------------


@pytest.mark.parametrize("mixture", [NORMAL, COUNTS], ids=["normal", "Poisson"])
def test_quantiles_are_the_smallest_responses_that_reach_a_probability(mixture: Mixture) -> None:
    q = np.array([[0.001], [0.3], [0.5], [0.975]])
    found = mixture.ppf(q)
    assert found.shape == (4, 2)
    assert (mixture.cdf(found) >= q - 1e-12).all()
    assert (mixture.below(found) <= q + 1e-12).all()
    np.testing.assert_allclose(mixture.ppf(0.3), found[1])


LAWS = {
    "Poisson, log": lambda eta: stats.poisson(np.exp(eta)),
    "binomial, logit": lambda eta: stats.binom(9, special.expit(eta)),
    "negative binomial, log": lambda eta: stats.nbinom(2.0, 2.0 / (2.0 + np.exp(eta))),
    "gamma, log": lambda eta: stats.gamma(3.0, scale=np.exp(eta) / 3.0),
    "inverse Gaussian, log": lambda eta: stats.invgauss(np.exp(eta) * 0.4, scale=1 / 0.4),
    "Tweedie, log": lambda eta: CompoundPoisson(np.exp(eta), 0.8, 1.5),
    "Tobit": lambda eta: Censored(stats.norm(eta, 0.7), 0.0, 2.0),
}
ETA, ERROR = np.array([-0.4, 0.6, 1.5]), np.array([0.05, 0.3, 0.6])


@pytest.mark.parametrize("name", LAWS)
def test_distribution_function_against_quadrature(name: str) -> None:
    law = LAWS[name]
    mixed = over_normal(law, ETA, ERROR, np.isfinite)
    for y in (0.0, 1.0, 3.0):
        right = [
            integrate.quad(
                lambda z, e=e, s=s, y=y: float(law(e + s * z).cdf(y)) * stats.norm.pdf(z), -9, 9,
                epsabs=1e-13, limit=200,
            )[0]
            for e, s in zip(ETA, ERROR, strict=True)
        ]  # fmt: skip
        np.testing.assert_allclose(mixed.cdf(y), right, atol=2e-7)


@pytest.mark.parametrize("name", LAWS)
def test_quantiles_against_simulation(name: str) -> None:
    law, rng, n = LAWS[name], np.random.default_rng(8), 200_000
    mixed = over_normal(law, ETA, ERROR, np.isfinite)
    drawn = law(ETA + ERROR * rng.normal(size=(n, 3))).rvs(size=(n, 3), random_state=rng)
    for q in (0.025, 0.5, 0.975):
        y = mixed.ppf(q)
        error = 4.0 * np.sqrt(q * (1.0 - q) / n)
        assert ((drawn <= y).mean(axis=0) >= q - error).all()
        assert ((drawn < y).mean(axis=0) <= q + error).all()


@pytest.mark.parametrize("name", [name for name in LAWS if "omial" in name or "Poisson" in name])
@pytest.mark.parametrize("alpha", [0.05, 0.3])
def test_stated_probability_of_counts_by_enumeration(name: str, alpha: float) -> None:
    mixed = over_normal(LAWS[name], ETA, ERROR, np.isfinite)
    found = interval(mixed, alpha)
    y = np.arange(3000.0)[:, None]
    p = mixed.pmf(y)
    inside = np.where((y >= found.lower) & (y <= found.upper), p, 0.0).sum(axis=0)
    np.testing.assert_allclose(found.probability, inside, atol=1e-12)
    assert (found.probability >= 1.0 - alpha).all()
    # neither end could be moved inwards
    assert (np.where(y <= found.lower, p, 0.0).sum(axis=0) >= alpha / 2).all()
    assert (np.where(y >= found.upper, p, 0.0).sum(axis=0) >= alpha / 2 - 1e-12).all()


@pytest.mark.parametrize("name", ["gamma, log", "inverse Gaussian, log", "Tobit", "Tweedie, log"])
def test_probability_where_a_response_may_have_mass(name: str) -> None:
    found = interval(over_normal(LAWS[name], ETA, ERROR, np.isfinite), 0.1)
    if name in ("Tobit", "Tweedie, log"):
        assert found.lower[0] == 0.0 and found.probability[0] > 0.9 + 1e-3
        assert (found.probability >= 0.9 - 1e-12).all()
    else:
        np.testing.assert_allclose(found.probability, 0.9, atol=1e-11)


def test_gaussian_with_a_known_dispersion_is_its_closed_form() -> None:
    error = np.array([0.1, 2.0, 0.0])
    found = interval(over_normal(lambda eta: stats.norm(eta, 1.5), ETA, error, np.isfinite), 0.05)
    closed = gaussian_interval(ETA, 1.5**2 + error**2, np.inf, 0.05)
    np.testing.assert_allclose(found.lower, closed.lower, rtol=1e-6)
    np.testing.assert_allclose(found.upper, closed.upper, rtol=1e-6)
    np.testing.assert_allclose(closed.probability, 0.95)


@pytest.mark.parametrize("nodes", [FEW, MANY])
def test_how_narrow_a_response_may_be(nodes: Nodes) -> None:
    ratio = np.array([1.0, NARROW]) if nodes is FEW else np.array([NARROW, 20.0])
    y = np.linspace(-4.0, 4.0, 400)[:, None]
    law = over_normal(lambda e: stats.norm(e, 1.0 / ratio), np.zeros(2), np.ones(2), np.isfinite,
                      nodes)  # fmt: skip
    right = stats.norm.cdf(y, scale=np.sqrt(1.0 + ratio**-2))
    assert np.abs(law.cdf(y) - right).max() < 3e-5


def test_nodes_where_the_family_has_no_mean_count_as_the_last_one_inside() -> None:
    """Gamma with the inverse link: a linear predictor below zero has no mean."""
    eta, error = np.array([0.5, np.nan]), np.array([0.2, 0.1])
    mixed = over_normal(lambda e: stats.gamma(2.0, scale=0.5 / e), eta, error, lambda e: e > 0.0)
    assert mixed.cdf(1.0)[0] > 0.0 and np.isnan(mixed.cdf(1.0)[1])
    found = interval(mixed, 0.05)
    assert np.isfinite(found.upper[0]) and np.isnan(found.upper[1])
    assert found.probability[0] == pytest.approx(0.95)
