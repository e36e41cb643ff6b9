"""Methods by name, and the choice between them by counted cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from deepglm.errors import SpecificationError
from deepglm.solvers.contract import Solver
from deepglm.solvers.gradient import GradientDescent
from deepglm.solvers.scoring import Curvature, Scoring
from deepglm.solvers.whitened import Whitened

NAMED: dict[str, Callable[[], Solver]] = {
    "scoring": Scoring,
    "whitened": Whitened,
    "fisher": lambda: Scoring(Curvature.FISHER),
    "irls": lambda: Scoring(Curvature.FISHER),
    "newton": lambda: Scoring(Curvature.NEWTON),
    "gradient": GradientDescent,
}
"""Solvers by name. Fisher scoring is iteratively reweighted least squares: two names, one thing."""

METHODS = ("auto", *NAMED)

CALLS = 1e6
"""Operations that the calls of one evaluation cost, whatever the rows."""


class Choice(NamedTuple):
    """A solver and why it was chosen."""

    solver: Solver
    reason: str


ROW = 50.0
"""Operations of a row's log-likelihood in a family of effort one."""


def operations(n: int, p: int, effort: float = 1.0) -> dict[str, float]:
    """Counted operations of one fit by the two methods that "auto" chooses from.

    Forty informations and spectra for damped scoring; three hundred gradients and eight
    informations for L-BFGS in whitened coordinates.

    Parameters
    ----------
    n, p
        Rows and free parameters.
    effort
        That of the family.
    """
    more = (effort - 1.0) * (ROW * n + 0.25 * CALLS)
    return {
        "scoring": 40 * (n * p * p + 10.0 * p**3 + CALLS + more),
        "whitened": 300 * (6.0 * n * p + 2.0 * p * p + CALLS + more) + 8.0 * (n * p * p + p**3),
    }


def choose(method: Any, cost: dict[str, float], tol: float | None, maxiter: int | None) -> Choice:
    """Find the solver of a network.

    Parameters
    ----------
    method
        One of ``METHODS``, or a solver.
    cost
        Counted operations of the methods that "auto" chooses from.
    tol, maxiter
        Options of a named solver; None for its own.
    """
    given = {
        key: value for key, value in {"tol": tol, "maxiter": maxiter}.items() if value is not None
    }
    if not isinstance(method, str):
        return Choice(_checked(method, given), "given")
    if method not in METHODS:
        accepted = ", ".join(repr(m) for m in METHODS)
        raise SpecificationError(
            f"method={method!r} is not known; accepted are {accepted}, or a solver such as "
            "deepglm.solvers.Whitened(pairs=60)."
        )
    if method != "auto":
        return Choice(replace(NAMED[method](), **given), "asked for")  # type: ignore[type-var]
    name = min(cost, key=lambda one: cost[one])
    other = "whitened" if name == "scoring" else "scoring"
    reason = f"chosen by counted operations per start: {cost[name]:.1e}, {other} {cost[other]:.1e}"
    return Choice(replace(NAMED[name](), **given), reason)  # type: ignore[type-var]


def _checked(solver: Any, given: dict[str, float]) -> Solver:
    if isinstance(solver, type) or not callable(getattr(solver, "minimise", None)):
        raise SpecificationError(
            f"method={solver!r} has no minimise(objective, x, control, seed, short); use one of "
            f"{', '.join(repr(m) for m in METHODS)} or a solver such as deepglm.solvers.Scoring()."
        )
    if given:
        name = next(iter(given))
        raise SpecificationError(
            f"{name}={given[name]!r} stands beside a solver object, which carries its own options: "
            f"write method={type(solver).__name__}({name}={given[name]!r})."
        )
    return solver  # type: ignore[no-any-return]
