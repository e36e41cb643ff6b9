"""Workers add in one order, whoever is done first, and give the BLAS threads back."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from deepglm import links
from deepglm.data import Rows
from deepglm.errors import SpecificationError
from deepglm.execution import Workers, n_workers, row_runs, workers
from deepglm.families import Level, Poisson, adapt
from deepglm.likelihood import Likelihood, Sums
from deepglm.predictor import Network, Predictor


@pytest.fixture(params=[2, 60], ids=["few units", "many units"])
def problem(request: pytest.FixtureRequest) -> tuple[Likelihood, np.ndarray, Rows]:
    rng = np.random.default_rng(0)
    n = 500
    X = rng.normal(size=(2, n))
    rows = Rows(
        rng.poisson(2.0, n).astype(float),
        (np.vstack((np.ones(n), X)), X),
        rng.normal(0.0, 0.1, n),
        np.ones(n),
        rng.integers(0, 3, n).astype(float),
    )
    predictor = Predictor(3, (Network(2, (request.param,), (links.get("tanh"),)),))
    return Likelihood(predictor, adapt(Poisson())), rng.normal(0.0, 0.3, predictor.size), rows


def blas() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_runs_cover_every_row_once() -> None:
    for n in (1, 9, 10, 11):
        runs = row_runs(n, 10)
        assert [row for lo, hi in runs for row in range(lo, hi)] == list(range(n))


def test_runs_are_few_and_of_nearly_one_length() -> None:
    assert row_runs(21, 10) == [(0, 7), (7, 14), (14, 21)]
    assert row_runs(20, 10) == [(0, 10), (10, 20)]
    assert row_runs(11, 10) == [(0, 6), (6, 11)]


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("chunk", [37, 100, 1000])
def test_the_sum_has_the_same_bits_for_any_number_of_threads(
    problem: tuple[Likelihood, np.ndarray, Rows],
    monkeypatch: pytest.MonkeyPatch,
    level: Level,
    chunk: int,
) -> None:
    monkeypatch.setattr("deepglm.execution.CHUNK_ROWS", chunk)
    sums = []
    for threads in (1, 2, 5):
        with workers(threads, problem[2].n) as crew:
            sums.append(crew.sums(*problem, level))
    whole = problem[0].chunk(problem[1], problem[2], level)
    for one in sums:
        assert (one.n, one.value) == (sums[0].n, sums[0].value)
        assert one.n == problem[2].freq.sum()
        assert one.value == pytest.approx(whole.value, rel=1e-12)
        for mine, theirs, first in (
            (one.score, whole.score, sums[0].score),
            (one.information, whole.information, sums[0].information),
        ):
            assert (mine is None) == (theirs is None)
            if mine is not None:
                assert np.array_equal(mine, first)
                np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9)


def test_records_are_added_in_the_order_of_the_rows() -> None:
    """The first run ends last here, and is added first all the same."""
    order: list[int] = []
    others = threading.Semaphore(0)

    class Slow:
        def chunk(self, params: np.ndarray, rows: Rows, *rest: object) -> Sums:
            first = int(rows.y[0])
            if first == 0 and threading.current_thread() is not threading.main_thread():
                assert all(others.acquire(timeout=60) for _ in range(3)), "they run side by side"
            order.append(first)
            others.release()
            # in another order the sum would have other bits
            return Sums(1.0, [1e16, 1.0, -1e16, 1.0][first])

    n = 4
    rows = Rows(np.arange(float(n)), (), np.zeros(n), np.ones(n), np.ones(n))
    runs = row_runs(n, 1)
    one = Workers().sums(Slow(), np.empty(0), rows, Level.VALUE, runs=runs)  # type: ignore[arg-type]
    assert order == [0, 1, 2, 3]
    order.clear()
    others = threading.Semaphore(0)
    with workers(4, 4 * 16 * 1024) as crew:
        many = crew.sums(Slow(), np.empty(0), rows, Level.VALUE, runs=runs)  # type: ignore[arg-type]
    assert order[3] == 0
    assert many.value == one.value == 1.0


def test_an_impossible_row_makes_the_whole_sum_minus_infinity(
    problem: tuple[Likelihood, np.ndarray, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepglm.execution.CHUNK_ROWS", 100)
    likelihood, params, rows = problem
    rows.offset[321] = 1e4  # a mean of infinity
    for threads in (1, 3):
        with workers(threads, rows.n) as crew:
            sums = crew.sums(likelihood, params, rows, Level.OBSERVED)
        assert sums.value == -np.inf
        assert sums.score is None and sums.information is None


def test_add() -> None:
    total = Sums(1.0, 2.0, np.ones(2))
    total += Sums(3.0, 4.0, np.ones(2))
    assert (total.n, total.value) == (4.0, 6.0)
    np.testing.assert_array_equal(total.score, 2 * np.ones(2))
    assert total.information is None


def test_blas_has_one_thread_inside_and_its_own_number_outside() -> None:
    with threadpool_limits(2, user_api="blas"):
        before = blas()
        with workers(2, 10**6):
            assert set(blas()) <= {1}
            with workers(1, 10):
                assert set(blas()) <= {1}
            assert set(blas()) <= {1}
        assert blas() == before
        with pytest.raises(KeyboardInterrupt), workers(2, 10**6):
            raise KeyboardInterrupt
        assert blas() == before


def test_threads_end_with_the_fit() -> None:
    before = threading.active_count()
    with workers(3, 10**6) as crew:
        assert crew.pool is not None
        list(crew.pool.map(time.sleep, [0.01] * 3))
        assert threading.active_count() > before
    assert threading.active_count() == before


def test_no_more_threads_than_chunks() -> None:
    with workers(8, 100) as crew:
        assert crew.pool is None


def test_numbers_of_threads() -> None:
    assert n_workers(None) >= 1
    assert n_workers(3) == 3
    assert n_workers(np.int64(2)) == 2
    for wrong in (0, -1, 1.5, "2", True):
        with pytest.raises(SpecificationError, match=r"n_jobs=.*None uses every core"):
            n_workers(wrong)  # type: ignore[arg-type]
