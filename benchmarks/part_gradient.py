"""(b) One gradient of a 10-16-8-1 network, and two threads against one."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from benchmarks import cases, ours, peers
from benchmarks.measure import Task, ratios, seconds, spread, threads, turns
from benchmarks.objective import Array, Case, Net
from benchmarks.report import Report, Table, Verdict
from deepglm.families import Level

TURNS = 15


def run(report: Report) -> None:
    """One thread against the others; two against one."""
    report.section("b. One gradient")
    _against_others(report, cases.deep())
    _two_threads(report, cases.deep(1_000_000))


def starting_point(case: Case) -> Array:
    """Parameters in DeepGLM's order, of the size that networks start with."""
    size = ours.model(case).predictor.size
    return np.random.default_rng(0).normal(scale=0.3, size=size)


def scikit_learn(case: Case, net: Net) -> Callable[[], Any]:
    """Its private function for the loss and its gradient, at given slopes and intercepts."""
    from benchmarks import sklearn_peer

    estimator = sklearn_peer.make(case, 0, "lbfgs", max_iter=1)
    estimator.points, estimator.limit, estimator.began = [], np.inf, 0.0
    estimator._validate_params()
    y, _ = sklearn_peer.response(case)
    with np.errstate(all="ignore"):
        _fit_quietly(estimator, case.X, y)
    estimator.coefs_ = [np.ascontiguousarray(W) for W in net.weights]
    estimator.intercepts_ = [np.array(b) for b in net.biases]
    layers = len(net.weights)
    activations: list[Any] = [case.X] + [None] * layers
    deltas: list[Any] = [None] * layers
    slopes = [np.empty_like(W) for W in estimator.coefs_]
    intercepts = [np.empty_like(b) for b in estimator.intercepts_]
    column = y[:, None]

    def task() -> Any:
        return estimator._backprop(
            case.X, column, None, activations, deltas, slopes, intercepts
        )  # fmt: skip

    return task


@contextmanager
def _elsewhere(case: Case, net: Net) -> Iterator[Task]:
    """Its gradient in a process of its own: DeepGLM has freed memory kept in this one."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, case, net))
    process.start()
    here.recv()  # it is ready

    def task() -> None:
        here.send(True)
        here.recv()

    try:
        yield task
    finally:
        here.send(False)
        process.join()


def _serve(pipe: Any, case: Case, net: Net) -> None:
    """A gradient for every message, until one says that it was the last."""
    with threads(1):
        task = scikit_learn(case, net)
        pipe.send(True)
        while pipe.recv():
            task()
            pipe.send(True)


def _fit_quietly(estimator: Any, X: Array, y: Array) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(X, y)


def _against_others(report: Report, case: Case) -> None:
    posed, theta = ours.model(case), starting_point(case)
    with ExitStack() as stack:
        at = stack.enter_context(ours.pass_over_rows(posed, ours.fixed_scale(case), Level.SCORE, 1))
        tasks: dict[str, Task] = {"DeepGLM": lambda: at(theta)}
        if peers.here("sklearn"):
            net = ours.net(posed, theta)
            tasks["scikit-learn _backprop"] = stack.enter_context(_elsewhere(case, net))
        if peers.here("torch"):
            from benchmarks import torch_peer

            stack.enter_context(threads(1))
            network, tasks["PyTorch autograd"] = torch_peer.gradient(case)
            network.set_to(ours.net(posed, theta))
        with threads(1):
            taken = turns({name: _several(task) for name, task in tasks.items()}, TURNS)
    note = f"{case.title}, one thread; scikit-learn in a process of its own."
    table = Table(["package", "milliseconds", "times DeepGLM"], note=note)
    for name, values in taken.items():
        ratio = ratios(values, taken["DeepGLM"])
        each = spread([1e3 * value / REPEATS for value in values])
        table.rows.append([name, f"{each:.2f}", f"{ratio:.2f}"])
    report.say(table)
    for name in ("scikit-learn _backprop", "PyTorch autograd"):
        ratio_ = ratios(taken[name], taken["DeepGLM"]) if name in taken else None
        what = f"gradient: {name} / DeepGLM"
        report.judge(Verdict("b", what, ratio_, least=2.5, why_not="left out"))


REPEATS = 10


def _several(task: Task) -> Task:
    def several() -> None:
        for _ in range(REPEATS):
            task()

    return several


def _two_threads(report: Report, case: Case) -> None:
    posed, theta = ours.model(case), starting_point(case)
    taken: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(TURNS):
        for count in taken:
            with ours.pass_over_rows(
                posed, ours.fixed_scale(case), Level.SCORE, count
            ) as at:  # fmt: skip
                taken[count].append(seconds(lambda: at(theta)))
    table = Table(["threads", "milliseconds"], note=f"The same on {case.n:,} rows, DeepGLM.")
    for count, values in taken.items():
        table.rows.append([str(count), f"{spread([1e3 * value for value in values]):.0f}"])
    report.say(table)
    what = "gradient, 1,000,000 rows: one thread / two"
    report.judge(Verdict("b", what, ratios(taken[1], taken[2]), least=1.7))
