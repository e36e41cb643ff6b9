"""Penalties chosen by the marginal likelihood, for one hidden layer.

The marginal likelihood of the precisions, by Laplace's approximation around the penalised estimate,
is ``loglike - penalty + sum(log precision) / 2 - log|F + S| / 2``. Between rounds of the solver
each precision moves to where this is stationary with the information held (MacKay 1992, eq. 4.7):
``lambda = gamma / sum(theta**2)`` with the effective number of coefficients
``gamma = k - lambda tr V``, ``V = (F + S)^-1``. That fixed point is not safe, so the precisions
with the best marginal likelihood on the way are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.special import gammaln

from deepglm.families import Level
from deepglm.penalties import GROUPS, Grouped, Kinds, groups
from deepglm.predictor import Predictor
from deepglm.solvers.contract import Control, Solver
from deepglm.solvers.irls import glm
from deepglm.solvers.objective import Objective
from deepglm.solvers.scoring import Scoring
from deepglm.solvers.whitened import Whitened

Array = npt.NDArray[np.float64]

UPDATES = 40
"""Updates at most."""

FACTOR = 3.0
"""Factor by which a precision moves at most in one update."""

SETTLED = 0.02
"""Change of every log precision at which they have settled."""

PATIENCE = 3
"""Updates without a better marginal likelihood after which the search ends."""

GONE = 0.5
"""Effective coefficients below which a group may be shrunk as far as it likes."""

SLOPE = 1e-8
"""Smallest sum of squares of a group, relative to its size, that a precision is computed from."""


class Group(NamedTuple):
    """One kind of coefficient and its precision."""

    name: str
    precision: float
    size: int
    """Coefficients."""
    edf: float
    """Effective number of them: how many the data determine rather than the penalty."""


@dataclass(frozen=True)
class Marginal:
    """The marginal likelihood at one point, and what the precisions do next."""

    value: float
    """Log marginal likelihood by Laplace's approximation."""
    groups: tuple[Group, ...]
    proposal: Grouped
    """Precisions at which it would be stationary, the information held."""


class Choice(NamedTuple):
    """Precisions chosen, and the point where."""

    penalty: Grouped
    params: Array
    value: float
    """Best log marginal likelihood, by a sample of the rows where there are many."""
    settled: bool
    updates: int
    edf: float = 0.0
    """Effective number of coefficients in hidden layers there."""

    @property
    def empty(self) -> bool:
        """Whether the penalty has shrunk the hidden layers to nothing."""
        return self.edf < GONE


