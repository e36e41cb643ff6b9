"""scikit-learn's MLPClassifier and MLPRegressor, clocked from inside."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from benchmarks.measure import CutOffError, Trace, clock
from benchmarks.objective import Array, Case, Net, objective

UPDATES = 30_000
"""Minibatch steps at most."""


class _Clocked:
    """Notes time and point at every evaluation (lbfgs) or epoch (adam); cuts a long fit off."""

    began: float
    limit: float
    points: list[tuple[float, float, Any]]

    def _loss_grad_lbfgs(self, packed: Array, *rest: Any) -> Any:
        loss, gradient = super()._loss_grad_lbfgs(packed, *rest)  # type: ignore[misc]
        self._note(float(loss), packed)
        return loss, gradient

    def _update_no_improvement_count(self, *rest: Any) -> None:
        super()._update_no_improvement_count(*rest)  # type: ignore[misc]
        if self.solver == "adam":  # type: ignore[attr-defined]
            self._note(np.nan, self._here())

    def _note(self, loss: float, point: Any) -> None:
        now = clock()
        self.points.append((now - self.began, loss, point.copy()))
        if now - self.began > self.limit:
            raise CutOffError

    def _here(self) -> Array:
        parts = [*self.coefs_, *self.intercepts_]  # type: ignore[attr-defined]
        return np.concatenate([part.ravel() for part in parts])


class _Classifier(_Clocked, MLPClassifier):  # type: ignore[misc]
    pass


class _Regressor(_Clocked, MLPRegressor):  # type: ignore[misc]
    pass


def make(case: Case, seed: int, solver: str, **options: Any) -> Any:
    """An estimator with the objective of the case, unfitted."""
    arguments: dict[str, Any] = {
        "hidden_layer_sizes": case.hidden,
        "activation": case.activation,
        "solver": solver,
        "alpha": case.ridge,
        "random_state": seed,
    } | options
    if case.family == "binomial":
        return _Classifier(**arguments)
    loss = "poisson" if case.family == "poisson" else "squared_error"
    return _Regressor(loss=loss, **arguments)


def batch(case: Case) -> int:
    """Rows per minibatch."""
    return min(case.n, 256 if case.n < 100_000 else 1024)


def epochs(case: Case, rows: int) -> int:
    """Passes over the rows that make the permitted number of minibatch steps."""
    return int(min(2000, max(1, UPDATES // -(-case.n // rows))))


def response(case: Case) -> tuple[Array, Array | None]:
    """Response and weights: a count with an exposure is a rate whose weight is the exposure."""
    if case.offset is None:
        return case.y, None
    exposure = np.exp(case.offset)
    return case.y / exposure, exposure


def settings(case: Case, solver: str, steps: int | None) -> dict[str, Any]:
    """How long a fit goes on, and for adam the minibatches and the step size."""
    if solver == "lbfgs":
        most = steps or 20_000
        return {"tol": 1e-7, "max_iter": most, "max_fun": 2 * most}
    rows = batch(case)
    return {
        "tol": 1e-7,
        "max_iter": steps or epochs(case, rows),
        "batch_size": rows,
        "n_iter_no_change": 20,
        "learning_rate_init": 0.003,
        # The penalty is divided by the rows of the minibatch, not of the data.
        "alpha": case.ridge * rows / case.n,
    }


def fit(case: Case, seed: int, solver: str, steps: int | None = None) -> Trace:
    """Fit until scikit-learn stops; lbfgs to ``tol=1e-7``, adam to 20 epochs without gain."""
    estimator = make(case, seed, solver, **settings(case, solver, steps))
    y, weight = response(case)
    if case.family == "binomial":
        y = y.astype(int)
    estimator.points, estimator.limit = [], case.seconds
    cut = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged is seen from the objective
        estimator.began = clock()
        try:
            estimator.fit(case.X, y, weight)
        except CutOffError:
            cut = "cut off"
        seconds = clock() - estimator.began
    return _trace(case, estimator.points, seconds, cut)


def _trace(
    case: Case, points: list[tuple[float, float, Array]], seconds: float, remark: str
) -> Trace:
    """Every package is judged by the objective of the case; its best point counts."""
    if np.isnan(points[0][1]):
        curve = [(when, objective(case, unpacked(case, point))) for when, _, point in points]
    else:
        scale = case.n if case.offset is None else float(np.exp(case.offset).sum())
        constant = objective(case, unpacked(case, points[-1][2])) - scale * points[-1][1]
        curve = [(when, scale * loss + constant) for when, loss, _ in points]
    best = int(np.argmin([value for _, value in curve]))
    end = unpacked(case, points[best][2])
    value = objective(case, end)
    return Trace(seconds, end, value, [*curve, (seconds, value)], remark)


def unpacked(case: Case, packed: Array) -> Net:
    """Slopes and intercepts from scikit-learn's vector: all slopes first."""
    shapes = list(zip(case.widths[:-1], case.widths[1:], strict=True))
    ends = np.cumsum([a * b for a, b in shapes] + [b for _, b in shapes])
    parts = np.split(packed, ends[:-1])
    weights = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=False)]
    return Net(weights, parts[len(shapes) :])
