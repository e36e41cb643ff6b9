"""Bring the units of one fit to the order and signs that the same units have in another.

Two fits of a model to nearly the same rows may hold the same hidden units in another order and with
other signs. A canonical form does not help where two units are nearly equal in size, because then
chance decides on the order. Here units are matched by what they do on the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize

from deepglm.data import Rows
from deepglm.predictor.derivatives import forward
from deepglm.predictor.structure import Array, Coefficients, Network, Predictor, pack
from deepglm.predictor.symmetry import Mask, movable, reorder, reverse, reversible

__all__ = ["align"]

_ENOUGH = 2000
"""Rows, evenly spaced, from which correlations are judged."""

_NO_SPREAD = 1e-12
"""Standard deviation, next to the size of the values, of a unit that does not vary."""


def align(
    predictor: Predictor,
    theta: Array,
    reference: Array,
    rows: Rows,
    fixed_intercepts: Mask | None = None,
) -> Array:
    """Permute and turn hidden units to match those of a reference; eta stays what it was.

    Layer after layer, units are assigned to units of the reference so that the sum of
    ``1 - |corr|`` over the rows is smallest (the correlation itself where a unit's sign cannot
    change), and turned to correlate positively. Units that a pinned coefficient ties to their place
    stay there.

    Parameters
    ----------
    predictor
        Shape of the predictor.
    theta, reference
        Parameters, standardised; what stands behind the coefficients is left as it is.
    rows
        Rows on which units are compared; 2,000 of them at most are used, evenly spaced.
    fixed_intercepts
        (size,) intercepts that may not take up a constant, as in :func:`canonical_form`; none by
        default.

    Returns
    -------
    ndarray
        (size,) parameters of the same predictor.

    References
    ----------
    Kuhn (1955), Naval Research Logistics Quarterly 2, 83-97, for the assignment.

    Examples
    --------
    >>> from deepglm import links
    >>> p = Predictor(1, (Network(1, (2,), (links.get("tanh"),)),))
    >>> reference = np.array([0.5, 0.0, 2.0, 1.0, 0.3, 1.5, 1.4])
    >>> turned = np.array([0.5, -1.0, -0.3, 0.0, 2.0, -1.4, 1.5])
    >>> x = np.linspace(-2.0, 2.0, 50)
    >>> rows = Rows(x, (np.ones((1, 50)), x[None]), 0 * x, 1 + 0 * x, 1 + 0 * x)
    >>> align(p, turned, reference, rows).tolist()
    [0.5, 0.0, 2.0, 1.0, 0.3, 1.5, 1.4]
    """
    k = predictor.size
    out = theta.copy()
    if not predictor.networks:
        return out
    some = rows.only(np.unique(np.linspace(0, rows.n - 1, min(rows.n, _ENOUGH)).astype(np.intp)))
    c = predictor.unpack(out[:k].copy())
    held = np.zeros(k) if fixed_intercepts is None else fixed_intercepts.astype(float)
    fixed = predictor.unpack(held)
    found = forward(c, predictor, some.designs, 0)
    wanted = forward(predictor.unpack(reference[:k]), predictor, some.designs, 0)
    pair = _Pair(c, predictor.unpack(reference[:k]), fixed)
    for t, network in enumerate(predictor.networks):
        for level in range(len(network.links)):
            z, target = found.passes[t].z[level + 1], wanted.passes[t].z[level + 1]
            pair.match(network, t, level, _correlations(target, z, some.freq))
    out[:k] = pack(c)
    return out


@dataclass(frozen=True)
class _Pair:
    """Coefficients that are moved, in place, and those that they are brought next to."""

    moved: Coefficients
    reference: Coefficients
    fixed: Coefficients

    def match(self, network: Network, t: int, level: int, R: Array) -> None:
        """Match the units of a layer, given (units, units) correlations with the reference's."""
        c = self.moved
        turns = reversible(c, self.fixed, network, t, level)
        order = np.arange(len(R))
        count = movable(c, network, t, level)
        order[:count] = _assigned((np.abs(R) if turns else R)[:count, :count])
        reorder(c, t, level, order)
        if not turns:
            return
        if network.links[level].parity == "even":  # the unit is the same, its coefficients are not
            agreement = (c.layers[t][level] * self.reference.layers[t][level]).sum(axis=1)
        else:
            agreement = R[np.arange(len(R)), order]
        reverse(c, network, t, level, agreement < 0.0)


def _assigned(R: Array) -> npt.NDArray[np.intp]:
    """(units,) unit that belongs to every unit of the reference."""
    return np.asarray(optimize.linear_sum_assignment(1.0 - R)[1])


def _correlations(left: Array, right: Array, freq: Array) -> Array:
    """(units, units) correlations of two sets of units; zero for one that does not vary."""
    return np.asarray(_scaled(left, freq) @ (freq[:, None] * _scaled(right, freq).T))


def _scaled(z: Array, freq: Array) -> Array:
    """(units, m) units with mean zero and a weighted sum of squares of one, or of zero."""
    centred = z - (z @ freq / freq.sum())[:, None]
    size = np.sqrt((centred * centred) @ freq)
    least = _NO_SPREAD * np.sqrt((z * z) @ freq)
    scale = np.where(size > least, size, np.inf)
    return np.asarray(centred / scale[:, None])
