"""A joint fit from several starts: a few rounds from each, then the best third to the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deepglm.errors import SpecificationError
from deepglm.families import Level
from deepglm.predictor import pack
from deepglm.solvers.objective import Objective
from deepglm.solvers.scoring import Curvature, Stop, never, scoring
from deepglm.solvers.starts import Starts, random_units
from deepglm.solvers.status import Outcome
from deepglm.solvers.whitened import whitened

Array = npt.NDArray[np.float64]

METHODS = ("auto", "scoring", "whitened", "irls", "newton")

SAME = 0.01
"""Objectives closer than this, in log-likelihood units, are one optimum."""

ROUNDS = 5
"""Rounds (whitened) or a third as many again steps (scoring) before two thirds are dropped."""

BUDGET = 3e10
"""Counted floating-point operations that all starts together may cost by default."""

FEW, MANY = 4, 12
"""Random starts at least, as far as there are so many, and at most per layer."""

ENOUGH = 4
"""Hits of the best optimum among random starts after which no variation is tried."""

SURE = 20
"""Arrivals at the best optimum from elsewhere after which no further variation is tried."""

PARENTS = 8
"""Distinct optima from which variations are made."""

CANDIDATES = 3
"""Variations whose final layer is solved for every one that is fitted."""

MIX, MIX_DEEP = 0.15, 0.3
"""Share of variations that take a unit from another optimum instead of drawing one."""

Solve = Callable[[Objective, Array, int | None], Outcome]


@dataclass(frozen=True)
class Run:
    """One start and where it came to."""

    params: Array
    """(size,) full vector at the end."""
    outcome: Outcome
    start: int
    """Number of the start."""
    parent: float = np.inf
    """Objective of the optimum that the start is a variation of; infinite for a random start."""


def choose_method(method: str, n: int, p: int) -> str:
    """Pick the solver of hidden layers by counted cost.

    Where an information matrix is cheap (fewer than 50 parameters, or fewer than 200,000 entries of
    the Jacobian) damped scoring; above it L-BFGS in whitened coordinates.
    """
    if method not in METHODS:
        accepted = ", ".join(repr(m) for m in METHODS)
        raise SpecificationError(f"method={method!r} is not known; accepted are {accepted}.")
    if method != "auto":
        return method
    return "scoring" if p < 50 or n * p < 2e5 else "whitened"


def default_starts(method: str, n: int, p: int) -> int:
    """How many starts, from counted operations and never from a clock."""
    overhead = 1e6  # a step of a small fit costs this much in calls, whatever the rows
    if method == "whitened":
        one = 300 * (6.0 * n * p + overhead) + 8.0 * n * p * p
    else:
        one = 40 * (n * p * p + 10.0 * p**3 + overhead)
    return int(np.clip(BUDGET / one, 2, 400))


def solver(
    method: str,
    seed: np.random.SeedSequence,
    tol: float | None,
    maxiter: int | None,
    stop: Stop,
    report: Callable[[str], None],
) -> Solve:
    """Bind a method to its options: ``solve(objective, x, rounds)``."""
    most = 300 if maxiter is None else maxiter
    if method == "whitened":
        goal = 1e-8 if tol is None else tol

        def solve_whitened(f: Objective, x: Array, rounds: int | None) -> Outcome:
            limit = most if rounds is None else min(rounds, most)
            return whitened(f, x, seed, tol=goal, maxiter=limit, stop=stop, report=report)

        return solve_whitened
    curvature = {
        "scoring": Curvature.BOTH,
        "irls": Curvature.FISHER,
        "newton": Curvature.NEWTON,
    }[method]

    def solve(f: Objective, x: Array, rounds: int | None) -> Outcome:
        limit = most if rounds is None else min(3 * rounds, most)
        goal = 1e-10 if tol is None else tol
        return scoring(f, x, curvature, tol=goal, maxiter=limit, stop=stop, name=method)

    return solve


def from_starts(
    starts: Starts,
    seed: np.random.SeedSequence,
    count: int,
    given: list[Array],
    solve: Solve,
    *,
    stop: Stop = never,
    report: Callable[[str], None] = lambda text: None,
) -> tuple[list[Run], int]:
    """Fit from random starts, then from variations of the best optima, and return all runs.

    A fifth of the starts (four, to twelve per layer) is random: a few rounds from each, the best
    third to the end. The others vary an optimum that was found: a hidden unit is drawn anew or from
    another optimum, the final layer solved and the whole fitted again. On networks with many optima
    this reaches the best one far more often than as many random starts.

    Parameters
    ----------
    starts
        Makes starting values.
    seed
        Seeds everything random.
    count
        Number of starts, variations included.
    given
        Full vectors to start from as well.
    solve
        Bound solver.
    stop
        Time limit.
    report
        Told in words how far the fit is.

    Returns
    -------
    list of Run, int
        Finished runs, best first, and the number of starts made.
    """
    depth = max(len(net.units) for net in starts.objective.likelihood.predictor.networks)
    n_random = int(np.clip(count // 5, min(count, FEW), MANY * depth))
    *seeds, last = seed.spawn(n_random + 1)
    runs = _finished(_first_rounds(starts, seeds, given, solve, stop, report), starts, solve, stop)
    made = len(given) + n_random
    if not runs or hits(runs) >= ENOUGH:
        return runs, made
    rng = np.random.default_rng(last)
    for number in range(n_random, count):
        if stop() or arrivals(runs) >= SURE:
            break
        report(f"start {number + 1} of {count}")
        params, parent = _best_variation(rng, starts, runs)
        made += 1
        run = _advance(starts.objective, params, len(given) + number, solve, None)
        if np.isfinite(run.outcome.value):
            runs.append(replace(run, parent=parent))
            runs.sort(key=lambda one: one.outcome.value)
    return runs, made


def _first_rounds(
    starts: Starts,
    seeds: list[np.random.SeedSequence],
    given: list[Array],
    solve: Solve,
    stop: Stop,
    report: Callable[[str], None],
) -> list[Run]:
    """A few rounds from every given and random start, best first."""
    total = len(given) + len(seeds)
    runs: list[Run] = []
    for number in range(total):
        if stop() and runs:
            break
        report(f"start {number + 1} of {total}")
        params = given[number] if number < len(given) else starts.random(seeds[number - len(given)])
        run = _advance(starts.objective, params, number, solve, ROUNDS if total > 2 else None)
        if np.isfinite(run.outcome.value):
            runs.append(run)
    runs.sort(key=lambda one: one.outcome.value)
    return runs


def _finished(runs: list[Run], starts: Starts, solve: Solve, stop: Stop) -> list[Run]:
    """The best third of the runs (at least two), taken to the end."""
    ends = []
    for run in runs[: max(2, -(-len(runs) // 3))]:
        done = run.outcome.finished or stop()
        ends.append(run if done else _advance(starts.objective, run.params, run.start, solve, None))
    ends.sort(key=lambda one: one.outcome.value)
    return ends


def _best_variation(
    rng: np.random.Generator, starts: Starts, runs: list[Run]
) -> tuple[Array, float]:
    """The best of a few variations once their final layers are solved, and its parent's value."""
    objective = starts.objective
    tried = []
    for _ in range(CANDIDATES):
        theta, parent = _variation(rng, starts, runs)
        params = starts.completed(theta)
        value = objective.from_origin(params).at(params[objective.free], Level.VALUE).value
        tried.append((value, params, parent))
    _, params, parent = min(tried, key=lambda one: one[0])
    return params, parent


