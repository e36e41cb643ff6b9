"""What a fit refuses, and that a refused fit leaves nothing behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info

import deepglm as dg
from deepglm.errors import DataError, SpecificationError
from tests.bad_input.refusal import refused


@pytest.fixture(params=[(), (1,)], ids=["glm", "network"])
def model(request: pytest.FixtureRequest, data: pd.DataFrame) -> dg.DeepGLM:
    return dg.DeepGLM("y ~ x + z", data, family=dg.Poisson(), hidden=request.param)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"method": "bfgs"}, ("method='bfgs'", "'whitened'")),
        ({"cov_type": "HC9"}, ("cov_type='HC9'", "'HC3'")),
        ({"scale": "pearson"}, ("scale='pearson'", "'X2'", "'dev'")),
        ({"scale": -1.0}, ("scale=-1.0", "above zero")),
        ({"scale": np.nan}, ("scale=nan", "finite")),
        ({"scale": [1.0]}, ("scale=[1.0]", "a number")),
        ({"starts": 0}, ("starts=0", "1 or more")),
        ({"starts": 1.5}, ("starts=1.5", "whole number")),
        ({"starts": True}, ("starts=True", "whole number")),
        ({"maxiter": 0}, ("maxiter=0", "1 or more", "model.loglike")),
        ({"maxiter": 2.5}, ("maxiter=2.5", "whole number")),
        ({"tol": 0}, ("tol=0", "above zero", "decrement")),
        ({"tol": -1e-8}, ("tol=-1e-08", "above zero")),
        ({"tol": "tight"}, ("tol='tight'", "number")),
        ({"max_seconds": -1.0}, ("max_seconds=-1.0", "above zero")),
        ({"seed": 1.5}, ("seed=1.5", "whole number")),
        ({"seed": -1}, ("seed=-1", "0 or more")),
        ({"seed": None}, ("seed=None", "same bits")),
        ({"seed": "a"}, ("seed='a'", "whole number")),
        ({"n_jobs": 0}, ("n_jobs=0", "1 or more", "None")),
        ({"n_jobs": "2"}, ("n_jobs='2'", "whole number")),
        ({"n_jobs": 1.5}, ("n_jobs=1.5", "whole number")),
        ({"progress": "yes"}, ("progress='yes'", "True shows a bar", "None is silent")),
        ({"progress": 1}, ("progress=1", "True shows a bar")),
    ],
)
def test_options(model: dg.DeepGLM, options: dict[str, Any], parts: tuple[str, ...]) -> None:
    before = dict(vars(model))
    threads = [pool["num_threads"] for pool in threadpool_info()]
    with refused(SpecificationError, ValueError, *parts):
        model.fit(inference=None, **options)
    assert vars(model) == before
    assert [pool["num_threads"] for pool in threadpool_info()] == threads


def test_starting_values(model: dg.DeepGLM) -> None:
    size = len(model.exog_names)
    parts = ("start_params has shape (2,)", f"{size} parameters", "model.exog_names")
    with refused(DataError, ValueError, *parts):
        model.fit(inference=None, start_params=[1.0, 2.0])
    for value in (np.nan, np.inf):
        wrong = np.zeros(size)
        wrong[1] = value
        with refused(DataError, ValueError, f"{value} for 'x'", "finite"):
            model.fit(inference=None, start_params=wrong)
    with refused(DataError, ValueError, "has 'a'", "numbers"):
        model.fit(inference=None, start_params=["a"] * size)


@pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")
def test_a_refused_fit_is_as_if_it_had_not_been_asked_for(model: dg.DeepGLM) -> None:
    first = model.fit(inference=None, starts=1)
    with pytest.raises(SpecificationError):
        model.fit(inference=None, starts=-1)
    with pytest.raises(DataError):
        model.fit(inference=None, start_params=[np.nan])
    second = model.fit(inference=None, starts=1)
    assert np.array_equal(first.params, second.params)
    assert first.llf == second.llf


def test_parameters_of_the_wrong_length(model: dg.DeepGLM) -> None:
    for call in (model.loglike, model.score, model.hessian, model.predict):
        with refused(DataError, ValueError, "shape (1,)", "model.exog_names"):
            call([0.0])


def test_an_interrupted_fit_gives_the_threads_back(data: pd.DataFrame) -> None:
    model = dg.DeepGLM("y ~ x + z", data, family=dg.Poisson(), hidden=(2,))
    threads = [pool["num_threads"] for pool in threadpool_info()]

    def interrupt(text: str) -> None:
        raise KeyboardInterrupt(text)

    with pytest.raises(KeyboardInterrupt):
        model.fit(inference=None, progress=interrupt)
    assert [pool["num_threads"] for pool in threadpool_info()] == threads
