"""The statsmodels GLM that a model without hidden layers is, for statsmodels' own diagnostics."""

from __future__ import annotations

import copy
import importlib.util
import warnings
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.genmod.generalized_linear_model import GLM, GLMResults
from statsmodels.stats.outliers_influence import GLMInfluence
from statsmodels.tools.sm_exceptions import DomainWarning

from deepglm.errors import MissingExtraError

__all__ = ["glm_results", "influence", "require_matplotlib"]


def glm_results(results: Any) -> GLMResults:
    """A ``GLMResults`` at our estimate, on the rows and columns that were used.

    Nothing is fitted: the coefficients, their covariance and the dispersion are ours.

    Parameters
    ----------
    results
        A certified result without hidden layers and without a penalty.
    """
    model, estimate = results._model, results._estimate
    data, k = model._data, model.predictor.size
    used = ~estimate.aliased[:k]  # an alpha that was estimated is taken as known
    columns = [name for name, use in zip(model.exog_names[:k], used, strict=True) if use]
    # the constructor writes the trials into the family; the user's own is left as it was
    family = copy.copy(results.family)
    weights = {
        role: data.variables[role].values
        for role in ("freq_weights", "var_weights")
        if role in data.variables
    }
    offset = data.rows.offset if np.any(data.rows.offset != 0) else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DomainWarning)
        glm = GLM(
            model.endog,
            pd.DataFrame(model.exog[:, used], columns=columns).to_numpy(),
            family=family,
            offset=offset,
            **weights,
        )
    glm.data.xnames = columns
    glm.data.ynames = model.endog_names
    glm.scaletype = _scale_type(results)
    N = results._normalized[:k, :k][np.ix_(used, used)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DomainWarning)
        equivalent = GLMResults(
            glm, estimate.params[:k][used], N, results.scale, use_t=results.use_t
        )
    if results.cov_type != "nonrobust":
        equivalent.cov_type = results.cov_type
        equivalent.cov_params_default = results._cov[:k, :k][np.ix_(used, used)]
    return equivalent


def influence(results: Any, observed: bool) -> GLMInfluence:
    """Influence of rows in statsmodels' ``GLMInfluence``, with our leverages.

    statsmodels takes roots of the observed weights, which may be negative where the link is not
    canonical; the leverage of such a row is negative and exists.
    """
    equivalent = glm_results(results)
    glm = equivalent.model
    factor = glm.hessian_factor(equivalent.params, observed=observed)
    root = np.sqrt(np.abs(factor))
    return GLMInfluence(
        equivalent,
        endog=root * glm.endog,
        exog=root[:, None] * glm.exog,
        resid=equivalent.resid_pearson / np.sqrt(equivalent.scale),
        hat_matrix_diag=results._numbers.leverage(observed),
    )


def _scale_type(results: Any) -> Any:
    """How statsmodels is to estimate a dispersion where it does so again."""
    estimate = results._estimate
    free = results._numbers.fitted.family.scale is None
    if estimate.scale_kind == "fixed" or not free:
        return float(results.scale)
    return None if estimate.scale_kind == "X2" else "dev"


def require_matplotlib(what: str) -> None:
    """Raise unless matplotlib is installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError(
            f"{what} draws with matplotlib, which is not installed. Install the extra: "
            "pip install 'deepglm[plots]'."
        )
