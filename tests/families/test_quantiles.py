"""Inverted distribution functions, and the compound Poisson and censored laws that need them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from deepglm.families.compound_poisson import CompoundPoisson
from deepglm.families.quantiles import quantiles, whole_quantiles
from deepglm.families.tobit import Censored

Q = np.array([1e-6, 0.025, 0.3, 0.5, 0.975, 1.0 - 1e-6])


@pytest.mark.parametrize(
    "law",
    [stats.norm(3.0, 0.1), stats.gamma(0.2, scale=1e4), stats.cauchy(), stats.invgauss(8.0)],
    ids=["norm", "gamma", "cauchy", "invgauss"],
)
@pytest.mark.parametrize("reach", [1.0, 1e3, 1e9])
def test_quantiles_of_scipys_laws(law: Any, reach: float) -> None:
    right = law.ppf(Q)
    width = reach * np.abs(law.ppf(0.75) - law.ppf(0.25))
    support = law.support()[0]
    low = np.maximum(right - width, support)
    np.testing.assert_allclose(quantiles(law.cdf, Q, low, right + width), right, rtol=1e-7)


def test_mass_at_an_end_is_found_exactly() -> None:
    """A limit is a limit, and no number close to it."""
    law = Censored(stats.norm(), -1.0, 2.0)
    q = np.array([0.01, stats.norm.cdf(-1.0), 0.5, 0.97, 0.99])
    found = quantiles(law.cdf, q, np.full(5, -1.0), np.full(5, 2.0))
    assert found[0] == found[1] == -1.0 and found[4] == 2.0
    np.testing.assert_allclose(found[2:4], stats.norm.ppf(q[2:4]), atol=1e-12)
    np.testing.assert_array_equal(found[[0, 4]], law.ppf(q)[[0, 4]])


@pytest.mark.parametrize(
    "law", [stats.poisson(4.2), stats.nbinom(0.3, 0.01), stats.binom(7, 0.4), stats.poisson(0.0)]
)
def test_whole_quantiles(law: Any) -> None:
    found = whole_quantiles(law.cdf, Q, np.zeros(6), np.full(6, 1e5))
    np.testing.assert_array_equal(found, law.ppf(Q))


def test_what_is_not_known_stays_unknown() -> None:
    low, high, q = np.array([0.0, np.nan]), np.array([9.0, 1.0]), np.full(2, 0.5)
    for found in (
        quantiles(stats.norm(1.0).cdf, q, low, high),
        whole_quantiles(stats.poisson(1.0).cdf, q, low, high),
        quantiles(stats.norm([1.0, np.nan]).cdf, q, np.zeros(2), np.full(2, 9.0)),
    ):
        assert np.isfinite(found[0]) and np.isnan(found[1])


@pytest.mark.parametrize("power", [1.1, 1.5, 1.9])
def test_compound_poisson_quantiles_and_density(power: float) -> None:
    law = CompoundPoisson(np.array([0.3, 2.0, 50.0]), np.array([1.0, 0.7, 3.0]), power)
    zero = law.cdf(0.0)
    np.testing.assert_array_equal(law.ppf(0.999 * zero), 0.0)
    for q in (0.5, 0.9, 0.999):
        y = law.ppf(q)
        above = q > zero
        np.testing.assert_allclose(law.cdf(y)[above], q, rtol=1e-10)
        assert (y[~above] == 0.0).all()
    np.testing.assert_allclose(law.pdf(0.0), zero, rtol=1e-10)
    y = law.ppf(0.9)
    h = 1e-5 * y
    slope = (law.cdf(y + h) - law.cdf(y - h)) / (2.0 * h)
    np.testing.assert_allclose(law.pdf(y)[y > 0], slope[y > 0], rtol=1e-6)


def test_compound_poisson_of_a_missing_row() -> None:
    found = CompoundPoisson(np.array([2.0, np.nan]), 1.0, 1.5).ppf(0.9)
    assert found[0] > 2.0 and np.isnan(found[1])


def test_density_of_a_censored_outcome() -> None:
    law = Censored(stats.norm(0.5, 2.0), 0.0, 3.0)
    inside = integrate.quad(law.pdf, 1e-12, 3.0 - 1e-12)[0]
    assert inside + law.pdf(0.0) + law.pdf(3.0) == pytest.approx(1.0)
    assert law.logpdf([-1.0, 4.0]).tolist() == [-np.inf, -np.inf]
