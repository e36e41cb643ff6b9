"""Centre and scale of columns, aliased columns, and the way back to the user's units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepglm import links
from deepglm.data.standardise import (
    Standardisation,
    aliased_columns,
    identity_standardisation,
    spread,
    standardisation,
    triangle,
    unit_intercept,
)
from deepglm.predictor import Network, Predictor, forward, standard_matrix, user_matrix

few = settings(max_examples=10)
seeds = st.integers(0, 10_000)


def columns(seed: int, n: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array(
        [
            np.ones(n),
            rng.normal(1e4, 3.0, n),
            rng.integers(0, 2, n).astype(float),
            rng.choice([2.0, 5.0], n),
            rng.exponential(1e-6, n),
        ]
    )


# -- centre and scale ---------------------------------------------------------------------------


@few
@given(seed=seeds)
def test_numbers_get_mean_zero_and_deviation_one(seed: int) -> None:
    X = columns(seed)
    freq = np.random.default_rng(seed).integers(0, 4, X.shape[1]).astype(float)
    Z = standardisation(spread(X, freq), centre=True).apply(X.copy())
    repeated = np.repeat(Z, freq.astype(int), axis=1)
    np.testing.assert_allclose(repeated[1:].mean(axis=1), 0.0, atol=1e-9)
    np.testing.assert_allclose(repeated[[1, 3, 4]].std(axis=1), 1.0)
    assert (Z[0] == 1.0).all()
    assert np.ptp(Z[2]) == pytest.approx(1.0), "a dummy keeps its contrast"
    raw = standardisation(spread(X, freq), centre=False)
    assert (raw.centre == 0.0).all()


def test_rows_that_do_not_count_are_not_looked_at() -> None:
    freq = np.array([1.0, 1.0, 1.0, 0.0])
    X = np.array([[2.0, 2.0, 2.0, 9.0], [0.0, 1.0, 0.0, 7.0], [1.0, 2.0, 3.0, 1e200]])
    found = spread(X, freq)
    np.testing.assert_array_equal(found.sd > 0, [False, True, True])
    np.testing.assert_array_equal(found.dummy, [False, True, False])
    standard = standardisation(found, centre=True)
    assert standard.scale[:2].tolist() == [1.0, 1.0]
    assert standard.centre[0] == 0.0
    assert standard.scale[2] == pytest.approx(np.std([1.0, 2.0, 3.0]))


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_very_small_and_very_large_columns(size: float) -> None:
    X = size * np.array([[1.0, 2.0, 4.0, 1.0]])
    Z = standardisation(spread(X, np.ones(4)), centre=True).apply(X)
    assert Z.std() == pytest.approx(1.0)


def test_a_constant_of_another_value_becomes_the_intercept() -> None:
    standard = standardisation(spread(np.array([[5.0] * 3, [1.0, 2.0, 6.0]]), np.ones(3)), True)
    moved = unit_intercept(standard, 0, 5.0)
    assert moved.scale.tolist() == [5.0, standard.scale[1]]
    assert moved.centre.tolist() == [0.0, 0.0]
    assert unit_intercept(standard, 0, 1.0) is standard


def test_identity() -> None:
    X = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(identity_standardisation(2).apply(X.copy()), X)


# -- aliased columns ----------------------------------------------------------------------------


@few
@given(seed=seeds, rank=st.integers(1, 6))
def test_as_many_columns_are_kept_as_the_rank(seed: int, rank: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(6, rank)) @ rng.normal(size=(rank, 50))
    aliased = aliased_columns(X, np.ones(50))
    assert 6 - len(aliased) == np.linalg.matrix_rank(X) == rank
    assert aliased == list(range(rank, 6)), "generic columns: the first ones are kept"


@few
@given(seed=seeds)
def test_a_column_is_aliased_when_earlier_ones_determine_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b, c = rng.normal(size=(3, 30))
    X = np.array([np.ones(30), a, 2 * a - 3, b, a + b, c, np.zeros(30)])
    assert aliased_columns(X, np.ones(30)) == [2, 4, 6]
    scales = 10.0 ** rng.integers(-6, 6, len(X))
    assert aliased_columns(scales[:, None] * X, np.ones(30)) == [2, 4, 6]


@pytest.mark.parametrize(("left", "expected"), [(1e-6, []), (1e-8, [1])])
def test_the_tolerance_is_that_of_r(left: float, expected: list[int]) -> None:
    """R's lm sets a column aside when less than 1e-7 of its length is left."""
    x, y = np.array([1.0, 1.0, 1.0, 1.0]), np.array([1.0, -1.0, 1.0, -1.0])
    assert aliased_columns(np.array([x, x + left * y]), np.ones(4)) == expected


