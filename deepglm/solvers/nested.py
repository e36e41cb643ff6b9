"""Starts from networks with one unit fewer and one unit more.

A network nests the one with a unit fewer. Starting from that one's optimum makes likelihoods of
nested networks monotone; starting from a larger one's without its least unit profits from the ease
with which larger networks are fitted. Both act on the last hidden layer of the first deep term.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from deepglm.predictor import Coefficients, Predictor, pack
from deepglm.solvers.contract import Outcome
from deepglm.solvers.objective import Objective
from deepglm.solvers.starts import Starts, random_units, thinned, unit_spread

Array = npt.NDArray[np.float64]
Advance = Callable[[Objective, Array], Outcome]


def one_fewer(starts: Starts, seed: np.random.SeedSequence, advance: Advance) -> Array:
    """Fit with the last unit held out, then draw that unit anew.

    Parameters
    ----------
    starts
        Makes starting values.
    seed
        Draws the units.
    advance
        A short run of the solver.
    """
    first, second = seed.spawn(2)
    objective = starts.objective
    predictor = objective.likelihood.predictor
    params = starts.random(first)
    unit = np.zeros(objective.likelihood.size, dtype=bool)
    unit[: predictor.size] = _last_unit(predictor)
    output = unit.copy()
    output[: predictor.size] &= predictor.output_weights
    params[output] = 0.0
    smaller = objective.from_origin(params, objective.free & ~unit)
    fitted = smaller.expand(advance(smaller, params[smaller.free]).x)
    drawn = random_units(np.random.default_rng(second), predictor, thinned(objective.rows))
    theta = np.where(unit[: predictor.size], drawn, fitted[: predictor.size])
    return starts.completed(theta)


def one_more(starts: Starts, seed: np.random.SeedSequence, advance: Advance) -> Array:
    """Fit with one unit more, then leave out the unit that contributes least.

    Parameters
    ----------
    starts, seed, advance
        As in :func:`one_fewer`.
    """
    objective = starts.objective
    predictor, k = objective.likelihood.predictor, objective.likelihood.predictor.size
    wide = _wider_predictor(predictor)

    def widened(vector: Array) -> Array:
        c = predictor.unpack(vector[:k])
        layers, v = list(c.layers[0]), c.outputs[0]
        layers[-1] = np.concatenate((layers[-1], layers[-1][-1:]))
        more = Coefficients(
            c.beta,
            (tuple(layers), *c.layers[1:]),
            (np.concatenate((v, v[:, -1:]), axis=1), *c.outputs[1:]),
        )
        return np.concatenate((pack(more), vector[k:]))

    larger = Objective(
        replace(objective.likelihood, predictor=wide),
        objective.rows,
        widened(objective.precision),
        widened(objective.origin),
        widened(objective.free.astype(float)) > 0,
        objective.workers,
        counts=objective.counts,
    )
    held = widened(np.r_[starts.held.astype(float), np.zeros(len(objective.origin) - k)]) > 0
    params = Starts(larger, held[: wide.size], starts.response_scale).random(seed)
    here = larger.from_origin(params)
    fitted = here.expand(advance(here, params[here.free]).x)
    c = wide.unpack(fitted[: wide.size])
    v = c.outputs[0]
    weight = np.abs(v).max(axis=0) * unit_spread(wide, c, objective.rows)
    keep = np.delete(np.arange(v.shape[1]), int(np.argmin(weight)))
    layers = list(c.layers[0])
    layers[-1] = layers[-1][keep]
    narrow = Coefficients(c.beta, (tuple(layers), *c.layers[1:]), (v[:, keep], *c.outputs[1:]))
    return starts.completed(pack(narrow))


def possible(starts: Starts) -> bool:
    """Whether units of the last layer are alike: none carries a pin, or is a reference."""
    predictor = starts.objective.likelihood.predictor
    if predictor.networks[0].links[-1].across:
        return False
    pinned = ~starts.objective.free[: predictor.size] & ~starts.held
    of_units = ~predictor.final | predictor.output_weights
    return predictor.networks[0].units[-1] > 1 and not pinned[of_units].any()


def _last_unit(predictor: Predictor) -> npt.NDArray[np.bool_]:
    marks = predictor.unpack(np.zeros(predictor.size))
    marks.layers[0][-1][-1] = 1.0
    marks.outputs[0][:, -1] = 1.0
    return pack(marks) > 0


def _wider_predictor(predictor: Predictor) -> Predictor:
    first, *rest = predictor.networks
    units = (*first.units[:-1], first.units[-1] + 1)
    return replace(predictor, networks=(replace(first, units=units), *rest))
