"""The final layer by iteratively reweighted least squares.

Given the hidden units, the final layer is an ordinary (penalised) GLM: Fisher scoring on its
coefficients. For ``hidden=()`` it is the whole model.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from deepglm.families import Level, refuse_nan
from deepglm.predictor import final_jacobian, forward
from deepglm.solvers.contract import Control, Outcome, Solver
from deepglm.solvers.objective import Objective
from deepglm.solvers.scoring import QUIET, Curvature, scoring

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SOME_ROWS = 20_000
"""Rows on which the fit of a GLM to many more begins. They leave it a few standard errors away,
which is where Newton's method needs three steps to all digits."""


def final_layer(
    objective: Objective, params: Array, held: Mask, *, tol: float = 1e-4, maxiter: int = 25
) -> Array:
    """Full vector of parameters whose final layer is (nearly) optimal given the hidden units.

    Auxiliary parameters and pinned coefficients of hidden units are free here as well: a pin is a
    choice of scale, and the caller restores it. What is held at zero stays there.

    Parameters
    ----------
    objective
        The joint objective.
    params
        (size,) parameters; the final layer's are replaced.
    held
        (coefficients,) which are held at zero.
    tol
        Half the decrement at which to stop; a start needs no more digits.
    """
    predictor = objective.likelihood.predictor
    free = np.zeros(objective.likelihood.size, dtype=bool)
    free[: predictor.size] = predictor.final & (
        objective.free[: predictor.size] | (predictor.output_weights & ~held)
    )
    aux = np.zeros_like(free)
    aux[predictor.size :] = objective.free[predictor.size :]
    params = params.copy()
    sub = objective.from_origin(params, free)
    x = _least_squares(sub)
    if not np.isfinite(sub.at(x, Level.VALUE).value):
        x = _level(objective, params)[free]
        if not np.isfinite(sub.at(x, Level.VALUE).value):
            return params
    if aux.any():
        params[free] = x
        sub = objective.from_origin(params, free | aux)
        x = params[free | aux]
    end = scoring(sub, x, Curvature.FISHER, tol=tol, maxiter=maxiter, damping=1e-6, name="irls")
    return sub.expand(end.x)


def _level(objective: Objective, params: Array) -> Array:
    """Final layer zero but for intercepts at the level: always a valid predictor."""
    predictor, rows = objective.likelihood.predictor, objective.rows
    params = params.copy()
    params[: predictor.size][predictor.final] = 0.0
    level = objective.likelihood.family.start_level(rows.y, rows.weight * rows.freq)
    ones = np.flatnonzero((rows.designs[0] == 1.0).all(axis=1))
    if ones.size:
        predictor.unpack(params[: predictor.size]).beta[:, ones[0]] = level - np.median(rows.offset)
    return params


def _least_squares(objective: Objective) -> Array:
    """One weighted least-squares step from the family's starting values.

    This is how IRLS begins: the working response at the starting mean, regressed on the columns of
    the final layer, without any coefficients yet.
    """
    likelihood = objective.likelihood
    predictor, family = likelihood.predictor, likelihood.family
    params = objective.origin
    where = objective.free[: predictor.size][predictor.final]
    coefficients, aux = likelihood.split(params)
    p = int(where.sum())
    A, b = np.zeros((p, p)), np.zeros(p)
    k = predictor.k_eta
    rows = objective.rows
    level = family.start_level(rows.y, rows.weight * rows.freq)
    for block in rows.blocks():
        eta0 = family.start_eta(block.y, block.weight, level)
        terms = family.rows(block.y, eta0, aux, block.weight, Level.FISHER)
        state = forward(coefficients, predictor, block.designs, 1)
        J = [final_jacobian(state, predictor, c)[where] for c in range(k)]
        assert terms.score is not None and terms.information is not None
        if np.isnan(terms.score.sum() + terms.information.sum()):
            refuse_nan(family, terms, block.y, eta0, block.weight)
        w = terms.information[:k, :k] * block.freq
        target = eta0 - block.offset
        for c in range(k):
            b += J[c] @ (terms.score[c] * block.freq)
            for d in range(k):
                WJ = J[c] * w[c, d]
                A += WJ @ J[d].T
                b += WJ @ target[d]
    A[np.diag_indices(p)] += objective.precision[objective.free]
    return _solve(A, b)


