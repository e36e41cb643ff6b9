"""DeepGLM as one of the packages, and what the benchmarks need from inside it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

import deepglm as dg
from benchmarks.measure import Trace, clock
from benchmarks.objective import Case, Net, objective
from deepglm.execution import n_workers, workers
from deepglm.families import Level

FAMILIES = {"gaussian": dg.Gaussian, "binomial": dg.Binomial, "poisson": dg.Poisson}


def cores() -> int:
    """Threads that DeepGLM takes when it is not told how many."""
    return n_workers(None)


def model(case: Case, **changes: Any) -> dg.DeepGLM:
    """The case as a model; its parameters are those of the other packages, in other order."""
    options: dict[str, Any] = {
        "family": FAMILIES[case.family](),
        "add_constant": True,
        "hidden": case.hidden,
        "skip": False,
        "offset": case.offset,
    }
    if case.hidden:
        options |= {"activation": case.activation, "standardize": False}
    if case.ridge:
        options["penalty"] = dg.L2(case.ridge)
    return dg.DeepGLM.from_arrays(case.y, case.X, **(options | changes))


def fixed_scale(case: Case) -> float | None:
    """Least squares over two is the Gaussian likelihood at dispersion one."""
    return 1.0 if case.family == "gaussian" and case.hidden else None


def net(fitted: dg.DeepGLM, params: np.ndarray) -> Net:
    """Slopes and intercepts by layer."""
    c = fitted.predictor.unpack(np.asarray(params, dtype=float))
    if not c.layers:
        return Net([c.beta[:, 1:].T], [c.beta[:, 0]])
    layers = c.layers[0]
    weights = [B[:, 1:].T for B in layers] + [c.outputs[0].T]
    return Net(weights, [B[:, 0] for B in layers] + [c.beta[:, 0]])


def fit(case: Case, seed: int, starts: int | None = 1, **changes: Any) -> Trace:
    """Fit until certified; the clock runs from the arrays to the result."""
    told: dict[int, list[tuple[float, float]]] = {}

    def listen(progress: Any) -> None:
        if np.isfinite(progress.value):
            told.setdefault(progress.done, []).append((clock() - began, -progress.value))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is not certified is printed as such
        began = clock()
        posed = model(case, **changes)
        # the peers estimate and stop there; so does this fit
        result = posed.fit(
            seed=seed, starts=starts, scale=fixed_scale(case), progress=listen, inference=None
        )
        seconds = clock() - began
    end = net(posed, np.nan_to_num(result.params.to_numpy()))  # zero where a column is aliased
    value = objective(case, end)
    constant = value + result.penalized_llf
    way = [point for start in told.values() for point in on_all_rows(start)]
    curve = [(when, v + constant) for when, v in way] + [(seconds, value)]
    return Trace(seconds, end, value, curve, _remark(result))


def on_all_rows(start: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """What was told after the last rise: before it, values are those of a sample of the rows."""
    kept: list[tuple[float, float]] = []
    for when, value in reversed(start):
        if kept and value < kept[-1][1]:
            break
        kept.append((when, value))
    return kept[::-1]


def _remark(result: Any) -> str:
    estimate = result._estimate
    counts = ", ".join(f"{name} {count:.0f}" for name, count in estimate.evaluations.items())
    verdict = "certified" if result.converged else "not certified"
    return f"{verdict}; {estimate.method}; passes over the rows: {counts}"


@contextmanager
def pass_over_rows(
    posed: dg.DeepGLM, scale: float | None, level: Level, n_jobs: int
) -> Iterator[Callable[[np.ndarray], Any]]:
    """Gradient or information of the objective as a function of the free parameters."""
    with workers(n_jobs, posed.nobs) as crew:
        inside = posed._problem.objective(crew, scale)
        # an objective remembers its last information, which is not what is measured here
        yield lambda x: replace(inside, memory={}).at(x, level)
