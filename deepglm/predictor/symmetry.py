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
                _above(marks, t, level)[:, -1] = 1.0
            if _quadratic(link, len(_above(marks, t, level))):
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
            above = _above(marks, t, level)
            q = network.units[level]
            if link.group == "shift":
                marks.layers[t][level][:, 0] = 1.0
            elif link.group == "scale":
                above[_anchor(q, len(above)), np.arange(q)] = 1.0
            elif link.group == "linear":
                above[:q, :] = 1.0
                marks.layers[t][level][:, 0] = 1.0
    return (pack(marks) > 0) | zeros(predictor, skip)


def _above(c: Coefficients, t: int, level: int) -> Array:
    """(next units, units) coefficients that take a layer's units up, a view."""
    layers = c.layers[t]
    return c.outputs[t] if level == len(layers) - 1 else layers[level + 1][:, 1:]


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
            above, B = _above(c, t, level), c.layers[t][level]
            if link.group == "shift":
                _move_shift(B, above)
            elif link.group == "linear":
                last = level == depth - 1
                _move_intercept(B, above, c.beta[:, 0] if last else c.layers[t][level + 1][:, 0])
        # a layer's scale changes its own coefficients, which pin the layer below, so from the last
        for level in range(depth - 1, -1, -1):
            above, B, link = _above(c, t, level), c.layers[t][level], network.links[level]
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
    if link.parity not in ("odd", "reflection") or link.group is not None:
        return
    above, B = _above(c, t, level), c.layers[t][level]
    last = level == len(network.links) - 1
    if link.parity == "reflection":
        intercepts = c.beta[:, :1] if last else c.layers[t][level + 1][:, :1]
        held = fixed.beta[:, :1] if last else fixed.layers[t][level + 1][:, :1]
        if intercepts.shape[1] == 0 or held.any():
            return
    largest = above[np.abs(above).argmax(axis=0), np.arange(above.shape[1])]
    flip = largest < 0
    if link.parity == "reflection":
        intercepts += above[:, flip].sum(axis=1, keepdims=True)
    B[flip] *= -1.0
    above[:, flip] *= -1.0


def _sort(c: Coefficients, network: Network, t: int, level: int, sd: Array) -> None:
    if network.links[level].group == "linear":
        return
    above, B = _above(c, t, level), c.layers[t][level]
    if network.links[level].group == "scale" and len(above) > 1:
        return  # the anchors tie each unit to its place
    if _quadratic(network.links[level], len(above)):
        return  # so do the zeros
    order = np.argsort(-np.linalg.norm(above, axis=0) * sd, kind="stable")
    if network.links[level].across:  # the reference stays where it is
        order = np.append(order[order != len(order) - 1], len(order) - 1)
    B[:] = B[order]
    above[:] = above[:, order]
