"""A penalty chosen on rows that are held out, for any number of hidden layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
Mask = npt.NDArray[np.bool_]

WORSE = 2
"""Values of the grid in a row that may be worse than the best before the walk ends."""

ALONE = 500
"""Rows held out from which one part of them is enough to judge by."""

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

    Where one part of the rows is too small to judge by, every part is held out in turn and the
    log-likelihoods are added.

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
    parts = _parts(objective.rows, rule.share, np.random.default_rng(split))
    halves = [
        (
            replace(objective, rows=objective.rows.only(np.flatnonzero(~out)), memory={}),
            objective.rows.only(np.flatnonzero(out)),
        )
        for out in parts
    ]
    at = [start(learn) for learn, _ in halves]
    tried: list[Tried] = []
    best, worse, kept, chosen = -np.inf, 0, at[0], rule.at(rule.grid[0])
    for number, value in enumerate(rule.grid, 1):
        penalty = rule.at(value)
        stage = control.at("validation", number, len(rule.grid))
        for k, (learn, _) in enumerate(halves):
            here = with_penalty(learn, penalty, kinds).from_origin(at[k])
            content = _content(solver, here.size)
            at[k] = here.expand(content.minimise(here, at[k][here.free], stage, draw).x)
        score = _mean_loglike(objective, at, [held for _, held in halves])
        own = _mean_loglike(objective, at, [learn.rows for learn, _ in halves])
        tried.append(Tried(value, score, own))
        if number == 1 or score > best:
            best, worse, kept, chosen = score, 0, at[0], penalty
        elif np.isfinite(best):  # rows held out that are impossible may not be so further on
            worse += 1
        if worse >= WORSE or control.stop():
            break
    if not (np.isfinite(best) or control.stop()):
        raise DataError(
            "penalty='validation': at every value of the grid a row held out has a mean that the "
            "family cannot have, so that no value can be preferred. Use penalty='weak', or a link "
            "that allows every linear predictor, such as the log."
        )
    return Chosen(chosen, kept, tuple(tried))


def _content(solver: Solver, size: int) -> Solver:
    """The solver with a tolerance that the choice of a penalty asks for."""
    if isinstance(solver, Whitened):
        return replace(solver, tol=max(solver.tol, CONTENT * size))
    return solver


def _mean_loglike(objective: Objective, at: Sequence[Array], parts: Sequence[Rows]) -> float:
    total = sum(
        objective.workers.sums(objective.likelihood, params, rows, Level.VALUE).value
        for params, rows in zip(at, parts, strict=True)
    )
    return total / sum(float(rows.freq.sum()) for rows in parts)


def _parts(rows: Rows, share: float, rng: np.random.Generator) -> list[Mask]:
    """Rows to judge by, drawn among those that count: one part, or all of them in turn."""
    counted = np.flatnonzero(rows.freq > 0)
    k = round(share * len(counted))
    if k < 1 or k >= len(counted):
        raise DataError(
            f"penalty='validation' holds out {share:g} of the rows, which is {k} of {len(counted)};"
            " at least one row must be held out and one left. Use penalty='weak'."
        )
    order = rng.permutation(counted)
    folds = 1 if k >= ALONE else round(1 / share)
    parts = []
    for chosen in np.array_split(order, folds) if folds > 1 else [order[:k]]:
        out = np.zeros(rows.n, dtype=bool)
        out[chosen] = True
        parts.append(out)
    return parts
