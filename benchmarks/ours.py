"""DeepGLM as one of the packages, and what the benchmarks need from inside it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import deepglm as dg
from benchmarks.measure import Trace, clock
from benchmarks.objective import Case, Net, objective
from deepglm.execution import workers
from deepglm.families import Level

FAMILIES = {"gaussian": dg.Gaussian, "binomial": dg.Binomial, "poisson": dg.Poisson}


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
    told: list[tuple[float, float]] = []

    def listen(progress: Any) -> None:
        if np.isfinite(progress.value):
            told.append((clock() - began, -progress.value))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is not certified is printed as such
        began = clock()
        posed = model(case, **changes)
        result = posed.fit(seed=seed, starts=starts, scale=fixed_scale(case), progress=listen)
        seconds = clock() - began
    end = net(posed, np.nan_to_num(result.params.to_numpy()))  # zero where a column is aliased
    value = objective(case, end)
    constant = value + result.penalized_llf
    curve = [(when, v + constant) for when, v in told] + [(seconds, value)]
    return Trace(seconds, end, value, curve, _remark(result))


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
        yield lambda x: inside.at(x, level)
