"""Inverse, effective degrees of freedom and dispersion, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepglm.inference import Smoothing, aliasing, edf_by_coefficient, estimable, inverse


def _information(seed: int, k: int = 6, n: int = 40) -> np.ndarray:
    X = np.random.default_rng(seed).normal(size=(n, k))
    return X.T @ X


def test_inverse_of_badly_scaled_columns() -> None:
    d = 10.0 ** np.arange(-9, 9, 3)
    A = _information(0) * d * d[:, None]
    right = np.linalg.inv(_information(0)) / d / d[:, None]
    found = inverse(A)
    assert found is not None and np.allclose(found, right, rtol=1e-9)


@pytest.mark.parametrize(
    "A",
    [
        np.ones((2, 2)),
        np.diag([1.0, 0.0]),
        np.diag([1.0, -1.0]),
        np.array([[1.0, np.nan], [np.nan, 1.0]]),
        np.array([[1.0, 2.0], [2.0, 1.0]]),
    ],
)
def test_nothing_is_regularised(A: np.ndarray) -> None:
    assert inverse(A) is None


@given(st.integers(0, 10_000), st.floats(1e-3, 1e3), st.booleans())
def test_edf_is_the_trace(seed: int, phi: float, partly: bool) -> None:
    F = _information(seed)
    penalty = np.random.default_rng(seed + 1).gamma(0.5, 20.0, 6)
    if partly:
        penalty[:3] = 0.0
    right = np.linalg.solve(F + phi * np.diag(penalty), F)
    assert Smoothing(F, penalty).edf(phi) == pytest.approx(np.trace(right), rel=1e-8)
    assert np.allclose(edf_by_coefficient(F, penalty, phi), np.diag(right), rtol=1e-6)


def test_edf_of_a_singular_information_counts_what_is_there() -> None:
    F = np.diag([3.0, 2.0, 0.0])
    assert Smoothing(F, np.array([0.0, 2.0, 0.0])).edf(1.0) == pytest.approx(1.5)


@given(st.integers(0, 10_000), st.floats(0.1, 50.0))
def test_dispersion_and_edf_settle(seed: int, total: float) -> None:
    F = _information(seed)
    smoothing = Smoothing(F, np.random.default_rng(seed + 1).gamma(0.5, 20.0, 6))
    phi, edf = smoothing.settle(total, 40.0)
    assert phi == pytest.approx(total / (40.0 - edf), rel=1e-10)
    assert edf == pytest.approx(smoothing.edf(phi), rel=1e-10)


def test_no_dispersion_without_degrees_of_freedom() -> None:
    phi, _ = Smoothing(_information(1), np.full(6, 1e-12)).settle(1.0, 5.0)
    assert np.isnan(phi)


def test_estimable_is_membership_of_the_row_space() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    X = np.column_stack([X, X @ [1.0, -2.0, 0.0], X[:, 2] * 3.0])
    free = np.array([True, True, True, False, False])
    A = aliasing(X.T @ X, free, ~free)
    assert np.allclose(A, [[1.0, 0.0], [-2.0, 0.0], [0.0, 3.0]], atol=1e-10)
    assert estimable(X[:4], free, ~free, A).all()
    assert not estimable(np.eye(5)[3:], free, ~free, A).any()
