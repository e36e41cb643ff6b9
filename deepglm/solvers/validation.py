"""A penalty chosen on rows that are held out, for any number of hidden layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deepglm.data import Rows
from deepglm.errors import DataError
from deepglm.families import Level
from deepglm.penalties import Grouped, Kinds, Validation
from deepglm.solvers.contract import Control, Solver
from deepglm.solvers.evidence import with_penalty
from deepglm.solvers.objective import Objective
from deepglm.solvers.whitened import Whitened

Array = npt.NDArray[np.float64]

WORSE = 2
"""Values of the grid in a row that may be worse than the best before the walk ends."""

CONTENT = 0.02
"""Decrement per parameter at which a fit on the way says enough about its penalty."""


class Tried(NamedTuple):
    """One value of the grid."""

    precision: float
    held_out: float
    """Mean log-likelihood of the rows held out."""
    learnt: float
    """Mean log-likelihood of the rows that were fitted."""


class Chosen(NamedTuple):
    """The penalty chosen, the point that it led to, and the grid."""

    penalty: Grouped
    params: Array
    tried: tuple[Tried, ...]


def by_validation(
    objective: Objective,
    kinds: Kinds,
    rule: Validation,
    start: Callable[[Objective], Array],
    solver: Solver,
    control: Control,
    seed: np.random.SeedSequence,
) -> Chosen:
    """Walk the grid from weak to strong, each fit starting from the one before.

    Parameters
    ----------
    objective
        The joint objective on all rows; its precisions are replaced.
    kinds
        Kinds of the coefficients.
    rule
        The grid and the share held out.
    start
        Makes the first starting values for an objective.
    solver
        The solver of the fit.
    control
        Limits and reports.
    seed
        Draws the rows held out.
    """
    split, draw = seed.spawn(2)
    learning, held = _halves(objective.rows, rule.share, np.random.default_rng(split))
    learn = replace(objective, rows=learning, memory={}, counts=objective.counts)
    params: Array | None = None
    tried: list[Tried] = []
    best, worse = -np.inf, 0
    for number, value in enumerate(rule.grid, 1):
        penalty = rule.at(value)
        here = with_penalty(learn, penalty, kinds)
        if params is None:
            params = start(here)
        here = here.from_origin(params)
        content = _content(solver, here.size)
        stage = control.at("validation", number, len(rule.grid))
        params = here.expand(content.minimise(here, params[here.free], stage, draw).x)
        score, own = _mean_loglike(here, params, held), _mean_loglike(here, params, learning)
        tried.append(Tried(value, score, own))
        if score > best:
            best, worse, kept, chosen = score, 0, params, penalty
        else:
            worse += 1
        if worse >= WORSE or control.stop():
            break
    return Chosen(chosen, kept, tuple(tried))


def _content(solver: Solver, size: int) -> Solver:
    """The solver with a tolerance that the choice of a penalty asks for."""
    if isinstance(solver, Whitened):
        return replace(solver, tol=max(solver.tol, CONTENT * size))
    return solver


def _mean_loglike(objective: Objective, params: Array, rows: Rows) -> float:
    sums = objective.workers.sums(objective.likelihood, params, rows, Level.VALUE)
    return sums.value / float(rows.freq.sum())


def _halves(rows: Rows, share: float, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Rows to learn from and rows to judge by, drawn among those that count."""
    counted = np.flatnonzero(rows.freq > 0)
    k = round(share * len(counted))
    if k < 1 or k >= len(counted):
        raise DataError(
            f"penalty='validation' holds out {share:g} of the rows, which is {k} of {len(counted)};"
            " at least one row must be held out and one left. Use penalty='weak'."
        )
    out = np.zeros(rows.n, dtype=bool)
    out[rng.choice(counted, size=k, replace=False)] = True
    return _only(rows, ~out), _only(rows, out)


def _only(rows: Rows, where: npt.NDArray[np.bool_]) -> Rows:
    """The same of some rows, copied."""
    return Rows(
        rows.y[..., where],
        tuple(X[:, where] for X in rows.designs),
        rows.offset[where],
        rows.weight[where],
        rows.freq[where],
        None if rows.constant is None else rows.constant[where],
    )
