"""Mixtures of scipy's distributions: closed forms, sums to one, and draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from deepglm.errors import DataError
from deepglm.selection.mixture import Mixture, log_mixture, mixture_mean

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
