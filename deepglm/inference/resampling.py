"""Refits of a model to resampled rows.

The refits are allowed to change basin: each starts from every good optimum of the fit and from
fresh random units, a few steps from each, the best two to the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from deepglm.execution import Workers, n_workers, workers
from deepglm.inference.fitted import Array, Codes, Mask
from deepglm.solvers import (
    Control,
    Objective,
    Outcome,
    Problem,
    Progress,
    Scoring,
    Solver,
    Starts,
    Whitened,
    operations,
)

__all__ = ["AFFORDABLE", "FRESH", "KINDS", "Draws", "Plan", "cost", "covariance", "draws"]

KINDS = ("weights", "pairs", "cluster", "parametric")

TOLERANCE = 1e-4
"""Half the Newton decrement at which a refit has converged: a hundredth of a standard error."""

STEPS = 250
"""Steps of a refit at most."""

RACE = 6
"""Steps from every start before the best two are taken to the end."""

FINALISTS = 2

MODES = 4
"""Optima of the fit that refits start from, the best ones."""

FRESH = 2
"""Fresh random starts of every refit."""


QUIET = Control()

AFFORDABLE = 5e11
"""Counted floating-point operations of the refits that a fit makes by itself: a minute or so."""


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """How rows are resampled.

    Parameters
    ----------
    kind
        "weights": every row's frequency is multiplied by a standard exponential weight (Bayesian
        or fractional-random-weight bootstrap); "pairs": rows are drawn with replacement;
        "cluster": all rows of a cluster have one exponential weight; "parametric": the responses
        are drawn from the fitted distribution.
    size
        Number of refits.
    seed
        Seeds weights, responses and starts; the k-th refit does not depend on how many there are.
    groups
        (n,) codes of clusters, for "cluster".
    responses
        From a generator to the (n,) or (classes, n) response of a "parametric" refit.

    References
    ----------
    Rubin (1981), Annals of Statistics 9, 130-134; Xu et al. (2020), The American Statistician 74,
    345-358.
    """

    kind: str
    size: int
    seed: int
    groups: Codes | None = None
    responses: Callable[[np.random.Generator], Array] | None = None

    def stream(self, k: int, what: int) -> np.random.SeedSequence:
        """Seed of one of the two things that are random in the k-th refit."""
        return np.random.SeedSequence(self.seed, spawn_key=(k, what))

    def frequencies(self, k: int, freq: Array) -> Array:
        """(n,) frequencies of the rows in the k-th refit; they have the sum of those given."""
        if self.kind == "parametric":
            return freq
        rng = np.random.default_rng(self.stream(k, 0))
        if self.kind == "pairs":
            total = freq.sum()
            counts = rng.multinomial(int(round(total)), freq / total)
            return np.asarray(counts * (total / counts.sum()))
        if self.kind == "cluster":
            assert self.groups is not None
            drawn = freq * rng.standard_exponential(int(self.groups.max()) + 1)[self.groups]
        else:
            # a row of frequency two has the weights of two rows
            drawn = rng.standard_gamma(freq)
        return np.asarray(drawn * (freq.sum() / drawn.sum()))

    def response(self, k: int, y: Array) -> Array:
        """The response in the k-th refit."""
        if self.responses is None:
            return y
        return self.responses(np.random.default_rng(self.stream(k, 0)))


@dataclass(frozen=True, eq=False, repr=False)
class Draws:
    """Refits, and how to make the frequencies of their rows again.

    Parameters
    ----------
    plan
        How rows were resampled.
    freq
        (n,) frequencies of the rows in the fit itself.
    everything
        (size, parameters) where each refit ended.
    converged
        (size,) whether it converged.
    moved
        (size,) whether it ended elsewhere than from the best optimum of the fit.
    """

    plan: Plan
    freq: Array
    everything: Array
    converged: np.ndarray
    moved: np.ndarray

    @property
    def thetas(self) -> Array:
        """(B, parameters) of the refits that converged."""
        return np.asarray(self.everything[self.converged])

    @property
    def failed(self) -> int:
        """How many did not converge."""
        return int((~self.converged).sum())

    @property
    def resamples_rows(self) -> bool:
        """Whether the refits differ in their rows, and not in responses only."""
        return self.plan.kind != "parametric"

    def shares(self) -> Iterator[Array]:
        """(n,) share of every row in each refit that converged, adding up to one."""
        for k in np.flatnonzero(self.converged):
            freq = self.plan.frequencies(int(k), self.freq)
            yield freq / freq.sum()


class _Refit(NamedTuple):
    theta: Array
    converged: bool
    moved: bool


def cost(problem: Problem, size: int, modes: int, fresh: int = FRESH) -> float:
    """Counted floating-point operations of so many refits.

    Parameters
    ----------
    problem
        What is fitted.
    size, modes, fresh
        Refits, and the starts of each.
    """
    n, p = problem.rows.n * problem.predictor.k_eta, int(problem.free.sum())
    one = min(operations(n, p, problem.family.effort).values())
    return size * one * ((min(modes, MODES) + fresh) * RACE + 2 * FINALISTS * RACE) / 40.0


def draws(
    problem: Problem,
    phi: float,
    modes: Sequence[Array],
    plan: Plan,
    *,
    fresh: int = FRESH,
    n_jobs: int | None = None,
    control: Control = QUIET,
) -> Draws | None:
    """Fit again to resampled rows.

    The penalty and the dispersion inside the objective are those of the fit.

    Parameters
    ----------
    problem
        What was fitted, with the penalty in force.
    phi
        Dispersion in force.
    modes
        (size,) optima of the fit, best first.
    plan
        How rows are resampled.
    fresh
        Fresh random starts of every refit.
    n_jobs
        Refits side by side; None uses every core. The numbers do not depend on it.
    control
        Told after every refit how many are done, and asked whether to stop: then there are none.
    """
    with workers(1, problem.rows.n) as crew:
        objective = problem.objective(crew, phi)
        one = partial(_one, problem, objective, _solver(problem, objective), modes, plan, fresh)
        found = []
        for refit in _in_order(one, plan.size, n_workers(n_jobs)):
            found.append(refit)
            control.report(Progress("refit", len(found), plan.size))
            if control.stop():
                return None
    return Draws(
        plan,
        problem.rows.freq,
        np.array([refit.theta for refit in found]),
        np.array([refit.converged for refit in found]),
        np.array([refit.moved for refit in found]),
    )


def covariance(found: Draws, problem: Problem, theta: Array, free: Mask) -> Array:
    """(free, free) covariance of the parameters over the refits.

    Hidden units of every refit are matched with those of the fit first; without that, a parameter
    would belong to one unit here and to another there.

    Parameters
    ----------
    found
        Refits.
    problem, theta, free
        What was fitted, (size,) where the fit ended, and which parameters it moved.
    """
    thetas = np.array([problem.aligned(one, theta) for one in found.thetas])
    return np.atleast_2d(np.cov(thetas[:, free], rowvar=False))


def _in_order(one: Callable[[int], _Refit], size: int, threads: int) -> Iterator[_Refit]:
    """The refits in their order, side by side where there are threads."""
    if threads == 1:
        yield from map(one, range(size))
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting = [pool.submit(one, k) for k in range(size)]
        try:
            for refit in waiting:
                yield refit.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _solver(problem: Problem, objective: Objective) -> Solver:
    """The cheaper of the two solvers of a fit, content with less."""
    n, p = problem.rows.n * problem.predictor.k_eta, objective.size
    counted = operations(n, p, problem.family.effort)
    if counted["scoring"] <= counted["whitened"]:
        return Scoring(tol=TOLERANCE, maxiter=STEPS)
    return Whitened(tol=TOLERANCE)


def _one(
    problem: Problem,
    objective: Objective,
    solver: Solver,
    modes: Sequence[Array],
    plan: Plan,
    fresh: int,
    k: int,
) -> _Refit:
    """The k-th refit."""
    rows = objective.rows
    y = plan.response(k, rows.y)
    changed = replace(rows, freq=plan.frequencies(k, rows.freq), y=y)
    if y is not rows.y:
        family = objective.likelihood.family
        changed = replace(changed, constant=family.constant(y, rows.weight))
    here = replace(objective, rows=changed, counts=Counter(), memory={}, workers=Workers())
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _best(problem, here, solver, modes[:MODES], plan.stream(k, 1).spawn(fresh))


def _best(
    problem: Problem,
    objective: Objective,
    solver: Solver,
    modes: Sequence[Array],
    seeds: Sequence[np.random.SeedSequence],
) -> _Refit:
    """A few steps from every start, the best to the end, and the best of these."""
    make = Starts(objective, problem.held, problem.response_scale)
    starts = [*modes, *(make.random(seed) for seed in seeds)]
    if len(starts) > 1:
        quick = replace(solver, maxiter=RACE) if isinstance(solver, Scoring) else solver
        raced = [_run(objective, quick, params, k, short=True) for k, params in enumerate(starts)]
        raced.sort(key=lambda run: run.outcome.value)
        ended = [
            run if run.outcome.finished else _run(objective, solver, run.params, run.start)
            for run in raced[:FINALISTS]
        ]
    else:
        ended = [_run(objective, solver, starts[0], 0)]
    best = min(ended, key=lambda run: run.outcome.value)
    converged = best.outcome.finished and bool(np.isfinite(best.params).all())
    return _Refit(best.params, converged, best.start != 0)


class _Run(NamedTuple):
    params: Array
    outcome: Outcome
    start: int


def _run(
    objective: Objective, solver: Solver, params: Array, start: int, short: bool = False
) -> _Run:
    here, control = objective.from_origin(params), Control()
    outcome = solver.minimise(here, params[here.free], control, np.random.SeedSequence(0), short)
    return _Run(here.expand(outcome.x), outcome, start)
