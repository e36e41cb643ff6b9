"""Time DeepGLM against other packages, as ratios in one run: ``make bench``.

Each task is the same optimisation problem for both, on one thread. The two take turns, so that a
busy machine slows both, and the median of a few turns counts. What was reached is printed beside
the time: a package that stops early is not faster.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from statistics import median

import numpy as np
import statsmodels.api as sm
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

import deepglm as dg

Timed = Callable[[], float]

TURNS = 3
RIDGE = 0.1  # small enough that no unit is shrunk away, whose intercept nothing would determine
CONSTANTS = ("const", "[Intercept]")


def seconds(task: Timed) -> tuple[float, float]:
    """Seconds that a task takes, and what it reached."""
    began = time.perf_counter()
    reached = task()
    return time.perf_counter() - began, reached


def compare(title: str, what: str, ours: list[Timed], name: str, theirs: list[Timed]) -> None:
    """Let both take turns, and print medians."""
    turns = [(seconds(a), seconds(b)) for a, b in zip(ours, theirs, strict=True)]
    mine, other = (median(turn[k][0] for turn in turns) for k in (0, 1))
    print(f"\n{title}")
    for label, k, time_taken in (("DeepGLM", 0, mine), (name, 1, other)):
        reached = ", ".join(f"{turn[k][1]:.6f}" for turn in turns)
        print(f"  {label:26s}{time_taken:8.2f} s   {what}: {reached}")
    print(f"  {name} takes {other / mine:.2f} times as long as DeepGLM")


def ordinary(n: int, p: int) -> None:
    """Maximum likelihood of a Poisson GLM."""
    rng = np.random.default_rng(0)
    X = np.column_stack((np.ones(n), rng.normal(size=(n, p))))
    y = rng.poisson(np.exp(X @ np.r_[-1.0, 0.2 * rng.normal(size=p)]))

    def ours() -> float:
        model = dg.DeepGLM.from_arrays(y, X, family=dg.Poisson(), hidden=())
        return float(model.fit(n_jobs=1).llf) / n

    def theirs() -> float:
        return float(sm.GLM(y, X, family=sm.families.Poisson()).fit().llf) / n

    title = f"Poisson GLM, {n:,} rows, {p} inputs, until each is content"
    compare(title, "log-likelihood per row", [ours] * TURNS, "statsmodels GLM", [theirs] * TURNS)


def network(n: int, p: int, units: int) -> None:
    """Least squares with a ridge, one hidden layer of tanh units, one random start."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, p))
    W = rng.normal(size=(p, units)) / np.sqrt(p)
    y = np.tanh(2.0 * X @ W) @ rng.normal(size=units) + 0.3 * rng.normal(size=n)

    def ours(seed: int) -> float:
        model = dg.DeepGLM.from_arrays(
            y, X, add_constant=True, hidden=(units,), skip=False, penalty=dg.L2(RIDGE),
            standardize=False,
        )  # fmt: skip
        fit = model.fit(seed=seed, starts=1, scale=1.0, n_jobs=1)
        slopes = fit.params[[name for name in fit.params.index if not name.endswith(CONSTANTS)]]
        if not fit.converged:
            print(f"  (DeepGLM, seed {seed}: {fit.certificate})")
        return _objective(fit.fittedvalues.to_numpy(), slopes.to_numpy())

    def theirs(seed: int) -> float:
        net = MLPRegressor(
            hidden_layer_sizes=(units,), activation="tanh", solver="lbfgs", alpha=RIDGE, tol=1e-7,
            max_iter=5000, max_fun=100_000, random_state=seed,
        )  # fmt: skip
        net.fit(X, y)
        return _objective(net.predict(X), np.concatenate([w.ravel() for w in net.coefs_]))

    def _objective(fitted: np.ndarray, slopes: np.ndarray) -> float:
        return float(((y - fitted) ** 2).sum() + RIDGE * (slopes**2).sum()) / (2 * n)

    title = (
        f"Network, {n:,} rows, {p} inputs, {units} tanh units, one start: DeepGLM until certified, "
        "scikit-learn until it stops (tol=1e-7)"
    )
    seeds = range(TURNS)
    mine = [lambda s=s: ours(s) for s in seeds]
    other = [lambda s=s: theirs(s) for s in seeds]
    compare(title, "penalised loss per row", mine, "scikit-learn MLPRegressor", other)


def main() -> None:
    warnings.simplefilter("ignore", ConvergenceWarning)  # scikit-learn's: the loss is printed
    with threadpool_limits(1):
        ordinary(n=200_000, p=30)
        network(n=20_000, p=10, units=8)


if __name__ == "__main__":
    main()
