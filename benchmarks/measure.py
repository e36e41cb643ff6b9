"""Clocks: turns, medians and ranges, threads."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from benchmarks.objective import Net

Task = Callable[[], Any]

clock = time.perf_counter
"""Every time of this package is read from here (those of R and of other processes excepted)."""


class Spread(NamedTuple):
    """Median and range."""

    median: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        return f"{self.median:{spec}} ({self.low:{spec}}-{self.high:{spec}})"


class Trace(NamedTuple):
    """One fit: how long it took, where it ended and how it got there."""

    seconds: float
    net: Net
    objective: float
    curve: Sequence[tuple[float, float]]
    """(seconds, objective) on the way, the end included."""
    remark: str = ""


class CutOffError(Exception):
    """Raised inside another package's fit to cut it off."""


def spread(values: Sequence[float]) -> Spread:
    """Median and range of what was measured."""
    return Spread(median(values), min(values), max(values))


def ratios(above: Sequence[float], below: Sequence[float]) -> Spread:
    """Ratios of what was measured in the same turn."""
    return spread([a / b for a, b in zip(above, below, strict=True)])


def seconds(task: Task) -> float:
    """How long a task takes."""
    began = clock()
    task()
    return clock() - began


def turns(tasks: Mapping[str, Task], count: int) -> dict[str, list[float]]:
    """Let tasks take turns, a different one first each time, and clock them."""
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(count):
        for name in rotated(list(tasks), turn):
            taken[name].append(seconds(tasks[name]))
    return taken


def rotated(names: list[str], turn: int) -> list[str]:
    """The same names, another one first."""
    k = turn % len(names)
    return names[k:] + names[:k]


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Threads for every package: BLAS, OpenMP, and PyTorch's own."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else None
    with threadpool_limits(count):
        if torch:
            torch.set_num_threads(count)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)


def best_threads(probe: Task) -> int:
    """One thread, or two where they are faster: small matrix products are slower on two.

    Two have to be faster by a tenth, so that a busy machine does not draw them by lot.
    """
    taken = {1: float("inf"), 2: float("inf")}
    for _ in range(3):
        for count in taken:
            with threads(count):
                taken[count] = min(taken[count], seconds(probe))
    return 2 if taken[2] < 0.9 * taken[1] else 1
