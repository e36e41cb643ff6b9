"""What is known about the point that a fit returned."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepglm.data import Rows
from deepglm.families import Level
from deepglm.predictor import Coefficients, Predictor, forward
from deepglm.solvers.objective import Objective
from deepglm.solvers.separation import separating_columns
from deepglm.solvers.status import Certificate, Status

Array = npt.NDArray[np.float64]

DECREMENT = 1e-6
"""Largest decrement of a certified fit, in log-likelihood units: every estimable direction is then
within .0014 standard errors of the stationary point."""

EIGENVALUE = 1e-9
"""Smallest eigenvalue of the scaled information of a certified fit."""

STEEP = 15.0
"""Norm of the slopes, on standardised inputs, beyond which a bounded unit is a step."""

RUNAWAY = 50.0
"""Standardised coefficient beyond which an unpenalised fit that has no optimum is running away."""

EXACTLY = 1e-13
"""Relative size of a linear predictor that is zero but for rounding."""

BOUNDED = ("tanh", "logistic", "probit", "cloglog", "loglog", "cauchit")


def certify(objective: Objective, x: Array, *, stopped: Status | None = None) -> Certificate:
    """Judge a point by the exact score and the exact observed information over all rows.

    Parameters
    ----------
    objective
        The objective that was minimised, at its free parameters.
    x
        (free,) parameters.
    stopped
        Why the run ended before its time, if it did.
    """
    likelihood, params = objective.likelihood, objective.expand(x)
    predictor = likelihood.predictor
    coefficients, _ = likelihood.split(params)
    saturated = saturated_units(predictor, coefficients, objective.rows)
    kinked = any(link.kinked for net in predictor.networks for link in net.links)
    separating = tuple(int(j) for j in separating_columns(objective, params))
    here = objective.at(x, Level.OBSERVED)
    if here.gradient is None or here.information is None:
        return Certificate(Status.STALLED, np.inf, np.nan, np.nan, 0, len(x), saturated)
    decrement, e = decrement_and_spectrum(here.gradient, here.information)
    smallest, largest = float(e[0]), float(e[-1])
    flat = abs(smallest) <= EIGENVALUE
    if kinked and flat:
        decrement = _decrement_where_curved(here.gradient, here.information)
    stationary, positive = decrement < DECREMENT, smallest > EIGENVALUE
    endless = _endless(objective, params, saturated, stationary and positive)
    if separating or endless:
        status = Status.NO_MAXIMUM
    elif kinked and at_a_kink(predictor, coefficients, objective.rows, EXACTLY):
        status = Status.AT_A_KINK
    elif stationary and (positive or (kinked and flat)):
        status = Status.CERTIFIED
    elif stopped is not None:
        status = stopped
    elif kinked and smallest > -EIGENVALUE and at_a_kink(predictor, coefficients, objective.rows):
        status = Status.AT_A_KINK
    elif not positive:
        status = Status.SADDLE
    else:
        status = Status.NOT_STATIONARY
    return Certificate(
        status,
        decrement,
        smallest,
        largest / smallest if smallest > 0 else np.inf,
        int((e > 1e-7 * largest).sum()),
        len(x),
        saturated,
        separating,
    )


def _endless(
    objective: Objective, params: Array, saturated: tuple[str, ...], optimum: bool
) -> bool:
    """Whether an unpenalised hidden layer runs away: to a step function, or without end."""
    predictor = objective.likelihood.predictor
    k = predictor.size
    hidden = objective.free[:k] & ~predictor.final & (objective.precision[:k] == 0)
    if not hidden.any():
        return False
    if saturated:
        return True
    in_units = objective.likelihood.family.link.group in ("linear", "scale")
    judged = ~predictor.final if in_units else np.ones(k, dtype=bool)
    return not optimum and bool(np.abs(params[:k][judged]).max() > RUNAWAY)


def _decrement_where_curved(gradient: Array, information: Array) -> float:
    """Decrement of a piecewise-linear model: over the directions that have curvature.

    A gradient along a direction without any makes it infinite.
    """
    d = np.sqrt(np.maximum(np.diag(information), 1e-300))
    e, Q = np.linalg.eigh(information / d / d[:, None])
    g = Q.T @ (gradient / d)
    curved = e > EIGENVALUE
    if np.abs(g[~curved]).max(initial=0.0) > 1e-4:
        return np.inf
    return 0.5 * float(np.sum(g[curved] ** 2 / e[curved]))


def at_a_kink(predictor: Predictor, c: Coefficients, rows: Rows, near: float = 1e-6) -> bool:
    """Whether some row lies on the kink of a piecewise-linear unit, or nearly."""
    for block in rows.blocks():
        for t, one in enumerate(forward(c, predictor, block.designs, 0).passes):
            for link, B, z in zip(predictor.networks[t].links, one.layers, one.z[:-1], strict=True):
                if link.kinked:
                    a = np.abs(B[:, 1:] @ z + B[:, :1])
                    if (a <= near * a.max(axis=1, keepdims=True)).any():
                        return True
    return False


def decrement_and_spectrum(gradient: Array, information: Array) -> tuple[float, Array]:
    """Half the squared Newton decrement, and the eigenvalues on a unit-diagonal scale.

    Where the information is not positive the decrement is infinite: there is no full Newton step.
    """
    diagonal = np.diag(information)
    if not (diagonal > 0).all():
        e = np.sort(np.linalg.eigvalsh(information / max(1e-300, float(np.abs(diagonal).max()))))
        return np.inf, np.minimum(e, np.r_[min(e[0], float(diagonal.min())), e[1:]])
    d = np.sqrt(diagonal)
    e, Q = np.linalg.eigh(information / d / d[:, None])
    if e[0] <= 0:
        return np.inf, e
    g = Q.T @ (gradient / d)
    return 0.5 * float(np.sum(g * g / e)), e


def saturated_units(predictor: Predictor, c: Coefficients, rows: Rows) -> tuple[str, ...]:
    """Bounded hidden units that are a step function on the data, by name.

    A unit is saturated when its slopes on the standardised scale of what enters it exceed
    ``STEEP``, or when fewer rows than twice its coefficients (and than ten) lie where it bends.
    """
    found = []
    for t, network in enumerate(predictor.networks):
        prefix = f"deep{t + 1}." if len(predictor.networks) > 1 else ""
        bending = _bending_rows(predictor, c, rows, t)
        for level, link in enumerate(network.links):
            if link.name not in BOUNDED:
                continue
            sd, counts = bending[level]
            B = c.layers[t][level]
            norm = np.linalg.norm(B[:, 1:] * sd, axis=1)
            few = counts < max(10, 2 * B.shape[1])
            for k in np.flatnonzero((norm > STEEP) | (few & (norm > 1e-3))):
                found.append(f"{prefix}layer{level + 1}.unit{k + 1}")
    return tuple(found)


def _bending_rows(
    predictor: Predictor, c: Coefficients, rows: Rows, t: int
) -> list[tuple[Array, Array]]:
    """Per layer: sd of what enters it, and per unit the rows with a derivative worth counting."""
    network = predictor.networks[t]
    sums = [(np.zeros(p), np.zeros(p), np.zeros(q)) for q, p in network.widths]
    top = [float(link.evaluate(np.linspace(-5, 5, 1001), 1)[1].max()) for link in network.links]
    for block in rows.blocks():
        state = forward(c, predictor, block.designs, 1).passes[t]
        for level, (first, second, count) in enumerate(sums):
            z = state.z[level]
            first += z @ block.freq
            second += (z * z) @ block.freq
            count += (state.h1[level] > 0.05 * top[level]) @ block.freq
    total = rows.freq.sum()
    return [
        (np.sqrt(np.maximum(second / total - (first / total) ** 2, 0.0)), count)
        for first, second, count in sums
    ]


def unit_sd(predictor: Predictor, c: Coefficients, rows: Rows) -> tuple[tuple[Array, ...], ...]:
    """Standard deviation of every hidden unit over the rows, by deep term and layer."""
    first = [[np.zeros(q) for q in net.units] for net in predictor.networks]
    second = [[np.zeros(q) for q in net.units] for net in predictor.networks]
    for block in rows.blocks():
        for t, one in enumerate(forward(c, predictor, block.designs, 0).passes):
            for level, z in enumerate(one.z[1:]):
                first[t][level] += z @ block.freq
                second[t][level] += (z * z) @ block.freq
    total = rows.freq.sum()
    return tuple(
        tuple(
            np.sqrt(np.maximum(b / total - (a / total) ** 2, 0.0))
            for a, b in zip(fs, ss, strict=True)
        )
        for fs, ss in zip(first, second, strict=True)
    )


__all__ = ["DECREMENT", "EIGENVALUE", "certify", "saturated_units", "unit_sd"]
