"""The other packages: which are here, how they are asked, and which are not here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

from benchmarks import ours, r_peer
from benchmarks.measure import Trace
from benchmarks.objective import Case

REMEDIES = {
    "glum": "make bench installs it",
    "sklearn": "make bench installs it",
    "torch": "not in an extra: .venv/bin/pip install torch",
}


TRIALS = {"lbfgs": 5, "adam": 1}
"""Iterations, and epochs, that tell one thread from two."""

ONE, DEFAULT = "DeepGLM, one start", "DeepGLM, default starts"
MANY_ROWS = 100_000
"""Above this many rows the default starts are left out, to save time."""


class Peer(NamedTuple):
    """A package and one of its solvers.

    Parameters
    ----------
    name
        Of package and solver.
    fit
        ``fit(case, seed)`` clocks a fit.
    trial
        Steps, the argument ``steps=`` of `fit`, that tell one thread from two; None where the
        number of threads is not ours to choose.
    fits
        Whether it has such a model, and the time for it.
    """

    name: str
    fit: Callable[..., Trace]
    trial: int | None = None
    fits: Callable[[Case], bool] = lambda case: True


def here(module: str) -> bool:
    """Whether a package is installed."""
    return find_spec(module) is not None


def absent() -> list[str]:
    """What is left out, and what would bring it."""
    left_out = [f"{name} ({remedy})" for name, remedy in REMEDIES.items() if not here(name)]
    if not r_peer.present():
        left_out.append("R's glm and nnet (no Rscript on this machine)")
    return left_out


def networks() -> list[Peer]:
    """Those that fit networks."""
    found = []
    if here("sklearn"):
        from benchmarks import sklearn_peer

        for solver, trial in TRIALS.items():
            fit = partial(sklearn_peer.fit, solver=solver)
            found.append(Peer(f"scikit-learn {solver}", fit, trial))
    if here("torch"):
        from benchmarks import torch_peer

        for solver, trial in TRIALS.items():
            found.append(Peer(f"PyTorch {solver}", partial(torch_peer.fit, solver=solver), trial))
    if r_peer.present():
        found.append(Peer("R nnet", r_peer.fit, fits=r_peer.fits))
    return found


def deepglm() -> list[Peer]:
    """DeepGLM with one start per seed, and as a user gets it; both on all cores."""
    default = partial(ours.fit, starts=None)
    return [Peer(ONE, ours.fit), Peer(DEFAULT, default, fits=lambda case: case.n < MANY_ROWS)]


def warm_up(case: Case) -> None:
    """Let everything be loaded and compiled before a clock runs; give it a small case."""
    for peer in deepglm() + networks():
        if peer.fits(case):
            peer.fit(case, 0)