def _variation(rng: np.random.Generator, starts: Starts, runs: list[Run]) -> tuple[Array, float]:
    """Hidden coefficients of a good optimum with one unit replaced, and that optimum's value."""
    objective = starts.objective
    predictor = objective.likelihood.predictor
    optima = _distinct(runs)
    origin = optima[int(rng.integers(len(optima)))]
    parent = origin.params[: predictor.size].copy()
    donor = optima[int(rng.integers(len(optima)))].params[: predictor.size]
    t = int(rng.integers(len(predictor.networks)))
    depth = len(predictor.networks[t].units)
    mixing = MIX if depth == 1 else MIX_DEEP
    if len(optima) < 2 or rng.uniform() > mixing:
        donor = random_units(rng, predictor, objective.rows)
        level = int(rng.integers(depth))
    else:
        level = 0
    mine, theirs = predictor.unpack(parent), predictor.unpack(donor)
    q = predictor.networks[t].units[level]
    mine.layers[t][level][int(rng.integers(q))] = theirs.layers[t][level][int(rng.integers(q))]
    return pack(mine), origin.outcome.value


def _distinct(runs: list[Run]) -> list[Run]:
    """The best optima that differ, a handful of them."""
    found: list[Run] = []
    for run in runs:
        if not found or run.outcome.value - found[-1].outcome.value > SAME / 10:
            found.append(run)
        if len(found) == PARENTS:
            break
    return found


def _advance(
    objective: Objective, params: Array, number: int, solve: Solve, rounds: int | None
) -> Run:
    here = objective.from_origin(params)
    outcome = solve(here, params[here.free], rounds)
    return Run(here.expand(outcome.x), outcome, number)


def arrivals(runs: list[Run]) -> int:
    """How many runs reached the best optimum from elsewhere: falling back to it proves nothing."""
    best = runs[0].outcome.value
    return sum(run.outcome.value - best < SAME and run.parent - best >= SAME for run in runs)


def hits(runs: list[Run]) -> int:
    """How many of the finished runs reached the best optimum."""
    best = runs[0].outcome.value
    return sum(run.outcome.value - best < SAME for run in runs)
