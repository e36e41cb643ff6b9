"""Work on columns side by side: in order, with the same bits, and only where there is much."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import deepglm as dg
from deepglm.data import cores, one_blas_thread
from deepglm.data.threads import MANY, each


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepglm.data.threads.cores", lambda: 2)
    monkeypatch.setattr("deepglm.data.threads.MANY", 0)


def test_results_come_in_the_order_of_the_items(two_threads: None) -> None:
    seen = set()

    def slow(item: int) -> int:
        time.sleep(0.02 if item == 0 else 0.0)
        seen.add(threading.get_ident())
        return item

    assert each(slow, range(6), 1) == [0, 1, 2, 3, 4, 5]
    assert threading.get_ident() not in seen


def test_little_is_done_at_once() -> None:
    assert each(lambda item: threading.get_ident(), [1], MANY - 1) == [threading.get_ident()]


def test_an_error_comes_through(two_threads: None) -> None:
    with pytest.raises(ZeroDivisionError):
        each(lambda item: 1 // item, [1, 0], 1)


def test_a_model_has_the_same_bits_with_threads(request: pytest.FixtureRequest) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(3.0, 2.0, (5000, 4))
    X[:, 2] = X[:, 0] > 3.0
    y = rng.normal(size=5000)
    alone = dg.DeepGLM.from_arrays(y, X, add_constant=True)._data
    request.getfixturevalue("two_threads")
    threads = dg.DeepGLM.from_arrays(y, X, add_constant=True)._data
    for mine, theirs in zip(alone.rows.designs, threads.rows.designs, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(alone.standards[0].scale, threads.standards[0].scale)


def test_blas_gets_its_threads_back() -> None:
    def blas() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    with threadpool_limits(2, user_api="blas"):
        before = blas()
        with one_blas_thread():
            assert set(blas()) <= {1}
        assert blas() == before


def test_there_is_a_core() -> None:
    assert cores() >= 1
