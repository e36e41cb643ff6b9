"""A model as the solvers see it, and its fit from the starts to the certificate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deepglm.data import Rows
from deepglm.errors import DataError, SpecificationError
from deepglm.execution import Workers
from deepglm.families import Family, Level, adapt
from deepglm.likelihood import Likelihood
from deepglm.penalties import Evidence, Grouped, Kinds, Penalty, Validation
from deepglm.predictor import Predictor, align, canonical_form, pinned_form
from deepglm.solvers.certificate import DECREMENT, certify, unit_sd
from deepglm.solvers.contract import Control, Outcome, Progress, Solver, Step, silent
from deepglm.solvers.evidence import (
    GONE,
    Group,
    by_evidence,
    copies,
    glm_marginal,
    marginal,
    with_penalty,
)
from deepglm.solvers.finish import finish
from deepglm.solvers.irls import glm
from deepglm.solvers.methods import choose, operations
from deepglm.solvers.multistart import Mode, Run, Search, default_starts, modes, optima
from deepglm.solvers.objective import Objective
from deepglm.solvers.starts import Starts
from deepglm.solvers.status import Certificate, Status
from deepglm.solvers.validation import Tried, by_validation
from deepglm.solvers.watch import Watch

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


ROUNDS_OF_SCALE = 20
"""Rounds of coefficients and dispersion at most; two or three are usual."""


WEAKER = 100.0
"""Factor by which a penalty that left nothing of a network is weaker in a second try."""

NEARLY = 1.0
"""Decrement of a run from which exact Newton steps lead to the optimum near by."""


@dataclass(frozen=True)
class Options:
    """How to look for the maximum.

    Parameters
    ----------
    method
        One of ``METHODS``, or a solver.
    starts
        Number of starts; None counts operations.
    seed
        Seeds the starts.
    maxiter, tol
        Limits of a solver given by name; None for its own.
    watch
        May end the fit.
    report
        Told how far the fit is.
    """

    method: str | Solver = "auto"
    starts: int | None = None
    seed: int = 0
    maxiter: int | None = None
    tol: float | None = None
    watch: Watch = field(default_factory=Watch)
    report: Callable[[Progress], None] = silent

    @property
    def control(self) -> Control:
        """What solvers see of it."""
        return Control(self.watch, self.report)


class Start(NamedTuple):
    """A row of the table of starts."""

    number: int
    origin: str
    objective: float
    """Penalised log-likelihood at its end."""
    iterations: int
    status: str
    optimum: int
    """Number of the optimum that it ended at, 1 the best; 0 if it was dropped on the way."""


class PenaltyChoice(NamedTuple):
    """How the data chose a penalty."""

    penalty: Grouped
    groups: tuple[Group, ...]
    """Precision and effective number of coefficients of every kind."""
    evidence: float
    """Log marginal likelihood at the end; NaN where it was not the criterion."""
    glm_evidence: float
    """That of the plain GLM, where it is nested: its terms stand in the final layer as well."""
    settled: bool
    """Whether the precisions had stopped moving (or the best of the grid is not at its end)."""
    tried: tuple[Tried, ...] = ()
    """The grid of a validation."""


class Solution(NamedTuple):
    """Where a fit ended."""

    theta: Array
    """(predictor size,) standardised coefficients, in canonical form."""
    aux: Array
    """Auxiliary parameters, a dispersion among them."""
    scale: float
    """Dispersion in force inside the objective."""
    value: float
    """Penalised log-likelihood."""
    precision: Array
    """(predictor size,) quadratic penalty in force."""
    certificate: Certificate
    outcome: Outcome
    reason: str
    """Why this method."""
    starts: tuple[Start, ...]
    modes: tuple[Mode, ...]
    """Distinct optima within a few log-likelihood units, best first, in canonical form."""
    counts: Mapping[str, float]
    """Passes over the rows by kind."""
    choice: PenaltyChoice | None = None
    stopped: Status | None = None
    """What ended the search before all its starts were made."""


@dataclass(frozen=True)
class Problem:
    """Everything that decides the maximum of the penalised likelihood.

    Parameters
    ----------
    predictor, family, rows
        The model; the family's own choice of fixed or estimated dispersion.
    penalty
        What is preferred; evidence and validation choose among precisions.
    kinds
        What kind of coefficient stands where.
    precision
        (size,) quadratic penalty, to begin with where the data choose it.
    free
        (size,) coefficients that are estimated.
    aliased
        (size,) coefficients that are zero because their columns are aliased.
    held
        (size,) coefficients that are zero: the aliased ones, and pins at zero.
    intercept
        (size,) the final layer's intercepts.
    response_scale
        Magnitude of pinned coefficients of the final layer.
    """

    predictor: Predictor
    family: Family
    rows: Rows
    penalty: Penalty
    kinds: Kinds
    precision: Array
    free: Mask
    aliased: Mask
    held: Mask
    intercept: Mask
    response_scale: float

    def objective(self, crew: Workers, phi: float | None) -> Objective:
        """Minus the penalised log-likelihood; ``phi`` None estimates the dispersion as well."""
        likelihood = Likelihood(self.predictor, adapt(self.family, phi))
        family, rows, k = likelihood.family, self.rows, self.predictor.size
        extra = likelihood.size - k
        origin = np.zeros(likelihood.size)
        origin[k:] = family.start_aux(rows.y, rows.weight)
        return Objective(
            likelihood,
            replace(rows, constant=family.constant(rows.y, rows.weight)),
            np.concatenate((self.precision, np.zeros(extra))),
            origin,
            np.concatenate((self.free, np.ones(extra, dtype=bool))),
            crew,
        )

    def given_start(self, objective: Objective, theta: Array) -> Array:
        """Full vector of parameters around given coefficients, pins in place.

        Auxiliary parameters may follow them.
        """
        k, params = self.predictor.size, objective.origin.copy()
        params[:k] = pinned_form(
            self.predictor, np.where(self.held, 0.0, theta[:k]), self.response_scale
        )
        if len(theta) > k:
            params[k:] = theta[k:]
        elif objective.likelihood.family.scale is None:
            params[k] = np.log(max(self.mean_deviance(params[:k]), 1e-300))
        return params

    def mean_deviance(self, theta: Array) -> float:
        """Deviance per row: the dispersion that maximises the extended quasi-likelihood."""
        eta, rows = Likelihood(self.predictor, self.family).eta(theta, self.rows), self.rows
        aux = self.family.start_aux(rows.y, rows.weight)
        d = self.family.deviance_rows(rows.y, eta, aux, rows.weight)
        return float(rows.freq @ d / rows.freq.sum())

    def canonical(self, params: Array) -> Array:
        """Full vector with units in canonical order and sign."""
        if not self.predictor.networks:
            return params
        k = self.predictor.size
        sd = unit_sd(self.predictor, self.predictor.unpack(params[:k]), self.rows)
        out = params.copy()
        out[:k] = canonical_form(self.predictor, params[:k], sd, self._hold_constants)
        return out

    def aligned(self, params: Array, reference: Array) -> Array:
        """Full vector with units in the order and with the signs of those of a reference."""
        return align(self.predictor, params, reference, self.rows, self._hold_constants)

    @property
    def _hold_constants(self) -> Mask:
        """(size,) intercepts that may not take up a constant, or the objective would change."""
        held = ~self.free | (self.precision > 0)
        return held if self.intercept.any() else held | self.predictor.final


def fit_glm(
    problem: Problem, crew: Workers, phi: float | None, start: Array | None, options: Options
) -> Solution:
    """Fit the ordinary GLM.

    Without a penalty its coefficients do not depend on the dispersion. An estimated one is then
    brought to its maximum likelihood value in a few warm rounds, so that tolerance and certificate
    are in log-likelihood units whatever the units of the response. Under a penalty the dispersion
    is maximised over together with the coefficients.

    Parameters
    ----------
    problem
        A predictor without hidden layers.
    crew
        Who adds.
    phi
        Dispersion; None estimates it.
    start
        (size,) standardised coefficients to start from.
    options
        Limits.
    """
    solver = None
    if options.method not in ("auto", "irls", "scoring"):
        solver = choose(options.method, {}, options.tol, options.maxiter).solver
    null_scale = problem.family.start_aux(problem.rows.y, problem.rows.weight)
    alone = problem.family.scale is None and len(null_scale) == 1
    estimated = phi is None and alone and not problem.precision.any()
    scale = float(np.exp(null_scale[0])) if estimated else phi
    tol = 1e-18 if options.tol is None else options.tol
    maxiter = 100 if options.maxiter is None else options.maxiter
    iterations = 0
    history: tuple[Step, ...] = ()
    control = options.control.at("GLM")
    origin = "least squares" if start is None else "given"
    for _ in range(ROUNDS_OF_SCALE if estimated else 1):
        objective = problem.objective(crew, scale)
        given = None if start is None else problem.given_start(objective, start)
        outcome = glm(objective, given, tol=tol, maxiter=maxiter, solver=solver, control=control)
        if not np.isfinite(outcome.value):
            raise _no_room()
        params = objective.expand(outcome.x)
        iterations += outcome.iterations
        history += outcome.history
        if not estimated or scale is None or control.stop():
            break
        start = params[: problem.predictor.size]
        new = problem.mean_deviance(start)
        exact_fit = not new > 1e-20 * float(np.exp(null_scale[0]))
        if exact_fit or abs(new - scale) < 0.01 * scale:
            break
        scale = new
    outcome = replace(outcome, iterations=iterations, history=history)
    run, stopped = Run(params, outcome, 0, origin), options.watch.reason
    reason = "the whole model is one GLM"
    return _solution(problem, objective, params, [run], options, reason)._replace(stopped=stopped)


def fit_network(
    problem: Problem, crew: Workers, phi: float | None, start: Array | None, options: Options
) -> Solution:
    """Fit hidden layers and final layer together, from several starts.

    Parameters
    ----------
    problem
        A predictor with hidden layers.
    crew, phi, start, options
        As in :func:`fit_glm`.
    """
    objective = problem.objective(crew, phi)
    n, p = problem.rows.n * problem.predictor.k_eta, objective.size  # linear predictors
    cost = operations(n, p, problem.family.effort)
    solver, reason = choose(options.method, cost, options.tol, options.maxiter)
    given = [] if start is None else [problem.given_start(objective, start)]
    count = options.starts
    if count is None:
        count = 0 if given else default_starts(cost.get(solver.name, min(cost.values())))
    if count < (0 if given else 1):
        raise SpecificationError(f"starts={count}: at least one start is needed.")
    seeds = np.random.SeedSequence(options.seed).spawn(2)
    choice = None
    if isinstance(problem.penalty, Evidence | Validation):
        choice, params = _chosen(problem, objective, given, solver, options.control, seeds[1])
        problem = replace(problem, precision=choice.penalty.precision(problem.kinds))
        objective = with_penalty(objective, choice.penalty, problem.kinds)
        given, count = [params], max(count - 1, 0)
    starts = Starts(objective, problem.held, problem.response_scale)
    runs = Search(starts, solver, seeds[0], options.control).go(count, given)
    if not runs:
        raise _no_room()
    stopped = options.watch.reason
    params = problem.canonical(runs[0].params)
    options.control.at("certificate")
    best = runs[0].outcome
    loose = options.tol is not None and options.tol > DECREMENT
    cut = options.maxiter is not None and not best.finished
    if best.decrement < NEARLY and not loose and not cut:
        unpenalised = problem.intercept & (problem.precision == 0)
        params = finish(objective, params, unpenalised, options.control)
    objective = objective.from_origin(params)
    solution = _solution(problem, objective, params, runs, options, reason)
    solution = solution._replace(stopped=stopped)
    if choice is None:
        return solution
    return solution._replace(choice=_at_the_end(problem, objective, params, choice, seeds[1]))


def _chosen(
    problem: Problem,
    objective: Objective,
    given: list[Array],
    solver: Solver,
    control: Control,
    seed: np.random.SeedSequence,
) -> tuple[PenaltyChoice, Array]:
    """The penalty that the data choose, and the full vector of parameters that it led to."""
    first, second = seed.spawn(2)
    kinds, rule = problem.kinds, problem.penalty

    def start(there: Objective) -> Array:
        made = Starts(there, problem.held, problem.response_scale)
        return given[0] if given else made.random(first)

    if isinstance(rule, Evidence):
        if any(len(network.units) > 1 for network in problem.predictor.networks):
            raise SpecificationError(
                "penalty='evidence' is for one hidden layer: with more of them the marginal "
                "likelihood chooses too little penalty. Use penalty='validation', or one layer."
            )
        grouped = Grouped(rule.start, rule.start)
        here = with_penalty(objective, grouped, kinds)
        found = by_evidence(here, start(here), kinds, grouped, solver, control, second)
        if found.empty:  # nothing grows again from an empty network: begin with less penalty
            weaker = Grouped(rule.start / WEAKER, rule.start / WEAKER)
            there = with_penalty(objective, weaker, kinds)
            other = by_evidence(there, start(there), kinds, weaker, solver, control, second)
            if not other.empty and other.value + copies(problem.predictor) > found.value:
                found = other
        return PenaltyChoice(found.penalty, (), found.value, np.nan, found.settled), found.params
    assert isinstance(rule, Validation)
    best = by_validation(objective, kinds, rule, start, solver, control, second)
    inside = best.penalty.rest not in (rule.grid[0], rule.grid[-1])
    return PenaltyChoice(best.penalty, (), np.nan, np.nan, inside, best.tried), best.params


def _at_the_end(
    problem: Problem,
    objective: Objective,
    params: Array,
    choice: PenaltyChoice,
    seed: np.random.SeedSequence,
) -> PenaltyChoice:
    """The choice with what the final estimate says about it."""
    now = marginal(objective, params, problem.kinds, choice.penalty, np.random.default_rng(seed))
    if now is None:
        return choice
    if np.isnan(choice.evidence):
        return choice._replace(groups=now.groups)
    predictor, X = problem.predictor, problem.rows.designs
    nested = all(np.shares_memory(one, X[0]) for one in X[1:])
    alive = sum(group.edf for group in now.groups) >= GONE  # units that are nothing have no copies
    glm_terms = problem.precision[: predictor.slices[0].stop]
    return choice._replace(
        groups=now.groups,
        evidence=now.value + (copies(predictor) if alive else 0.0),
        glm_evidence=glm_marginal(objective, glm_terms) if nested else np.nan,
    )


def _solution(
    problem: Problem,
    objective: Objective,
    params: Array,
    runs: list[Run],
    options: Options,
    reason: str,
) -> Solution:
    k = problem.predictor.size
    aux, family = params[k:], objective.likelihood.family
    x = params[objective.free]
    certificate = certify(objective, x, stopped=options.watch.reason)
    return Solution(
        theta=params[:k],
        aux=aux,
        scale=float(np.exp(aux[0])) if family.scale is None else float(family.scale),
        value=-objective.at(x, Level.VALUE).value,
        precision=problem.precision,
        certificate=certificate,
        outcome=runs[0].outcome,
        reason=reason,
        starts=_table(runs),
        modes=tuple(mode._replace(params=problem.canonical(mode.params)) for mode in modes(runs)),
        counts=dict(objective.counts),
    )


def _no_room() -> DataError:
    return DataError(
        "no start has a finite likelihood: the family's range or a unit's domain leaves no room. "
        "Check the response and the offset, or choose another link or activation."
    )


def _table(runs: list[Run]) -> tuple[Start, ...]:
    """The starts in the order in which they were made."""
    rows = [
        Start(
            run.start + 1,
            run.origin,
            -run.value,
            run.outcome.iterations,
            "dropped" if not run.kept else "finished" if run.outcome.finished else "stopped",
            optimum,
        )
        for run, optimum in zip(runs, optima(runs), strict=True)
    ]
    return tuple(sorted(rows))
