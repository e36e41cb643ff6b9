"""Threads: of our own over columns or blocks of a large array, and one of BLAS in each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")

MANY = 2**22
"""Numbers from which on threads are worth their start."""

KEPT_BYTES = 16 * 2**20
"""Size of an array that is kept when it is freed."""

MOST = 4
"""Threads at most: few more keep the memory busy."""


def one_blas_thread() -> AbstractContextManager[Any]:
    """For its length BLAS has one thread: on short products more are slower, and sums differ."""
    limit: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return limit


@cache
def _libraries() -> ThreadpoolController:
    # finding them takes longer than a small fit
    return ThreadpoolController()


def keep_freed_memory() -> None:
    """Make the allocator keep the memory of freed blocks for the next ones.

    glibc gives freed arrays back to the system and fetches them again page by page, which takes
    longer than filling them. Freeing one large array, which is never written to, raises the size
    from which on it does so; elsewhere nothing happens.
    """
    np.empty(KEPT_BYTES, dtype=np.uint8)


def cores() -> int:
    """Cores that this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # pragma: no cover - not on Linux
        return os.cpu_count() or 1


def each(function: Callable[[Item], Result], items: Iterable[Item], numbers: int) -> list[Result]:
    """Call a function for every item, side by side where there is much to do.

    Parameters
    ----------
    function
        Its calls must not depend on each other.
    items
        What it is called for.
    numbers
        How many numbers all calls together go through.

    Returns
    -------
    list
        What it returned, in the order of the items.
    """
    keep_freed_memory()
    threads = min(cores(), MOST)
    if numbers < MANY or threads == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))
