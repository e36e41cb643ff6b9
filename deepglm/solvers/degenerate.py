"""Hidden units that do not do a unit's work: saturated, dead or duplicate, by name.

One pass over the rows gives the moments from which all three are judged. Names are those of the
coefficients: ``layer1.unit2``, with ``deep1.`` in front where there are several deep terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepglm.data import Rows
from deepglm.links import Link
from deepglm.predictor import Coefficients, Predictor, forward
from deepglm.solvers.status import DegenerateUnits

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

STEEP = 15.0
"""Norm of the slopes, on the standardised scale, beyond which a bounded unit is a step."""

BENDS = 0.05
"""Share of its largest slope from which on an inverse link counts as bending."""

NOTHING = 1e-6
"""Share of the spread above it that a unit which is not dead adds at least."""

SAME = 0.999
"""Absolute correlation of two units that are one."""

BOUNDED = ("tanh", "logistic", "probit", "cloglog", "loglog", "cauchit")


@dataclass(frozen=True)
class LayerMoments:
    """What the rows say about the units of one layer.

    Parameters
    ----------
    inputs_sd
        (inputs,) standard deviations of what enters the layer.
    covariance
        (units, units) covariance of the units.
    bending
        (units,) rows, counted with their frequency, on which a unit's inverse link bends.
    """

    inputs_sd: Array
    covariance: Array
    bending: Array

    @property
    def sd(self) -> Array:
        """(units,) standard deviations of the units."""
        return np.asarray(np.sqrt(np.maximum(np.diag(self.covariance), 0.0)))


@dataclass(frozen=True)
class Moments:
    """Moments of all hidden units, and of the linear predictor.

    Parameters
    ----------
    layers
        By deep term and layer.
    eta_sd
        (k_eta,) standard deviations of the linear predictors, without the offset.
    """

    layers: tuple[tuple[LayerMoments, ...], ...]
    eta_sd: Array


class _Variances:
    """Variances of features, added up block by block.

    Moments are taken about the first block's means: a feature that is constant but for rounding has
    a variance that is zero but for rounding, whatever its level.
    """

    def __init__(self, z: Array) -> None:
        self.centre = z.mean(axis=1, keepdims=True)
        self.total = 0.0
        self.first: Array = np.zeros(len(z))
        self.second: Array = np.zeros(len(z))

    def add(self, z: Array, freq: Array) -> None:
        """Add a block of (features, m) values."""
        moved = z - self.centre
        self.total += float(freq.sum())
        self.first += moved @ freq
        self.second += (moved * moved) @ freq

    @property
    def sd(self) -> Array:
        """(features,) standard deviations."""
        mean = self.first / self.total
        return np.asarray(np.sqrt(np.maximum(self.second / self.total - mean * mean, 0.0)))


class _Covariances:
    """The same for covariances."""

    def __init__(self, z: Array) -> None:
        self.centre = z.mean(axis=1, keepdims=True)
        self.total = 0.0
        self.first: Array = np.zeros(len(z))
        self.second: Array = np.zeros((len(z), len(z)))

    def add(self, z: Array, freq: Array) -> None:
        """Add a block of (features, m) values."""
        moved = z - self.centre
        weighted = moved * freq
        self.total += float(freq.sum())
        self.first += weighted.sum(axis=1)
        self.second += weighted @ moved.T

    @property
    def covariance(self) -> Array:
        """(features, features) covariances."""
        mean = self.first / self.total
        return np.asarray(self.second / self.total - np.outer(mean, mean))


def unit_moments(predictor: Predictor, c: Coefficients, rows: Rows) -> Moments:
    """Moments of hidden units and linear predictor, in one pass over the rows.

    Parameters
    ----------
    predictor
        Shape of the predictor.
    c
        Its coefficients.
    rows
        The data; rows count with their frequency.
    """
    first = forward(c, predictor, next(rows.blocks()).designs, 0)
    eta = _Variances(first.eta)
    inputs = [_Variances(one.z[0]) for one in first.passes]
    units = [[_Covariances(z) for z in one.z[1:]] for one in first.passes]
    bending: list[list[Array]] = [[np.zeros(q) for q in net.units] for net in predictor.networks]
    tops = [[_steepest(link) for link in net.links] for net in predictor.networks]
    for block in rows.blocks():
        state = forward(c, predictor, block.designs, 1)
        eta.add(state.eta, block.freq)
        for t, one in enumerate(state.passes):
            inputs[t].add(one.z[0], block.freq)
            for level, z in enumerate(one.z[1:]):
                units[t][level].add(z, block.freq)
                slope = (
                    one.h1[level] * (1.0 - one.h1[level]) if one.across[level] else one.h1[level]
                )
                bending[t][level] += (np.abs(slope) > BENDS * tops[t][level]) @ block.freq
    layers = []
    for t in range(len(predictor.networks)):
        found: list[LayerMoments] = []
        for sums, bends in zip(units[t], bending[t], strict=True):
            below = found[-1].sd if found else inputs[t].sd
            found.append(LayerMoments(below, sums.covariance, bends))
        layers.append(tuple(found))
    return Moments(tuple(layers), eta.sd)


def _steepest(link: Link) -> float:
    """Largest slope of an inverse link around the middle of its range."""
    if link.across:
        return 0.25
    return float(np.abs(link.evaluate(np.linspace(-5, 5, 1001), 1)[1]).max())


def unit_sd(predictor: Predictor, c: Coefficients, rows: Rows) -> tuple[tuple[Array, ...], ...]:
    """Standard deviation of every hidden unit over the rows, by deep term and layer."""
    moments = unit_moments(predictor, c, rows)
    return tuple(tuple(layer.sd for layer in layers) for layers in moments.layers)


def degenerate_units(predictor: Predictor, c: Coefficients, rows: Rows) -> DegenerateUnits:
    """Find the units that are saturated, dead or duplicate.

    A unit is *dead* when what it adds to every unit above it that is alive (in the last layer: to
    the linear predictor) varies less over the rows than the share ``NOTHING`` of the whole. A
    bounded unit is *saturated* when its slopes on the standardised scale of what enters it exceed
    ``STEEP``, or when fewer rows than twice its coefficients (and than ten, and than half of all)
    lie where it bends. Units of a layer are *duplicate* when their absolute correlation exceeds
    ``SAME``. A dead unit is nothing else.

    Parameters
    ----------
    predictor, c, rows
        As in :func:`unit_moments`.
    """
    if not predictor.networks:
        return DegenerateUnits()
    moments = unit_moments(predictor, c, rows)
    total = float(rows.freq.sum())
    saturated: list[str] = []
    dead: list[str] = []
    duplicate: list[tuple[str, ...]] = []
    for t, network in enumerate(predictor.networks):
        alive = _alive(c.layers[t], c.outputs[t], moments.layers[t], moments.eta_sd)
        for level, link in enumerate(network.links):
            if link.across:
                alive[level][-1] = True  # the reference has no weight above it
        prefix = f"deep{t + 1}." if len(predictor.networks) > 1 else ""
        for level, (link, layer) in enumerate(zip(network.links, moments.layers[t], strict=True)):
            names = [f"{prefix}layer{level + 1}.unit{k + 1}" for k in range(len(layer.sd))]
            dead += [names[k] for k in np.flatnonzero(~alive[level])]
            if link.name in BOUNDED:
                step = alive[level] & _steps(c.layers[t][level], layer, total)
                saturated += [names[k] for k in np.flatnonzero(step)]
            counted = alive[level].copy()
            counted[-1] &= not link.across  # two units that add to one are no finding
            same = _groups(layer, counted)
            duplicate += [tuple(names[k] for k in group) for group in same]
    return DegenerateUnits(tuple(saturated), tuple(dead), tuple(duplicate))


def _alive(
    layers: Sequence[Array], v: Array, moments: Sequence[LayerMoments], eta_sd: Array
) -> list[Mask]:
    """Per layer the (units,) units that are not dead, judged from the last layer downwards."""
    above, spread = v, np.full(len(v), eta_sd.max())
    alive: list[Mask] = []
    for B, layer in zip(reversed(layers), reversed(moments), strict=True):
        if alive:
            spread = np.sqrt(np.maximum(np.diag(above @ layer.covariance @ above.T), 0.0))
        added = np.abs(above) * layer.sd
        alive.insert(0, np.asarray((added > NOTHING * spread[:, None]).any(axis=0)))
        above = B[alive[0], 1:]  # what feeds dead units only is dead as well
    return alive


def _steps(B: Array, layer: LayerMoments, total: float) -> Mask:
    """(units,) units that are a step function on the rows."""
    norm = np.linalg.norm(B[:, 1:] * layer.inputs_sd, axis=1)
    few = layer.bending < min(max(10, 2 * B.shape[1]), 0.5 * total)
    return np.asarray((norm > STEEP) | (few & (norm > 1e-3)))


def _groups(layer: LayerMoments, alive: Mask) -> list[list[int]]:
    """Groups of living units that correlate with their first one, nearly to one."""
    sd = np.where(alive, layer.sd, np.inf)
    same = np.abs(layer.covariance / sd / sd[:, None]) > SAME
    groups: list[list[int]] = []
    grouped = ~alive
    for k in range(len(sd)):
        group = np.flatnonzero(same[k] & ~grouped)
        if not grouped[k] and len(group) > 1:
            groups.append(group.tolist())
            grouped[group] = True
    return groups
