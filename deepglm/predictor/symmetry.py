"""Symmetries of hidden layers: continuous ones are pinned before a fit, discrete ones after it.

Several vectors of coefficients can give the same predictor. Where they form a continuum (the slope
of a ReLU unit against its coefficient above, the intercept of an exp unit, any rotation of an
identity layer) one coefficient per direction is pinned, so that the number of parameters and the
rank of the information are honest. Where they are isolated (permutation of units, signs) the
estimate is brought to one canonical form after the fit. See Sussmann (1992) for tanh and Hwang and
Ding (1997) for sigmoid units.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepglm.errors import SpecificationError
from deepglm.links import Link
from deepglm.predictor.structure import Array, Coefficients, Network, Predictor, pack

Mask = npt.NDArray[np.bool_]


def check_structure(predictor: Predictor, skip: bool) -> None:
    """Raise where a layer can only repeat what other layers already say.

    Parameters
    ----------
    predictor
        Shape of the predictor.
    skip
        Whether the inputs enter the final layer as well.
    """
    for network in predictor.networks:
        above = (*network.units[1:], predictor.k_eta)
        depth = len(network.units)
        for level, ((q, p), link, nxt) in enumerate(
            zip(network.widths, network.links, above, strict=True), 1
        ):
            if link.across and q < 2:
                raise SpecificationError(
                    f"layer {level} has one {link.name} unit, which is 1 in every row. Use two "
                    "units or more, or another activation."
                )
            if _quadratic(link, nxt) and q > p:
                raise SpecificationError(
                    f"layer {level} has {q} square units of {p} inputs: together they are one "
                    f"quadratic form, which {p} units exhaust. Use at most {p} units there."
                )
            if link.group != "linear":
                continue
            if q > min(p, nxt):
                raise SpecificationError(
                    f"layer {level} has {q} identity units between {p} inputs and {nxt} outputs: "
                    f"a linear layer of more than {min(p, nxt)} units repeats itself. Use at most "
                    f"{min(p, nxt)} units there, or another activation."
                )
            if skip and level == depth and depth == 1:
                raise SpecificationError(
                    "an identity layer is linear and the terms enter the final layer anyway "
                    "(skip=True), so its coefficients could not be estimated. Use skip=False, or "
                    "another activation."
                )


def zeros(predictor: Predictor, skip: bool = False) -> Mask:
    """Which coefficients of square and softmax units are held at zero, (size,).

    A layer of square units under one linear predictor is a quadratic form, which rotations of the
    units into each other leave as it is: unit ``k`` has no slopes on the first ``k - 1`` inputs.
    Where the inputs enter the final layer as well, intercepts of the units would only move linear
    terms, and are zero.

    Softmax units do not change if all get the same linear predictor in addition, and add up to one:
    the last of them is the reference, with a linear predictor of zero and no weight above it.

    Parameters
    ----------
    predictor
        Shape of the predictor.
    skip
        Whether the inputs enter the final layer as well.
    """
    marks = predictor.unpack(np.zeros(predictor.size))
    for t, network in enumerate(predictor.networks):
        for level, link in enumerate(network.links):
            if link.across:
                marks.layers[t][level][-1] = 1.0
                marks.above(t, level)[:, -1] = 1.0
            if _quadratic(link, len(marks.above(t, level))):
                B = marks.layers[t][level]
                for k in range(1, len(B)):
                    B[k, 1 : 1 + k] = 1.0
                if skip and len(network.links) == 1:
                    B[:, 0] = 1.0
    return pack(marks) > 0


def _quadratic(link: Link, above: int) -> bool:
    return link.name == "square" and above == 1


def pins(predictor: Predictor, skip: bool = False) -> Mask:
    """Which coefficients are held fixed to remove the continuous symmetries, (size,).

    * exp: the intercept of the unit is 0 (its coefficient above carries the level);
    * ReLU, leaky ReLU, square, reciprocal and powers: one coefficient above the unit is +1 or -1
      (times the scale of the response in the final layer);
    * square: some slopes are 0 as well, and softmax has a reference, see :func:`zeros`;
    * identity: the coefficients above the first units are the identity matrix, intercepts 0.

    Parameters
    ----------
    predictor
        Shape of the predictor.
    skip
        Whether the inputs enter the final layer as well.
    """
    marks = predictor.unpack(np.zeros(predictor.size))
    for t, network in enumerate(predictor.networks):
        for level, link in enumerate(network.links):
            above = marks.above(t, level)
            q = network.units[level]
            if link.group == "shift":
                marks.layers[t][level][:, 0] = 1.0
            elif link.group == "scale":
                above[_anchor(q, len(above)), np.arange(q)] = 1.0
            elif link.group == "linear":
                above[:q, :] = 1.0
                marks.layers[t][level][:, 0] = 1.0
    return (pack(marks) > 0) | zeros(predictor, skip)


def _anchor(units: int, above: int) -> npt.NDArray[np.intp]:
    return np.arange(units) % above


def pinned_form(predictor: Predictor, theta: Array, response_scale: float) -> Array:
    """Bring coefficients to the form in which pinned ones have their fixed values.

    The predictor as a function stays what it was, with one exception: the intercept of an identity
    unit is moved upwards, and into the final intercept only where there is one.

    Parameters
    ----------
    predictor
        Shape of the predictor.
    theta
        (size,) coefficients.
    response_scale
        Magnitude of pinned coefficients of the final layer.
    """
    c = predictor.unpack(theta.copy())
    for t, network in enumerate(predictor.networks):
        depth = len(network.links)
        # intercepts move upwards, so from the first layer on
        for level, link in enumerate(network.links):
            above, B = c.above(t, level), c.layers[t][level]
            if link.group == "shift":
                _move_shift(B, above)
            elif link.group == "linear":
                last = level == depth - 1
                _move_intercept(B, above, c.beta[:, 0] if last else c.layers[t][level + 1][:, 0])
        # a layer's scale changes its own coefficients, which pin the layer below, so from the last
        for level in range(depth - 1, -1, -1):
            above, B, link = c.above(t, level), c.layers[t][level], network.links[level]
            if link.group == "scale":
                magnitude = response_scale if level == depth - 1 else 1.0
                _move_scale(B, above, link.degree, magnitude)
            elif link.group == "linear":
                _move_linear(B, above)
    return pack(c)


def _move_shift(B: Array, above: Array) -> None:
    above *= np.exp(B[:, 0])
    B[:, 0] = 0.0


def _move_scale(B: Array, above: Array, degree: float, magnitude: float) -> None:
    """``v h(a) = (v / c**degree) h(c a)``, with c such that the anchor becomes +-magnitude."""
    units = np.arange(len(B))
    anchors = above[_anchor(len(B), len(above)), units]
    safe = np.where(np.abs(anchors) > 1e-8 * magnitude, np.abs(anchors), 1e-8 * magnitude)
    factor = safe / magnitude
    B *= (factor ** (1.0 / degree))[:, None]
    above /= factor
    sign = np.where(anchors < 0, -1.0, 1.0)
    above[_anchor(len(B), len(above)), units] = sign * magnitude


def _move_intercept(B: Array, above: Array, intercept: Array) -> None:
    intercept += above @ B[:, 0]
    B[:, 0] = 0.0


def _move_linear(B: Array, above: Array) -> None:
    q = len(B)
    block = above[:q].copy()
    if np.linalg.cond(block) > 1e8:
        block = block + 1e-3 * np.eye(q) * max(1.0, float(np.abs(block).max()))
    B[:] = block @ B
    above[:] = above @ np.linalg.inv(block)
    above[:q] = np.eye(q)


def canonical_form(
    predictor: Predictor,
    theta: Array,
    unit_sd: tuple[tuple[Array, ...], ...],
    fixed_intercepts: Mask,
) -> Array:
    """Resolve the discrete symmetries: signs first, then the order of the units.

    An odd unit (tanh) gets a positive coefficient above it (the largest in absolute value where
    there are several); so does a unit with ``h(-a) = 1 - h(a)`` (logistic, probit), the intercept
    above taking up the constant. Units are ordered by their coefficient above times the standard
    deviation of the unit, largest first.

    Parameters
    ----------
    predictor
        Shape of the predictor.
    theta
        (size,) coefficients, standardised.
    unit_sd
        For every deep term and layer the (units,) standard deviations of the hidden units.
    fixed_intercepts
        (size,) intercepts that may not take up a constant: pinned, or penalised, so that moving
        them would change the objective.
    """
    c = predictor.unpack(theta.copy())
    fixed = predictor.unpack(fixed_intercepts.astype(float))
    for t, network in enumerate(predictor.networks):
        for level in range(len(network.links) - 1, -1, -1):  # a sign above decides those below
            _turn(c, fixed, network, t, level)
        for level in range(len(network.links)):
            _sort(c, network, t, level, unit_sd[t][level])
    return pack(c)


def _turn(c: Coefficients, fixed: Coefficients, network: Network, t: int, level: int) -> None:
    link = network.links[level]
    if link.parity == "even" or link.group is not None:
        return
    if reversible(c, fixed, network, t, level):
        above = c.above(t, level)
        largest = above[np.abs(above).argmax(axis=0), np.arange(above.shape[1])]
        reverse(c, network, t, level, largest < 0)


def reversible(c: Coefficients, fixed: Coefficients, network: Network, t: int, level: int) -> bool:
    """Whether the linear predictor of a unit can change its sign and the predictor stay as it is.

    Parameters
    ----------
    c
        Coefficients.
    fixed
        Ones for intercepts that may not take up a constant.
    network, t, level
        The deep term, its number and that of the layer.
    """
    link = network.links[level]
    if link.parity is None or link.group == "linear" or link.domain != (-np.inf, np.inf):
        return False
    if link.parity != "reflection":
        return True
    held = fixed.intercepts_above(t, level)
    return c.intercepts_above(t, level).shape[1] > 0 and not held.any()


def reverse(c: Coefficients, network: Network, t: int, level: int, units: Mask) -> None:
    """Change the sign of the linear predictors of (units,) units of a layer, in place."""
    above, B, parity = c.above(t, level), c.layers[t][level], network.links[level].parity
    if parity == "reflection":
        c.intercepts_above(t, level)[:] += above[:, units].sum(axis=1, keepdims=True)
    B[units] *= -1.0
    if parity != "even":
        above[:, units] *= -1.0


def _sort(c: Coefficients, network: Network, t: int, level: int, sd: Array) -> None:
    above, count = c.above(t, level), movable(c, network, t, level)
    order = np.argsort(-np.linalg.norm(above[:, :count], axis=0) * sd[:count], kind="stable")
    reorder(c, t, level, order)


def movable(c: Coefficients, network: Network, t: int, level: int) -> int:
    """How many units of a layer, its first ones, may change places without changing the predictor.

    Units whose coefficients hold a pin or a zero of their own may not; nor may the reference of
    softmax units, which is the last one.
    """
    link, above = network.links[level], c.above(t, level)
    anchored = link.group == "scale" and len(above) > 1
    if link.group == "linear" or anchored or _quadratic(link, len(above)):
        return 0
    return network.units[level] - int(link.across)


def reorder(c: Coefficients, t: int, level: int, order: npt.NDArray[np.intp]) -> None:
    """Put the first units of a layer in an order, in place."""
    above, B = c.above(t, level), c.layers[t][level]
    B[: len(order)] = B[order]
    above[:, : len(order)] = above[:, order]
