"""A model as the solvers see it, and its fit from the starts to the certificate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deepglm.data import Rows
from deepglm.errors import DataError, SpecificationError
from deepglm.execution import Workers
from deepglm.families import Family, Level, adapt
from deepglm.likelihood import Likelihood
from deepglm.predictor import Predictor, canonical_form, pinned_form
from deepglm.solvers.certificate import certify, unit_sd
from deepglm.solvers.irls import glm, polish_intercept
from deepglm.solvers.multistart import choose_method, default_starts, from_starts, hits, solver
from deepglm.solvers.objective import Objective
from deepglm.solvers.scoring import Stop, never
from deepglm.solvers.starts import Starts
from deepglm.solvers.status import Certificate, Outcome

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


ROUNDS_OF_SCALE = 20
"""Rounds of coefficients and dispersion at most; two or three are usual."""


@dataclass(frozen=True)
class Options:
    """How to look for the maximum.

    Parameters
    ----------
    method
        One of ``METHODS``.
    starts
        Number of starts; None counts operations.
    seed
        Seeds the starts.
    maxiter, tol
        Limits of the solver; None for its own.
    stop
        Time limit.
    report
        Told in words how far the fit is.
    """

    method: str = "auto"
    starts: int | None = None
    seed: int = 0
    maxiter: int | None = None
    tol: float | None = None
    stop: Stop = never
    report: Callable[[str], None] = lambda text: None


class Solution(NamedTuple):
    """Where a fit ended."""

    theta: Array
    """(predictor size,) standardised coefficients, in canonical form."""
    scale: float
    """Dispersion in force inside the objective."""
    value: float
    """Penalised log-likelihood."""
    certificate: Certificate
    outcome: Outcome
    starts: int
    hits: int
    modes: tuple[float, ...]
    """Objective of every finished start above the best one's."""
    counts: Mapping[str, float]
    """Passes over the rows by kind."""


@dataclass(frozen=True)
class Problem:
    """Everything that decides the maximum of the penalised likelihood.

    Parameters
    ----------
    predictor, family, rows
        The model; the family's own choice of fixed or estimated dispersion.
    precision
        (size,) quadratic penalty.
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
        """Full vector of parameters around given coefficients, pins in place."""
        theta = pinned_form(self.predictor, np.where(self.held, 0.0, theta), self.response_scale)
        params = objective.origin.copy()
        params[: self.predictor.size] = theta
        if len(params) > self.predictor.size:
            params[self.predictor.size :] = np.log(max(self.mean_deviance(theta), 1e-300))
        return params

    def mean_deviance(self, theta: Array) -> float:
        """Deviance per row: the dispersion that maximises the extended quasi-likelihood."""
        likelihood = Likelihood(self.predictor, adapt(self.family, 1.0))
        mu = self.family.mean(likelihood.eta(theta, self.rows)[0])
        d = self.family.unit_deviance(self.rows.y, mu, self.rows.weight)
        return float(self.rows.freq @ d / self.rows.freq.sum())

    def canonical(self, params: Array) -> Array:
        """Full vector with units in canonical order and sign."""
        k = self.predictor.size
        sd = unit_sd(self.predictor, self.predictor.unpack(params[:k]), self.rows)
        held = ~self.free | (self.precision > 0)
        if not self.intercept.any():
            held = held | self.predictor.final
        out = params.copy()
        out[:k] = canonical_form(self.predictor, params[:k], sd, held)
        return out


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
    choose_method(options.method, problem.rows.n, 1)  # every method is IRLS here, if it is one
    null_scale = problem.family.start_aux(problem.rows.y, problem.rows.weight)
    estimated = phi is None and len(null_scale) > 0 and not problem.precision.any()
    scale = float(np.exp(null_scale[0])) if estimated else phi
    tol = 1e-18 if options.tol is None else options.tol
    maxiter = 100 if options.maxiter is None else options.maxiter
    iterations = 0
    history: tuple[float, ...] = ()
    for _ in range(ROUNDS_OF_SCALE if estimated else 1):
        objective = problem.objective(crew, scale)
        given = None if start is None else problem.given_start(objective, start)
        outcome = glm(objective, given, tol=tol, maxiter=maxiter)
        params = objective.expand(outcome.x)
        iterations += outcome.iterations
        history += outcome.history
        if not estimated or scale is None:
            break
        start = params[: problem.predictor.size]
        new = problem.mean_deviance(start)
        exact_fit = not new > 1e-20 * float(np.exp(null_scale[0]))
        if exact_fit or abs(new - scale) < 0.01 * scale:
            break
        scale = new
    outcome = replace(outcome, iterations=iterations, history=history)
    return _solution(problem, objective, params, outcome, options, (1, (0.0,)))


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
    n, p = problem.rows.n, objective.size
    method = choose_method(options.method, n, p)
    given = [] if start is None else [problem.given_start(objective, start)]
    count = options.starts
    if count is None:
        count = 0 if given else default_starts(method, n, p)
    if count < (0 if given else 1):
        raise SpecificationError(f"starts={count}: at least one start is needed.")
    seed_starts, seed_solver = np.random.SeedSequence(options.seed).spawn(2)
    solve = solver(method, seed_solver, options.tol, options.maxiter, options.stop, options.report)
    makes = Starts(objective, problem.held, problem.response_scale)
    runs, made = from_starts(
        makes, seed_starts, count, given, solve, stop=options.stop, report=options.report
    )
    if not runs:
        raise DataError(
            "no start has a finite likelihood: the family's range or a unit's domain leaves no "
            "room. Check the response and the offset, or choose another link or activation."
        )
    best = runs[0]
    params = problem.canonical(best.params)
    params = polish_intercept(objective, params, problem.intercept & (problem.precision == 0))
    options.report("certificate")
    modes = tuple(run.outcome.value - best.outcome.value for run in runs)
    found = (made, modes)
    objective = objective.from_origin(params)
    return _solution(problem, objective, params, best.outcome, options, found, hits(runs))


def _solution(
    problem: Problem,
    objective: Objective,
    params: Array,
    outcome: Outcome,
    options: Options,
    found: tuple[int, tuple[float, ...]],
    n_hits: int = 1,
) -> Solution:
    k = problem.predictor.size
    aux, family = params[k:], objective.likelihood.family
    x = params[objective.free]
    return Solution(
        theta=params[:k],
        scale=float(np.exp(aux[0])) if len(aux) else float(family.scale or 1.0),
        value=-objective.at(x, Level.VALUE).value,
        certificate=certify(objective, x, stopped=options.stop()),
        outcome=outcome,
        starts=found[0],
        hits=n_hits,
        modes=found[1],
        counts=dict(objective.counts),
    )
