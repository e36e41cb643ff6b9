"""Fits and tests beside a fit: what its summary prints and must not compute itself."""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any

import numpy as np

from deepglm.errors import NotAvailableError
from deepglm.inference import restricted
from deepglm.inference.resampling import AFFORDABLE
from deepglm.results.beside import Beside

__all__ = ["beside"]

CANDIDATES = 230
"""Directions that the tests of linearity take, for counting."""


def beside(model: Any, results: Any, seed: int) -> Beside:
    """Score tests of the inputs, and the nested GLM with its tests, where they cost little.

    Parameters
    ----------
    model
        The model.
    results
        Its fit; one that is not certified has nothing beside it.
    seed
        Seeds starts and phantom units.
    """
    if not results.converged:
        return Beside()
    found = Beside()
    problem, inputs = model._problem, model._data.inputs
    modes = len(results._estimate.modes)
    if len(inputs) * restricted.cost(problem, modes) <= AFFORDABLE:
        with suppress(NotAvailableError):  # a covariance for which there are no score tests
            found = found._replace(inputs=results.input_tests(seed=seed))
    if not all(one.columns[0] for one in inputs.values()):
        return found  # the GLM of the final layer lacks an input, and says nothing about this model
    columns = model.predictor.k_glm - int(model._intercept is not None)
    cost = float(model.nobs) * (model.predictor.k_glm + CANDIDATES) ** 2
    if not columns or cost > AFFORDABLE:
        return found
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a fit that was not asked for
        glm = model._without_networks().fit(seed=seed, n_jobs=1)
    if not glm.converged:
        return found
    found = found._replace(glm_deviance=glm.deviance, glm_edf=float(np.round(glm.edf, 6)))
    kind = {"cov_type": results._request.name, "cov_kwds": results._request.options}
    with suppress(NotAvailableError):
        found = found._replace(linearity=glm.nonlinearity_test(seed=seed, **kind))
    return found
