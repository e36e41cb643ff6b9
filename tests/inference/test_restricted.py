"""Smaller models: what is held, what goes, and where they end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.execution import workers
from deepglm.inference.likelihood_ratio import first_unit, one_unit_more
from deepglm.inference.restricted import log_likelihood, one_unit_fewer, without_input
from deepglm.likelihood import Likelihood
from deepglm.solvers import Problem

pytestmark = pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=list("abc"))
    frame["g"] = rng.choice(["p", "q", "r"], 200)
    mu = np.tanh(1.5 * frame.a) + 0.5 * np.tanh(2.0 * frame.b - 1.0)
    frame["y"] = mu + 0.3 * rng.normal(size=200)
    return frame


def network(formula: str, data: pd.DataFrame, **options: Any) -> Any:
    return dg.DeepGLM(formula, data, **options).fit(starts=4, inference=None)


def problem_of(fit: Any) -> Problem:
    problem: Problem = fit._model._problem
    return problem


def columns(fit: Any, name: str) -> Any:
    return fit._model._data.inputs[name].columns


def test_all_that_is_made_of_the_input_is_held(data: pd.DataFrame) -> None:
    fit = network("y ~ a + I(a**2) + g + a:b", data, hidden=(2,))
    small = without_input(problem_of(fit), columns(fit, "a"))
    names = np.array(fit.model.exog_names)
    assert set(names[small.tested]) == {
        name for name in names if "a" in name.replace("layer", "").replace("Intercept", "")
    }
    with workers(1, 200) as crew:
        solution, fitted = small.fit(crew, None, [fit._estimate.theta], 0)
    assert (solution.theta[small.tested] == 0.0).all()
    assert not fitted.free[: len(small.tested)][small.tested].any()
    alone = network("y ~ g", data, hidden=(2,))
    assert solution.value == pytest.approx(alone.penalized_llf, abs=1e-4)


def test_a_deep_term_of_nothing_goes(data: pd.DataFrame) -> None:
    fit = network("y ~ b + deep(a, units=(2,)) + deep(b + c, units=(3,))", data)
    small = without_input(problem_of(fit), columns(fit, "a"))
    assert [net.units for net in small.problem.predictor.networks] == [(3,)]
    with workers(1, 200) as crew:
        solution, _ = small.fit(crew, None, [fit._estimate.theta], 0)
    alone = network("y ~ b + deep(b + c, units=(3,))", data)
    assert solution.value == pytest.approx(alone.penalized_llf, abs=1e-4)
    last = without_input(problem_of(network("y ~ b + deep(a, units=(2,))", data)), [(), (0,)])
    assert last.problem.predictor.networks == ()


def test_aliased_columns_come_back(data: pd.DataFrame) -> None:
    twice = data.assign(d=lambda x: x.a - 2.0 * x.b)
    with pytest.warns(dg.errors.CollinearityWarning):
        fit = dg.DeepGLM("y ~ a + b + d", twice, hidden=()).fit()
    small = without_input(problem_of(fit), columns(fit, "b"))
    assert small.problem.free.tolist() == [True, True, False, True]
    assert not small.problem.aliased.any()
    with workers(1, 200) as crew:
        solution, _ = small.fit(crew, None, [fit._estimate.theta], 0)
    alone = dg.DeepGLM("y ~ a + d", twice, hidden=()).fit()
    assert solution.value == pytest.approx(alone.penalized_llf, rel=1e-6)


def test_one_unit_fewer(data: pd.DataFrame) -> None:
    fit, fewer = (network("y ~ a + b", data, hidden=(q,), skip=False) for q in (3, 2))
    small = one_unit_fewer(problem_of(fit), 0)
    assert small.problem.predictor.networks[0].units == (2,)
    with workers(1, 200) as crew:
        solution, _ = small.fit(crew, None, [fit._estimate.theta], 0)
    assert solution.value == pytest.approx(fewer.penalized_llf, abs=1e-4)
    assert log_likelihood(solution) > solution.value
    none = one_unit_fewer(problem_of(network("y ~ a", data, hidden=(1,))), 0)
    assert none.problem.predictor.networks == ()


@pytest.mark.parametrize("start", ["GLM", "network"])
def test_one_unit_more_of_no_effect_changes_nothing(data: pd.DataFrame, start: str) -> None:
    rng = np.random.default_rng(0)
    if start == "GLM":
        fit = dg.DeepGLM("y ~ a + b", data, hidden=()).fit()
        models = first_unit(problem_of(fit), [1, 2], dg.links.get("tanh"))
    else:
        fit = network("y ~ a + b", data, hidden=(2,))
        models = one_unit_more(problem_of(fit), 0)
        assert models.large.predictor.networks[0].units == (3,)
        known = dg.DeepGLM("y ~ a + b", data, hidden=(3,))._problem
        np.testing.assert_array_equal(models.large.precision, known.precision)
        np.testing.assert_array_equal(models.large.free, known.free)
    theta = fit._estimate.theta
    wide = models.widened(theta, rng.normal(size=1 + models.inputs))
    etas = [
        Likelihood(p.predictor, p.family).eta(values, p.rows)
        for p, values in ((models.small, theta), (models.large, wide))
    ]
    np.testing.assert_allclose(etas[1], etas[0], rtol=1e-12)


def test_the_ratio_is_that_of_two_fits(data: pd.DataFrame) -> None:
    binary = data.assign(y=(data.y > 0).astype(float))
    fits = [
        dg.DeepGLM("y ~ a + b", binary, dg.Binomial(), hidden=h).fit(inference=None)
        for h in ((1,), (2,))
    ]
    models = one_unit_more(problem_of(fits[0]), 0)
    with workers(1, 200) as crew:
        ratio = models.ratio(crew, 1.0, [fits[0]._estimate.theta], fits[0].model.endog, 0)
    assert ratio == pytest.approx(2.0 * (fits[1].llf - fits[0].llf), abs=1e-3)
    other = replace(models, inputs=models.inputs)
    with workers(1, 200) as crew:
        again = other.ratio(crew, 1.0, [fits[0]._estimate.theta], fits[0].model.endog, 0)
    assert again == ratio
