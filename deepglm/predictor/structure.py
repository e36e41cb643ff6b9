"""The shape of a predictor: which coefficients there are and where they stand in one vector.

The vector of coefficients is laid out as

* ``beta`` (k_eta, k_glm): the final layer's coefficients of the GLM terms, intercept included;
* for every deep term, layer by layer, ``B_l`` (units, 1 + inputs): a row per hidden unit, its
  intercept first;
* then ``v`` (k_eta, units): the final layer's coefficients of that term's last hidden units;

each flattened row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deepglm.links import Link

Array = npt.NDArray[np.float64]


class Coefficients(NamedTuple):
    """The vector of coefficients, seen as matrices (views, never copies)."""

    beta: Array
    """(k_eta, k_glm) coefficients of the GLM terms."""
    layers: tuple[tuple[Array, ...], ...]
    """For every deep term its layers' (units, 1 + inputs) matrices, intercepts first."""
    outputs: tuple[Array, ...]
    """For every deep term (k_eta, units) coefficients of its last hidden units."""

    def above(self, term: int, level: int) -> Array:
        """(next units, units) coefficients that take a layer's units up, a view."""
        layers = self.layers[term]
        return self.outputs[term] if level == len(layers) - 1 else layers[level + 1][:, 1:]

    def intercepts_above(self, term: int, level: int) -> Array:
        """(next units, 1) intercepts of the layer above, a view; no column where it has none."""
        layers = self.layers[term]
        return self.beta[:, :1] if level == len(layers) - 1 else layers[level + 1][:, :1]


@dataclass(frozen=True)
class Network:
    """One deep term: layers of GLMs, one on top of the other.

    Parameters
    ----------
    n_inputs
        Number of input columns.
    units
        Hidden units of every layer.
    links
        Inverse link of every layer.
    """

    n_inputs: int
    units: tuple[int, ...]
    links: tuple[Link, ...]

    @property
    def widths(self) -> tuple[tuple[int, int], ...]:
        """(units, inputs) of every layer."""
        inputs = (self.n_inputs, *self.units[:-1])
        return tuple(zip(self.units, inputs, strict=True))

    @cached_property
    def across(self) -> tuple[bool, ...]:
        """Which layers share one inverse link."""
        return tuple(link.across for link in self.links)


@dataclass(frozen=True)
class Predictor:
    """The linear predictor as a function of the columns: a GLM part plus deep terms.

    Parameters
    ----------
    k_glm
        Columns of the final layer's own design (intercept and GLM terms).
    networks
        One for every deep term; empty for an ordinary GLM.
    k_eta
        Linear predictors per row: one for most families.

    Examples
    --------
    >>> from deepglm import links
    >>> Predictor(2, (Network(3, (4,), (links.get("tanh"),)),)).size
    22
    """

    k_glm: int
    networks: tuple[Network, ...] = ()
    k_eta: int = 1

    @cached_property
    def size(self) -> int:
        """Number of coefficients."""
        return sum(int(np.prod(shape)) for shape in self.shapes)

    @cached_property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Shapes of the matrices in the order of the vector."""
        shapes = [(self.k_eta, self.k_glm)]
        for network in self.networks:
            shapes += [(q, 1 + p) for q, p in network.widths]
            shapes.append((self.k_eta, network.units[-1]))
        return tuple(shapes)

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Where every matrix stands in the vector."""
        ends = np.cumsum([0] + [a * b for a, b in self.shapes]).tolist()
        return tuple(slice(lo, hi) for lo, hi in zip(ends[:-1], ends[1:], strict=True))

    @cached_property
    def _places(self) -> tuple[tuple[slice, tuple[int, int]], ...]:
        """Slice and shape of every matrix."""
        return tuple(zip(self.slices, self.shapes, strict=True))

    def unpack(self, theta: Array) -> Coefficients:
        """See the vector as matrices."""
        parts = [theta[where].reshape(shape) for where, shape in self._places]
        layers, outputs, at = [], [], 1
        for network in self.networks:
            depth = len(network.units)
            layers.append(tuple(parts[at : at + depth]))
            outputs.append(parts[at + depth])
            at += depth + 1
        return Coefficients(parts[0], tuple(layers), tuple(outputs))

    @cached_property
    def final(self) -> npt.NDArray[np.bool_]:
        """(size,) which coefficients belong to the final layer."""
        mask = np.zeros(self.size, dtype=bool)
        coefficients = self.unpack(mask.astype(float))
        coefficients.beta[:] = 1.0
        for v in coefficients.outputs:
            v[:] = 1.0
        return self._as_mask(coefficients)

    @cached_property
    def hidden_intercepts(self) -> npt.NDArray[np.bool_]:
        """(size,) which coefficients are intercepts of hidden units."""
        coefficients = self.unpack(np.zeros(self.size))
        for layers in coefficients.layers:
            for B in layers:
                B[:, 0] = 1.0
        return self._as_mask(coefficients)

    @cached_property
    def output_weights(self) -> npt.NDArray[np.bool_]:
        """(size,) which coefficients are the final layer's of hidden units."""
        mask = self.final.copy()
        mask[self.slices[0]] = False
        return mask

    def _as_mask(self, coefficients: Coefficients) -> npt.NDArray[np.bool_]:
        return pack(coefficients) > 0

    def names(
        self,
        glm_names: Sequence[str],
        input_names: Sequence[Sequence[str]],
        eta_names: Sequence[str] = (),
    ) -> tuple[str, ...]:
        """Name every coefficient by its regressor; hidden ones by their layer and unit as well.

        Parameters
        ----------
        glm_names
            Names of the final layer's own columns.
        input_names
            Names of the input columns of every deep term.
        eta_names
            Names of the linear predictors where there are several; by default ``eta1``, ...

        Examples
        --------
        >>> from deepglm import links
        >>> p = Predictor(1, (Network(1, (1,), (links.get("tanh"),)),))
        >>> p.names(["Intercept"], [["x"]])
        ('Intercept', 'layer1.unit1[Intercept]', 'layer1.unit1[x]', 'layer1.unit1')
        """
        etas = eta_names or [f"eta{k}" for k in range(1, self.k_eta + 1)]
        names = list(glm_names) if self.k_eta == 1 else _repeated(glm_names, etas)
        for t, (network, inputs) in enumerate(zip(self.networks, input_names, strict=True), 1):
            prefix = f"deep{t}." if len(self.networks) > 1 else ""
            below = ["Intercept", *inputs]
            for depth, q in enumerate(network.units, 1):
                units = [f"{prefix}layer{depth}.unit{k}" for k in range(1, q + 1)]
                names += [f"{unit}[{name}]" for unit in units for name in below]
                below = ["Intercept", *units]
            names += units if self.k_eta == 1 else _repeated(units, etas)
        return tuple(names)


def _repeated(names: Sequence[str], etas: Sequence[str]) -> list[str]:
    return [f"{eta}:{name}" for eta in etas for name in names]


def pack(coefficients: Coefficients) -> Array:
    """Put the matrices back into one vector (a copy)."""
    parts = [coefficients.beta.ravel()]
    for layers, v in zip(coefficients.layers, coefficients.outputs, strict=True):
        parts += [B.ravel() for B in layers]
        parts.append(v.ravel())
    return np.concatenate(parts)
