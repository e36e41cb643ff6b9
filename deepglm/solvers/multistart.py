"""A joint fit from several starts: a few rounds from each, then the best third to the end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deepglm.predictor import Predictor, pack
from deepglm.solvers import nested, relaxed
from deepglm.solvers.contract import Control, Outcome, Solver
from deepglm.solvers.objective import Objective
from deepglm.solvers.separation import separating_direction
from deepglm.solvers.starts import Starts, random_units, thinned

Array = npt.NDArray[np.float64]

SAME = 0.01
"""Objectives closer than this, in log-likelihood units, are one optimum."""

KEPT = 4.0
"""Optima within so many log-likelihood units of the best are kept: inference needs them."""

BUDGET = 3e10
"""Counted floating-point operations that all starts together may cost by default."""

FEW, MANY = 4, 12
"""Random starts at least, as far as there are so many, and at most per layer."""

ENOUGH, ASSURANCE = 4, 8
"""Hits of the best optimum among fresh starts after which only so many variations are tried."""

SURE = 20
"""Arrivals at the best optimum from elsewhere after which no further variation is tried."""

PARENTS = 8
"""Distinct optima from which variations are made."""

MIX, MIX_DEEP = 0.15, 0.3
"""Share of variations that take a unit from another optimum instead of drawing one."""


@dataclass(frozen=True, eq=False)
class Run:
    """One start and where it came to."""

    params: Array
    """(size,) full vector at the end."""
    outcome: Outcome
    start: int
    """Number of the start."""
    origin: str
    """How it was made."""
    kept: bool = True
    """Whether it was taken to the end, or dropped after the first rounds."""
    parent: float = np.inf
    """Objective of the optimum that the start is a variation of; infinite for others."""

    @property
    def value(self) -> float:
        """Objective at the end."""
        return self.outcome.value


class Mode(NamedTuple):
    """An optimum, and how many runs ended there."""

    params: Array
    value: float
    hits: int


def default_starts(cost: float) -> int:
    """How many starts, from the counted operations of one and never from a clock."""
    return int(np.clip(BUDGET / cost, 2, 400))


@dataclass
class Search:
    """A search under way.

    Parameters
    ----------
    starts
        Makes starting values.
    solver
        Goes downhill from them.
    seed
        Seeds everything random.
    control
        Limits and reports.
    """

    starts: Starts
    solver: Solver
    seed: np.random.SeedSequence
    control: Control

    def __post_init__(self) -> None:
        self.runs: list[Run] = []
        self._seeds, self._solver_seed = self.seed.spawn(2)

    def go(self, count: int, given: list[Array]) -> list[Run]:
        """Fit from random starts, then from variations of the best optima; runs, best first.

        A fifth of the starts (four, to twelve per layer) is made from nothing: random units, half
        of them led by a penalty that is strong at first, one start around the GLM, one from a
        network with a unit fewer and one with a unit more. A few rounds
        from each, the best third to the end. The others vary an optimum that was found: a hidden
        unit is drawn anew or from another optimum, the final layer solved and the whole fitted
        again. On networks with many optima this reaches the best one far more often than as many
        random starts.

        Parameters
        ----------
        count
            Number of starts, variations included.
        given
            Full vectors to start from as well.
        """
        depth = max(len(net.units) for net in self._predictor.networks)
        fresh = int(np.clip(count // 5, min(count, FEW), MANY * depth))
        *seeds, last = self._seeds.spawn(fresh + 1)
        self._first_rounds(seeds, given, len(given) + count)
        self._finish()
        if not self.finished:
            return self.runs
        # without a penalty the best has no optimum, and an optimum that many starts reach is not it
        agreed = hits(self.finished) >= ENOUGH and self.starts.objective.precision.any()
        agreed_on = self.finished[0].value
        endless = self._endless()
        rng = np.random.default_rng(last)
        for number in range(len(given) + fresh, len(given) + count):
            best = self.finished[0].value
            tried = number - len(given) - fresh
            sure = endless or (agreed and best > agreed_on - SAME)
            sure = sure and tried >= ASSURANCE
            if sure or self.control.stop() or arrivals(self.finished) >= SURE:
                break
            theta, parent = _variation(rng, self.starts, self.finished)
            params = self.starts.completed(theta)
            control = self.control.at("start", number + 1, len(given) + count)
            run = self._advance(params, number, "variation", control)
            self._add(replace(run, parent=parent))
        return self.runs

    @property
    def finished(self) -> list[Run]:
        """Runs that were taken to the end, best first."""
        return [run for run in self.runs if run.kept]

    def _endless(self) -> bool:
        """Whether there is no maximum that more starts could find: separated, or none finished."""
        if not any(run.outcome.finished for run in self.finished):
            return True
        objective = self.starts.objective
        return bool(separating_direction(objective, self.finished[0].params).any())

    @property
    def _predictor(self) -> Predictor:
        return self.starts.objective.likelihood.predictor

    def _add(self, run: Run) -> None:
        if np.isfinite(run.value):
            self.runs.append(run)
            self.runs.sort(key=lambda one: one.value)

    def _first_rounds(
        self, seeds: list[np.random.SeedSequence], given: list[Array], total: int
    ) -> None:
        """A few rounds from every given and fresh start."""
        first = len(given) + len(seeds)
        for number in range(first):
            if self.control.stop() and self.runs:
                break
            control = self.control.at("start", number + 1, total)
            if number < len(given):
                params, origin = given[number], "given"
            else:
                k = number - len(given)
                params, origin = self._fresh(k, len(seeds), seeds[k], control)
            run = self._advance(params, number, origin, control, short=first > 2)
            self._add(replace(run, kept=first <= 2))

    def _fresh(
        self, k: int, count: int, seed: np.random.SeedSequence, control: Control
    ) -> tuple[Array, str]:
        """The k-th start from nothing: random, under a strong penalty first, or three others."""

        def short(objective: Objective, x: Array) -> Outcome:
            return self.solver.minimise(objective, x, control, self._solver_seed, True)

        if count >= FEW and k == 1:
            params = self.starts.embedded(seed)
            if params is not None:
                return params, "GLM"
        if count > FEW and k in (2, 3) and nested.possible(self.starts):
            make = nested.one_fewer if k == 2 else nested.one_more
            return make(self.starts, seed, short), f"one unit {'fewer' if k == 2 else 'more'}"
        if k >= FEW and k % 2 == 0 and relaxed.possible(self.starts):
            return relaxed.relaxed(self.starts, seed, short), "strong penalty"
        return self.starts.random(seed), "random"

    def _finish(self) -> None:
        """Take the best third of the runs, at least two, to the end."""
        best = self.runs[: max(2, -(-len(self.runs) // 3))]
        for run in best:
            self.runs.remove(run)
            if not (run.kept or run.outcome.finished or self.control.stop()):
                control = self.control.at("start", run.start + 1, 0)
                before = run.outcome
                run = self._advance(run.params, run.start, run.origin, control)
                run = replace(run, outcome=_after(before, run.outcome))
            self._add(replace(run, kept=True))

    def _advance(
        self, params: Array, number: int, origin: str, control: Control, short: bool = False
    ) -> Run:
        here = self.starts.objective.from_origin(params)
        outcome = self.solver.minimise(here, params[here.free], control, self._solver_seed, short)
        return Run(here.expand(outcome.x), outcome, number, origin)


def _after(before: Outcome, now: Outcome) -> Outcome:
    """A run that was taken up again, with the steps of both parts."""
    history = before.history + tuple(step for step in now.history if step.phase != "start")
    return replace(now, iterations=before.iterations + now.iterations, history=history)


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
        donor = random_units(rng, predictor, thinned(objective.rows))
        level = int(rng.integers(depth))
    else:
        level = 0
    mine, theirs = predictor.unpack(parent), predictor.unpack(donor)
    q = predictor.networks[t].units[level]
    mine.layers[t][level][int(rng.integers(q))] = theirs.layers[t][level][int(rng.integers(q))]
    return pack(mine), origin.value


def _distinct(runs: list[Run]) -> list[Run]:
    """The best optima that differ, a handful of them."""
    found: list[Run] = []
    for run in runs:
        if not found or run.value - found[-1].value > SAME / 10:
            found.append(run)
        if len(found) == PARENTS:
            break
    return found


def arrivals(runs: list[Run]) -> int:
    """How many runs reached the best optimum from elsewhere: falling back to it proves nothing."""
    best = runs[0].value
    return sum(run.value - best < SAME and run.parent - best >= SAME for run in runs)


def hits(runs: list[Run]) -> int:
    """How many of the finished runs reached the best optimum."""
    best = runs[0].value
    return sum(run.value - best < SAME for run in runs)


def optima(runs: list[Run]) -> list[int]:
    """Number of the optimum that each run ended at, from 1, the best.

    A run that was dropped, or stopped on its way, has 0; the best of all is an optimum in any case,
    for a fit ends there.

    Parameters
    ----------
    runs
        Sorted by their objective. Two runs are at one optimum if their objectives differ by less
        than ``SAME``.
    """
    numbers, count, level = [], 0, -np.inf
    for run in runs:
        arrived = run is runs[0] or run.outcome.finished or run.outcome.decrement < SAME
        if not (run.kept and arrived):
            numbers.append(0)
            continue
        if run.value - level >= SAME:
            count, level = count + 1, run.value
        numbers.append(count)
    return numbers


def modes(runs: list[Run]) -> list[Mode]:
    """Distinct optima within ``KEPT`` of the best, best first."""
    found: dict[int, Mode] = {}
    best = min((run.value for run in runs if run.kept), default=np.inf)
    for run, number in zip(runs, optima(runs), strict=True):
        if number == 0 or run.value - best > KEPT:
            continue
        if number in found:
            found[number] = found[number]._replace(hits=found[number].hits + 1)
        else:
            found[number] = Mode(run.params, run.value, 1)
    return list(found.values())
