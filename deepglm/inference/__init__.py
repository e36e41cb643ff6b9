"""What may be said about a fit: numbers from arrays, without labels and without refits."""

from deepglm.inference import criteria, prediction, resampling, residuals
from deepglm.inference.covariance import Dispersion, Smoothing, edf_by_coefficient, inverse
from deepglm.inference.estimability import aliasing, estimable
from deepglm.inference.fitted import Fitted, RowDerivatives
from deepglm.inference.leverage import leverage
from deepglm.inference.sandwich import (
    COV_TYPES,
    CovarianceRequest,
    Robust,
    check_rows,
    read_request,
    robust,
)

__all__ = [
    "COV_TYPES",
    "CovarianceRequest",
    "Dispersion",
    "Fitted",
    "Robust",
    "RowDerivatives",
    "Smoothing",
    "aliasing",
    "check_rows",
    "criteria",
    "edf_by_coefficient",
    "estimable",
    "inverse",
    "leverage",
    "prediction",
    "read_request",
    "resampling",
    "residuals",
    "robust",
]