def _solve(A: Array, b: Array) -> Array:
    """Least-squares solution on a unit-diagonal scale, small singular values left out."""
    d = np.sqrt(np.maximum(np.diag(A), 1e-300))
    scaled = A / d / d[:, None]
    try:
        factor = cho_factor(scaled, lower=True)
        if np.diag(factor[0]).min() ** 2 > 1e-10:
            return np.asarray(cho_solve(factor, b / d) / d)
    except LinAlgError:
        pass
    solution: Array = np.linalg.lstsq(scaled, b / d, rcond=1e-12)[0] / d
    return solution


def glm(
    objective: Objective,
    given: Array | None = None,
    *,
    tol: float = 1e-18,
    maxiter: int = 100,
    solver: Solver | None = None,
    control: Control = QUIET,
) -> Outcome:
    """Fit the ordinary GLM: no hidden layers.

    Iteratively reweighted least squares that turns into Newton's method with the observed
    information near the optimum, so that links other than the canonical converge quadratically as
    well; a step that lowers the likelihood, or leaves the family's range, is shortened.

    Parameters
    ----------
    objective
        Minus the penalised log-likelihood.
    given
        (size,) full vector to start from; by default a least-squares step from the family's
        starting mean.
    tol
        Half the decrement at which to stop; the default asks for all digits.
    maxiter
        Steps at most.
    solver
        Another method, with options of its own.
    control
        Asked between steps whether to stop, and told how far it is.
    """
    final = np.zeros(objective.likelihood.size, dtype=bool)
    final[: objective.likelihood.predictor.size] = True
    sub = objective.from_origin(objective.origin, objective.free & final)
    for params in _glm_starts(objective, sub, given):
        start = params[objective.free]
        if np.isfinite(objective.at(start, Level.FISHER).value):
            break
    if solver is not None:
        return solver.minimise(objective, start, control, np.random.SeedSequence(0))
    return scoring(
        objective, start, tol=tol, maxiter=maxiter, damping=1e-12, control=control, name="irls"
    )


def _glm_starts(objective: Objective, sub: Objective, given: Array | None) -> Iterator[Array]:
    """Full vectors to start from, the best first: of many rows, some take the first steps."""
    if given is not None:
        yield given
    some = sub.sample(np.random.default_rng(0), max(SOME_ROWS, 50 * sub.size))
    start = _least_squares(some)
    if some is not sub and np.isfinite(some.at(start, Level.FISHER).value):
        start = scoring(some, start, tol=1e-2, maxiter=3, damping=1e-12).x
    yield sub.expand(start)
    yield _level(objective, objective.origin)


def polish_intercept(
    objective: Objective, params: Array, intercept: npt.NDArray[np.bool_]
) -> Array:
    """Solve the final intercept's own score equation to rounding.

    With a canonical link this makes fitted and observed totals equal (the balance property); the
    step is far below a standard error.

    Parameters
    ----------
    objective
        The joint objective.
    params
        (size,) parameters near the optimum.
    intercept
        (predictor size,) the unpenalised final intercepts; none leaves everything as it is.
    """
    free = np.zeros(objective.likelihood.size, dtype=bool)
    free[: len(intercept)] = intercept & objective.free[: len(intercept)]
    if not free.any():
        return params
    sub = objective.from_origin(params, free)
    end = scoring(sub, params[free], Curvature.BOTH, tol=1e-22, maxiter=12, damping=1e-12)
    return sub.expand(end.x)
