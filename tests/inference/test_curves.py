"""Simultaneous bands against cases with a known critical value."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from deepglm.inference.curves import critical_value, weighted_quantiles


def test_one_point_and_points_that_move_together() -> None:
    z = stats.norm.ppf(0.975)
    for cov in (np.array([[4.0]]), np.full((5, 5), 9.0)):
        assert critical_value(cov, 0.05) == pytest.approx(z, abs=0.04)
        assert critical_value(cov, 0.05) >= z


@pytest.mark.parametrize("k", [2, 10])
def test_independent_points(k: int) -> None:
    exact = stats.norm.ppf((1 + 0.95 ** (1 / k)) / 2)
    assert critical_value(np.diag(np.arange(1.0, k + 1)), 0.05) == pytest.approx(exact, abs=0.03)


def test_weighted_quantiles_are_those_of_repeated_numbers() -> None:
    rng = np.random.default_rng(1)
    x, times = rng.normal(size=60), rng.integers(0, 4, 60)
    q = np.linspace(0.0, 1.0, 29)
    expected = np.quantile(np.repeat(x, times), q, method="inverted_cdf")
    assert np.array_equal(weighted_quantiles(x, times / times.sum(), q), expected)


def test_points_without_error_are_left_out() -> None:
    cov = np.diag([1.0, 0.0, 4.0, np.nan])
    exact = stats.norm.ppf((1 + np.sqrt(0.9)) / 2)
    assert critical_value(cov, 0.1) == pytest.approx(exact, abs=0.03)
    assert critical_value(np.zeros((2, 2)), 0.05) == pytest.approx(stats.norm.ppf(0.975))