def test_rows_of_weight_zero_do_not_separate_columns() -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0])
    X = np.array([x, 2 * x + np.array([0.0, 0.0, 0.0, 5.0])])
    assert aliased_columns(X, np.ones(4)) == []
    assert aliased_columns(X, np.array([1.0, 1.0, 1.0, 0.0])) == [1]


def test_more_columns_than_rows() -> None:
    X = np.random.default_rng(0).normal(size=(7, 4))
    assert aliased_columns(X, np.ones(4)) == [4, 5, 6]


MANY = 30_000
"""Rows of which only some are looked at, if they tell the columns apart."""


def test_many_rows_of_which_some_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).normal(size=(4, MANY)) * [[1e-6], [1.0], [1e3], [1.0]]
    seen = []

    def counted(X: np.ndarray, *rest: object) -> np.ndarray:
        seen.append(X.shape[1])
        return triangle(X, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("deepglm.data.standardise.triangle", counted)
    assert aliased_columns(X, np.ones(MANY), [-1, 2, 0, 1, 3]) == []
    assert len(seen) == 1
    assert seen[0] < MANY / 4
    X[3] = X[1] - X[2]
    assert aliased_columns(X, np.ones(MANY), [-1, 2, 0, 1, 3]) == [3]
    assert seen[2] == MANY


def test_one_of_many_rows_tells_columns_apart() -> None:
    X = np.ones((3, MANY))
    X[1] = np.random.default_rng(0).normal(size=MANY)
    X[2] = X[1]
    X[2, 12_345] += 1.0
    assert aliased_columns(X, np.ones(MANY)) == []
    root = np.ones(MANY)
    root[12_345] = 0.0
    assert aliased_columns(X, root) == [2]
    assert aliased_columns(X, np.ones(MANY), [-1, 0, 1, 2]) == [0], "an intercept comes first"


def test_the_triangle_does_not_depend_on_its_blocks() -> None:
    rng = np.random.default_rng(0)
    X, root = rng.normal(size=(4, 100)), rng.uniform(0.0, 2.0, 100)
    whole = triangle(X, root)
    np.testing.assert_allclose(whole.T @ whole, (X * root**2) @ X.T)
    for rows in (3, 17, 100):
        np.testing.assert_allclose(np.abs(triangle(X, root, rows=rows)), np.abs(whole), atol=1e-12)


# -- the user's units ---------------------------------------------------------------------------


@pytest.mark.parametrize("intercept", [0, 2, None])
@few
@given(seed=seeds)
def test_units_there_and_back(intercept: int | None, seed: int) -> None:
    """The two maps are inverse, and the predictor is the same on either scale."""
    rng = np.random.default_rng(seed)
    tanh = links.get("tanh")
    p = Predictor(3, (Network(2, (3, 2), (tanh, tanh)), Network(1, (1,), (tanh,))))
    X = [rng.normal(3.0, 2.0, (k, 25)) for k in (3, 2, 1)]
    standards = [Standardisation(rng.normal(size=len(x)), rng.uniform(0.5, 3.0, len(x))) for x in X]
    if intercept is None:
        standards[0] = Standardisation(np.zeros(3), standards[0].scale)
    else:
        X[0][intercept] = 1.0
        standards[0].centre[intercept], standards[0].scale[intercept] = 0.0, 1.0
    to_user = user_matrix(p, standards, intercept)
    to_standard = standard_matrix(p, standards, intercept)
    np.testing.assert_allclose(to_user @ to_standard, np.eye(p.size), atol=1e-12)
    theta = rng.normal(size=p.size)
    Z = [s.apply(x.copy()) for s, x in zip(standards, X, strict=True)]
    inside = forward(p.unpack(theta), p, Z, 0).eta
    outside = forward(p.unpack(to_user @ theta), p, X, 0).eta
    np.testing.assert_allclose(outside, inside, rtol=1e-9, atol=1e-9)
