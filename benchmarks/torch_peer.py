"""PyTorch on the processor: the same objective by autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.measure import CutOffError, Trace, clock
from benchmarks.objective import Array, Case, Net, objective

UPDATES = 15_000
"""Minibatch steps at most."""


class Posed:
    """A case as a PyTorch network with the usual starting values, and its loss.

    Parameters
    ----------
    case
        The case.
    seed
        Of the starting values and the minibatches.
    dtype
        Precision of the sums.
    """

    def __init__(self, case: Case, seed: int, dtype: torch.dtype) -> None:
        torch.manual_seed(seed)
        self.case = case
        self.X = torch.from_numpy(case.X).to(dtype)
        self.y = torch.from_numpy(case.y).to(dtype)
        self.offset = None if case.offset is None else torch.from_numpy(case.offset).to(dtype)
        unit = torch.nn.Tanh if case.activation == "tanh" else torch.nn.Sigmoid
        layers: list[Any] = []
        for a, b in zip(case.widths[:-1], case.widths[1:], strict=True):
            layers += [torch.nn.Linear(a, b), unit()]
        self.net = torch.nn.Sequential(*layers[:-1]).to(dtype)
        self.linear = [layer for layer in self.net if isinstance(layer, torch.nn.Linear)]
        with torch.no_grad():  # the rate of all rows: better than PyTorch's own zero
            self.linear[-1].bias.fill_(_intercept(case))

    def loss(self, rows: Any = None) -> torch.Tensor:
        """Mean over some rows of the objective of the case."""
        X, y = (self.X, self.y) if rows is None else (self.X[rows], self.y[rows])
        eta = self.net(X)[:, 0]
        if self.offset is not None:
            eta = eta + (self.offset if rows is None else self.offset[rows])
        f = torch.nn.functional
        if self.case.family == "gaussian":
            mean = 0.5 * f.mse_loss(eta, y)
        elif self.case.family == "binomial":
            mean = f.binary_cross_entropy_with_logits(eta, y)
        else:
            mean = f.poisson_nll_loss(eta, y)
        squares = sum((layer.weight * layer.weight).sum() for layer in self.linear)
        return mean + (0.5 * self.case.ridge / self.case.n) * squares

    def net_now(self) -> Net:
        """Copy of the slopes and intercepts."""
        with torch.no_grad():
            weights = [layer.weight.T.double().numpy().copy() for layer in self.linear]
            return Net(weights, [layer.bias.double().numpy().copy() for layer in self.linear])

    def set_to(self, net: Net) -> None:
        """Move to given slopes and intercepts."""
        with torch.no_grad():
            for layer, W, b in zip(self.linear, net.weights, net.biases, strict=True):
                layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(W.T)))
                layer.bias.copy_(torch.from_numpy(np.ascontiguousarray(b)))


def _intercept(case: Case) -> float:
    if case.family == "gaussian":
        return float(case.y.mean())
    if case.family == "binomial":
        return float(np.log(case.y.mean() / (1.0 - case.y.mean())))
    exposure = case.n if case.offset is None else np.exp(case.offset).sum()
    return float(np.log(case.y.sum() / exposure))


def gradient(case: Case) -> tuple[Posed, Callable[[], Any]]:
    """One gradient of all rows by autograd."""
    posed = Posed(case, 0, torch.float64)

    def task() -> None:
        posed.net.zero_grad(set_to_none=True)
        posed.loss().backward()

    return posed, task


def fit(case: Case, seed: int, solver: str, steps: int | None = None) -> Trace:
    """Fit by L-BFGS in float64 or by Adam in float32."""
    return (_lbfgs if solver == "lbfgs" else _adam)(case, seed, steps)


def _lbfgs(case: Case, seed: int, steps: int | None) -> Trace:
    began = clock()
    posed = Posed(case, seed, torch.float64)
    most = steps or 5000
    optimiser = torch.optim.LBFGS(
        posed.net.parameters(), lr=1.0, max_iter=most, max_eval=2 * most, history_size=30,
        tolerance_grad=1e-8, tolerance_change=1e-11, line_search_fn="strong_wolfe",
    )  # fmt: skip
    curve: list[tuple[float, float]] = []
    best: tuple[float, Net | None] = (np.inf, None)

    def closure() -> torch.Tensor:
        nonlocal best
        optimiser.zero_grad()
        loss = posed.loss()
        loss.backward()
        value, now = loss.item(), clock() - began
        if value < best[0]:
            best = (value, posed.net_now())
        curve.append((now, value))
        if now > case.seconds:
            raise CutOffError
        return loss

    remark = ""
    try:
        optimiser.step(closure)
    except CutOffError:
        remark = "cut off"
    seconds = clock() - began
    value, net = best
    assert net is not None
    reached = objective(case, net)
    told = [(when, case.n * v + reached - case.n * value) for when, v in curve]
    return Trace(seconds, net, reached, [*told, (seconds, reached)], remark)


def _adam(case: Case, seed: int, steps: int | None) -> Trace:
    """Minibatches of shuffled rows, the step size falling along a cosine to nothing."""
    began = clock()
    posed = Posed(case, seed, torch.float32)
    rows = min(case.n, 512 if case.n < 100_000 else 1024)
    updates = -(-case.n // rows)
    epochs = steps or int(min(2000, max(1, UPDATES // updates)))
    optimiser = torch.optim.Adam(posed.net.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * updates)
    points: list[tuple[float, Net]] = []
    remark = ""
    for _ in range(epochs):
        order = torch.randperm(case.n)
        for low in range(0, case.n, rows):
            optimiser.zero_grad()
            posed.loss(order[low : low + rows]).backward()
            optimiser.step()
            schedule.step()
        now = clock() - began
        points.append((now, posed.net_now()))
        if now > case.seconds:
            remark = "cut off"
            break
    seconds = clock() - began
    curve = [(when, objective(case, net)) for when, net in points]
    best = int(np.argmin([value for _, value in curve]))
    return Trace(seconds, points[best][1], curve[best][1], curve, remark)


def numpy_gradient(posed: Posed) -> Array:
    """The gradient just computed, slopes of all layers first."""
    weights = [layer.weight.grad.T.double().numpy().ravel() for layer in posed.linear]
    biases = [layer.bias.grad.double().numpy() for layer in posed.linear]
    return np.concatenate(weights + biases)