def marginal(
    objective: Objective, params: Array, kinds: Kinds, penalty: Grouped, rng: np.random.Generator
) -> Marginal | None:
    """Log marginal likelihood of the precisions in force; None where the information is singular.

    Parameters
    ----------
    objective
        With those precisions.
    params
        (size,) parameters.
    kinds
        Kinds of the coefficients.
    penalty
        The precisions.
    rng
        Draws rows where there are many: at least 20 for each parameter and a twentieth.
    """
    here = objective.from_origin(params)
    x, k = params[here.free], kinds.predictor.size
    p, n = here.size, here.rows.n
    now = here.sample(rng, max(20 * p, n // 20)).at(x, Level.FISHER)
    value = here.at(x, Level.VALUE).value
    if now.information is None:
        return None
    root = np.sqrt(np.maximum(np.diag(now.information), 1e-300))
    try:
        factor = cho_factor(now.information / root / root[:, None], lower=True)
    except LinAlgError:
        return None
    variance = np.diag(cho_solve(factor, np.eye(p))) / root**2
    log_det = 2.0 * float(np.log(np.diag(factor[0])).sum() + np.log(root).sum())
    group, unit = groups(kinds)
    extra = len(params) - k
    group = np.concatenate((group, np.full(extra, -1)))[here.free]
    unit = np.concatenate((unit, np.ones(extra)))[here.free]
    S = here.penalty
    penalised = S > 0
    level = -value + 0.5 * float(np.log(S[penalised]).sum()) - 0.5 * log_det
    level += 0.5 * np.log(2 * np.pi) * int((~penalised).sum())
    found, proposed = [], []
    for number, name in enumerate(GROUPS):
        old = float(getattr(penalty, name))
        inside = group == number
        edf = float(inside.sum() - S[inside] @ variance[inside])
        squares = float(unit[inside] @ x[inside] ** 2)
        new = max(edf, 1e-3) / max(squares, SLOPE * max(int(inside.sum()), 1))
        proposed.append(float(np.clip(new, old / FACTOR, old * FACTOR)) if inside.any() else old)
        if inside.any():
            found.append(Group(name, old, int(inside.sum()), edf))
    return Marginal(level, tuple(found), Grouped(*proposed))


def glm_marginal(objective: Objective, penalty: Array) -> float:
    """Log marginal likelihood of the GLM in the final layer, without any hidden layer.

    Parameters
    ----------
    objective
        The network's.
    penalty
        (k_eta k_glm,) precisions of the final layer's own terms, 0 for flat.
    """
    likelihood, origin = objective.likelihood, objective.origin
    k, size = penalty.size, likelihood.predictor.size
    plain = Predictor(likelihood.predictor.k_glm, (), likelihood.predictor.k_eta)
    extra = np.ones(len(origin) - size, dtype=bool)
    here = Objective(
        replace(likelihood, predictor=plain),
        replace(objective.rows, designs=objective.rows.designs[:1]),
        np.concatenate((penalty, np.zeros(len(extra)))),
        np.concatenate((np.zeros(k), origin[size:])),
        np.concatenate((objective.free[:k], extra)),
        objective.workers,
    )
    x = glm(here, tol=1e-8).x
    now = here.at(x, Level.FISHER)
    if now.information is None:
        return -np.inf
    sign, log_det = np.linalg.slogdet(now.information)
    flat = int((here.penalty == 0).sum())
    level = -now.value - 0.5 * log_det + 0.5 * np.log(2 * np.pi) * flat
    level += 0.5 * float(np.log(here.penalty[here.penalty > 0]).sum())
    return float(level) if sign > 0 else -np.inf


def copies(predictor: Predictor) -> float:
    """Log of the number of equal modes: units may be permuted, and their signs changed.

    The reference of a softmax layer stays where it is.
    """
    return sum(
        float(gammaln(q + 1 - link.across)) + (q * np.log(2.0) if link.parity is not None else 0.0)
        for network in predictor.networks
        for q, link in zip(network.units, network.links, strict=True)
    )


def by_evidence(
    objective: Objective,
    params: Array,
    kinds: Kinds,
    start: Grouped,
    solver: Solver,
    control: Control,
    seed: np.random.SeedSequence,
) -> Choice:
    """Choose the precisions while fitting from one start.

    Parameters
    ----------
    objective
        The joint objective; its precisions are replaced.
    params
        (size,) where to start.
    kinds
        Kinds of the coefficients.
    start
        Precisions to begin with.
    solver
        The solver of the fit; it is used a round at a time.
    control
        Limits and reports.
    seed
        For samples of the rows.
    """
    penalty, first = start, True
    best: Choice | None = None
    stale = settled = updates = 0
    for updates in range(1, UPDATES + 1):
        here = with_penalty(objective, penalty, kinds).from_origin(params)
        one = _one_round(solver, first)
        end = one.minimise(here, params[here.free], control.at("evidence", updates, UPDATES), seed)
        params, first = here.expand(end.x), False
        # the same rows every time, so that marginal likelihoods can be compared
        now = marginal(here, params, kinds, penalty, np.random.default_rng(seed))
        if now is None:
            break
        if best is None or now.value > best.value + 0.01:
            edf = sum(group.edf for group in now.groups)
            best, stale = Choice(penalty, params, now.value, False, updates, edf), 0
        else:
            stale += 1
        moved = max(_moved(now, penalty))
        settled = settled + 1 if moved < SETTLED else 0
        if settled >= 2 or stale >= PATIENCE or control.stop():
            break
        penalty = now.proposal
    if best is None:
        return Choice(start, params, -np.inf, False, updates)
    return best._replace(settled=settled >= 2, updates=updates)


def _moved(now: Marginal, penalty: Grouped) -> Iterator[float]:
    """How far every log precision moves; a group that is all but shrunk away has arrived."""
    for group in now.groups:
        change = np.log(getattr(now.proposal, group.name) / getattr(penalty, group.name))
        yield abs(float(change)) if group.edf > GONE else 0.0


def with_penalty(objective: Objective, penalty: Grouped, kinds: Kinds) -> Objective:
    """The same objective under other precisions."""
    extra = len(objective.origin) - kinds.predictor.size
    precision = np.concatenate((penalty.precision(kinds), np.zeros(extra)))
    return replace(objective, precision=precision, memory={})


def _one_round(solver: Solver, first: bool) -> Solver:
    """The solver, for as long as the precisions stay."""
    if isinstance(solver, Whitened):
        return replace(solver, maxiter=1, staged=solver.staged and first)
    if isinstance(solver, Scoring):
        return replace(solver, maxiter=15 if first else 3)
    return solver
