"""Which products make the information of a predictor, and where they belong."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deepglm.predictor.structure import Predictor

Index = npt.NDArray[np.intp]
Pairs = tuple[Index, Index]

GROUP = 256
"""Products formed at a time."""

DIRECT = 150
"""Coefficients up to which ``J W J'`` itself, in one product, is as fast as many short ones."""

DIRECT_BENT = 80
"""The same where second derivatives of eta are subtracted from it."""

FILL = 16
"""Operations of a matrix product in the time that it takes to form one number."""


class Layer(NamedTuple):
    """A hidden layer and where its coefficients stand."""

    term: int
    level: int
    units: int
    width: int
    """Inputs, with the intercept."""
    where: slice
    output: int
    """Where the last units of its deep term begin among the final layer's columns."""
    coefficients: Pairs
    """Unit and input of every coefficient."""


class LayerPair(NamedTuple):
    """Two layers with the products of their units and those of their inputs."""

    low: int
    high: int
    units: Pairs
    inputs: Pairs


class Layout:
    """Which products make the information of a predictor, and where they belong.

    Parameters
    ----------
    predictor
        Shape of the predictor.

    Attributes
    ----------
    columns
        (k_eta, columns) places of the final layer's coefficients.
    layers
        Hidden layers of all deep terms.
    pairs
        Each of them with itself and with those after it.
    products
        Products of a row that are in memory at a time.
    direct
        Whether ``J W J'`` is made from the Jacobian itself.
    direct_bent
        Whether it is as well where second derivatives of eta are subtracted: those of one hidden
        layer are few where each unit has an inverse link of its own.
    """

    def __init__(self, predictor: Predictor) -> None:
        numbers = predictor.unpack(np.arange(predictor.size, dtype=float))
        self.predictor, self.size = predictor, predictor.size
        self.columns = np.concatenate((numbers.beta, *numbers.outputs), axis=1).astype(np.intp)
        self.layers = _layers(predictor)
        self.pairs = [
            _pair(a, b, self.layers[a], self.layers[b])
            for a in range(len(self.layers))
            for b in range(a, len(self.layers))
        ]
        smaller = [min(len(pair.units[0]), len(pair.inputs[0])) for pair in self.pairs]
        self.products = self.columns.shape[1] + GROUP + max(smaller, default=-GROUP)
        self.direct = (
            predictor.k_eta == 1
            and bool(self.layers)
            and (self.size <= DIRECT or self._work() > self.size**2)
        )
        nets = predictor.networks
        shallow = not any(len(net.units) > 1 or net.across[0] for net in nets)
        self.direct_bent = self.direct and shallow and self.size <= DIRECT_BENT

    def _work(self) -> int:
        """Operations per row that the way by products takes, less what forming J takes."""
        columns = self.columns.shape[1]
        work = sum((2 * columns + FILL) * one.units * one.width for one in self.layers)
        for pair in self.pairs:
            units, inputs = len(pair.units[0]), len(pair.inputs[0])
            work += 2 * units * inputs + FILL * (units + inputs)
        return int(work - FILL * self.size)


def _layers(predictor: Predictor) -> list[Layer]:
    layers, at, output = [], 1, predictor.k_glm
    for term, network in enumerate(predictor.networks):
        for level, (q, p) in enumerate(network.widths):
            where, every = predictor.slices[at], _all_pairs(q, 1 + p)
            layers.append(Layer(term, level, q, 1 + p, where, output, every))
            at += 1
        at += 1
        output += network.units[-1]
    return layers


def _pair(a: int, b: int, low: Layer, high: Layer) -> LayerPair:
    if a == b:
        return LayerPair(a, b, np.triu_indices(low.units), np.triu_indices(low.width))
    return LayerPair(a, b, _all_pairs(low.units, high.units), _all_pairs(low.width, high.width))


def _all_pairs(left: int, right: int) -> Pairs:
    first, second = np.divmod(np.arange(left * right), right)
    return first, second


__all__ = ["GROUP", "Layer", "LayerPair", "Layout", "Pairs"]
