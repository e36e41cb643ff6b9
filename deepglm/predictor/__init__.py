"""Eta given x: layers forward, derivatives backward, names and slices, canonical form."""

from deepglm.predictor.alignment import align
from deepglm.predictor.derivatives import (
    Forward,
    backward,
    final_jacobian,
    forward,
    jacobian,
)
from deepglm.predictor.directional import Direction, directional_gradient, first_deltas
from deepglm.predictor.layout import Layout
from deepglm.predictor.products import Information, information
from deepglm.predictor.structure import Coefficients, Network, Predictor, pack
from deepglm.predictor.symmetry import (
    canonical_form,
    check_structure,
    pinned_form,
    pins,
    zeros,
)
from deepglm.predictor.units import standard_matrix, user_matrix

__all__ = [
    "Coefficients",
    "Direction",
    "Forward",
    "Information",
    "Layout",
    "Network",
    "Predictor",
    "align",
    "backward",
    "canonical_form",
    "check_structure",
    "directional_gradient",
    "final_jacobian",
    "first_deltas",
    "forward",
    "information",
    "jacobian",
    "pack",
    "pinned_form",
    "pins",
    "standard_matrix",
    "user_matrix",
    "zeros",
]
