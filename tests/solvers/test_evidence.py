"""Precisions chosen by the marginal likelihood: its value, what it chooses, what it costs."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.errors import SingleStartWarning, SpecificationError
from deepglm.execution import Workers
from deepglm.families import Level
from deepglm.solvers.evidence import glm_marginal, marginal


def table(n=400, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=n), "z": rng.uniform(-1, 1, n)})
    frame["g"] = rng.choice(list("abcdef"), n)
    frame["y"] = np.tanh(2 * frame.x - frame.z) + 0.4 * rng.normal(size=n)
    frame["c"] = rng.poisson(np.exp(0.5 * frame.y))
    return frame


DATA = table()


def fit(formula="y ~ x + z + g", family=None, data=DATA, **options):
    keys = ("start_params", "starts", "seed", "method", "max_seconds", "scale")
    how = {key: options.pop(key) for key in keys if key in options}
    options = {"hidden": (3,), "penalty": "evidence"} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingleStartWarning)
        return dg.DeepGLM(formula, data, family, **options).fit(inference=None, **how)


def at(results):
    """Objective, parameters and kinds at a result."""
    model, estimate = results.model, results._estimate
    problem = model._problem
    phi = None if model._adapted.aux_names and np.isnan(estimate.scale) else estimate.scale
    objective = problem.objective(Workers(), phi)
    params = objective.origin.copy()
    params[: model.predictor.size] = estimate.theta
    params[model.predictor.size :] = np.log(estimate.scale_objective)
    return objective, params, problem.kinds


def test_marginal_likelihood_of_the_glm_is_exact_for_a_linear_model():
    """Flat priors on the coefficients, known variance: the integral has a closed form."""
    model = dg.DeepGLM("y ~ x + z", DATA, hidden=(2,))
    objective = model._problem.objective(Workers(), 0.3)
    X, y = model._data.rows.designs[0].T, DATA.y.to_numpy()
    n, p = X.shape
    rss = float(np.linalg.lstsq(X, y)[1][0])
    exact = -0.5 * (n - p) * np.log(2 * np.pi * 0.3) - rss / 0.6
    exact -= 0.5 * np.linalg.slogdet(X.T @ X)[1]
    assert glm_marginal(objective, np.zeros(p)) == pytest.approx(exact, rel=1e-10)


def test_marginal_likelihood_of_a_network_agrees_with_importance_sampling():
    """Laplace's approximation is close where the data are many: all constants are there."""
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"x": rng.normal(size=3000)})
    data["c"] = rng.poisson(np.exp(0.3 + np.tanh(1 + 2 * data.x)))
    results = fit("c ~ x", dg.Poisson(), data, hidden=(1,), skip=False, seed=0)
    assert results.certificate.certified
    objective, params, kinds = at(results)
    penalty = results.penalty
    precision = penalty.precision(kinds)
    objective = type(objective)(
        objective.likelihood, objective.rows, precision, params, objective.free, Workers()
    )
    now = marginal(objective, params, kinds, penalty, rng)
    V = np.linalg.inv(objective.at(params, Level.FISHER).information)
    L = np.linalg.cholesky(V)
    draws = rng.standard_normal((4000, len(params))) * np.sqrt(4 / rng.chisquare(4, (4000, 1)))
    from scipy.stats import multivariate_t

    q = multivariate_t(np.zeros(len(params)), np.eye(len(params)), df=4).logpdf(draws)
    q -= np.log(np.diag(L)).sum()
    theta = params + draws @ L.T
    held = precision > 0
    prior = 0.5 * np.log(precision[held] / (2 * np.pi)).sum()
    log_w = np.array([-objective.at(t, Level.VALUE).value for t in theta]) + prior - q
    estimate = np.log(np.mean(np.exp(log_w - log_w.max()))) + log_w.max()
    assert now.value == pytest.approx(estimate, abs=0.3)


def test_columns_of_noise_are_held_strongly():
    results = fit(data=table(2000), starts=6)
    groups = results.penalty_groups
    assert groups.loc["dummies", "precision"] > 5 * groups.loc["rest", "precision"]
    share = groups["edf"] / groups["size"]
    assert share["dummies"] < 0.5 * share["rest"]


def test_the_choice_can_be_given_to_another_model():
    results = fit(seed=0)
    again = fit(penalty=results.penalty, seed=0)
    assert again.penalized_llf == pytest.approx(results.penalized_llf, abs=1e-5)
    assert again.edf == pytest.approx(results.edf, rel=1e-5)


def test_no_precision_near_by_is_better():
    """At the same mode, moving either precision hardly raises the marginal likelihood."""
    results = fit(seed=0)
    objective, params, kinds = at(results)
    chosen, rng = results.penalty, np.random.default_rng(0)

    def value(penalty):
        there = fit(penalty=penalty, start_params=results.params.to_numpy(), starts=0)
        objective, params, _ = at(there)
        return marginal(objective, params, kinds, penalty, rng).value

    best = value(chosen)
    for factor in (1 / 8, 8.0):
        assert value(dg.penalties.Grouped(chosen.rest * factor, chosen.dummies)) < best + 0.5
        assert value(dg.penalties.Grouped(chosen.rest, chosen.dummies * factor)) < best + 0.5


def test_the_glm_is_reported_beside_where_it_is_nested():
    linear = DATA.assign(y=DATA.x + 0.5 * np.random.default_rng(5).normal(size=len(DATA)))
    groups = fit("y ~ x + z", data=linear, seed=1).penalty_groups
    assert groups.attrs["glm_evidence"] > groups.attrs["evidence"] - 5
    assert fit("y ~ x + z", seed=1).penalty_groups.attrs["glm_evidence"] < -100
    assert np.isnan(fit("y ~ x + z", skip=False).penalty_groups.attrs["glm_evidence"])


def test_same_seed_same_bits_for_any_number_of_threads():
    a, b = (
        dg.DeepGLM("c ~ x + z + g", DATA, dg.Poisson(), penalty="evidence").fit(
            seed=1, starts=8, n_jobs=jobs
        )
        for jobs in (1, 2)
    )
    assert (a.params.to_numpy() == b.params.to_numpy()).all()
    assert a.penalty == b.penalty


@pytest.mark.parametrize("method", ["whitened", "scoring", "newton", "gradient"])
def test_every_solver_serves(method):
    results = fit("c ~ x + z", dg.Poisson(), hidden=(2,), method=method, seed=0, starts=3)
    assert np.isfinite(results.penalty_groups.attrs["evidence"])
    assert results.penalized_llf > fit("c ~ x + z", dg.Poisson(), hidden=()).llf - 10


def test_two_layers_are_sent_to_validation():
    with pytest.raises(SpecificationError, match=r"one hidden layer.*'validation'"):
        fit(hidden=(3, 2))


def test_an_ordinary_glm_has_nothing_to_choose():
    results = fit(hidden=())
    plain = fit(hidden=(), penalty=None)
    assert (results.params == plain.params).all()
    with pytest.raises(dg.errors.NotAvailableError, match="given, not chosen"):
        results.penalty_groups  # noqa: B018


def test_a_time_limit_ends_the_choice_too():
    with pytest.warns(dg.errors.ConvergenceWarning, match="max_seconds"):
        results = fit(hidden=(6,), max_seconds=1e-6)
    assert np.isfinite(results.predict()).all()
    assert results.penalty.rest > 0
