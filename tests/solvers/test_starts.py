"""Where fits begin: around the GLM, from one unit fewer and more, by weighted quantiles."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.errors import SingleStartWarning
from deepglm.execution import Workers
from deepglm.families import Level
from deepglm.solvers import Control, Scoring
from deepglm.solvers.multistart import Run, modes, optima
from deepglm.solvers.nested import one_fewer, one_more, possible
from deepglm.solvers.relaxed import FACTORS, relaxed
from deepglm.solvers.starts import Starts, _quantiles, thinned


def table(n=300, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n)})
    frame["c"] = rng.poisson(np.exp(0.5 * frame.x - 0.3 * frame.z + np.tanh(2 * frame.z - 1)))
    frame["y"] = frame.x - frame.z + np.tanh(2 * frame.z - 1) + 0.3 * rng.normal(size=n)
    return frame


DATA = table()


def starts_of(model):
    problem = model._problem
    phi = None if model._adapted.aux_names else 1.0
    return Starts(problem.objective(Workers(), phi), problem.held, problem.response_scale)


def value(starts, params):
    objective = starts.objective.from_origin(params)
    return objective.at(params[objective.free], Level.VALUE).value


@pytest.mark.parametrize("formula", ["c ~ x + z", "c ~ z + deep(x, units=(3,))"])
@pytest.mark.parametrize("activation", ["tanh", "logistic", "softplus"])
def test_the_embedded_glm_is_nearly_as_good_as_the_glm(formula, activation):
    deep = "deep(" in formula
    options = {"activation": activation, "penalty": None} | (
        {} if deep else {"hidden": (3, 2), "skip": False}
    )
    model = dg.DeepGLM(formula, DATA, dg.Poisson(), **options)
    starts = starts_of(model)
    params = starts.embedded(np.random.SeedSequence(0))
    glm = dg.DeepGLM("c ~ x + z", DATA, dg.Poisson(), hidden=()).fit()
    assert -value(starts, params) > glm.llf - 3.0


def test_no_start_around_the_glm_where_it_is_there_anyway_or_units_are_flat():
    seed = np.random.SeedSequence(0)
    assert starts_of(dg.DeepGLM("y ~ x + z", DATA)).embedded(seed) is None
    flat = dg.DeepGLM("y ~ x + z", DATA, hidden=(1,), activation="square", skip=False)
    assert starts_of(flat).embedded(seed) is None


def advance(objective, x):
    return Scoring(maxiter=15).minimise(objective, x, Control(), np.random.SeedSequence(0))


@pytest.mark.parametrize("make", [one_fewer, one_more])
@pytest.mark.parametrize("hidden", [(3,), (3, 2)])
def test_starts_from_nested_networks(make, hidden):
    """They are full vectors with a finite objective, better than most random starts."""
    model = dg.DeepGLM("y ~ x + z", DATA, hidden=hidden)
    starts = starts_of(model)
    assert possible(starts)
    seeds = np.random.SeedSequence(1).spawn(8)
    random = [value(starts, starts.random(seed)) for seed in seeds]
    made = [value(starts, make(starts, seed, advance)) for seed in seeds]
    assert np.median(made) < np.median(random)
    assert len(make(starts, seeds[0], advance)) == len(starts.objective.origin)


def test_a_penalty_that_is_relaxed_leads_to_a_better_start_and_puts_no_unit_out():
    model = dg.DeepGLM("y ~ x + z", DATA, hidden=(3,), penalty=dg.L2(0.1))
    starts = starts_of(model)
    seeds = np.random.SeedSequence(1).spawn(8)
    seen = []

    def look(objective, x):
        seen.append(objective.penalty.max() / starts.objective.penalty.max())
        return advance(objective, x)

    random = [value(starts, starts.random(seed)) for seed in seeds]
    made = [relaxed(starts, seed, look) for seed in seeds]
    assert seen == pytest.approx(list(FACTORS) * 8)
    assert np.median([value(starts, params) for params in made]) < np.median(random)
    predictor = starts.objective.likelihood.predictor
    outputs = np.abs([params[: predictor.size][predictor.output_weights] for params in made])
    assert (outputs > 0.0).all()


def test_the_larger_network_is_the_smaller_one_plus_a_unit():
    """Dropping a unit that was added without any weight gives back the network."""
    model = dg.DeepGLM("c ~ x + z", DATA, dg.Poisson(), hidden=(2,), penalty=dg.L2(1.0))
    starts = starts_of(model)
    seen = []

    def look(objective, x):
        seen.append((objective.size, objective.penalty.copy()))
        return advance(objective, x)

    params = one_more(starts, np.random.SeedSequence(0), look)
    ((size, penalty),) = seen
    assert size == starts.objective.size + 4  # intercept, two slopes, weight
    assert penalty.sum() == starts.objective.penalty.sum() + 3.0
    assert np.isfinite(value(starts, params))


def test_units_that_carry_a_pin_are_not_exchanged():
    model = dg.DeepGLM("y ~ x + z", DATA, hidden=(2,), activation="relu")
    assert not possible(starts_of(model))
    assert not possible(starts_of(dg.DeepGLM("y ~ x + z", DATA, hidden=(1,))))


def test_the_table_of_starts():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingleStartWarning)
        results = dg.DeepGLM("y ~ x + z", DATA, hidden=(3,), skip=False).fit(
            inference=None, seed=0, starts=40
        )
    frame = results.starts
    assert list(frame.columns) == [
        "origin", "penalized_llf", "iterations", "status", "optimum", "hits",
    ]  # fmt: skip
    made = {"random", "GLM", "one unit fewer", "one unit more", "strong penalty"}
    assert made <= set(frame.origin)
    assert frame.index.is_unique and frame.index.is_monotonic_increasing
    best = frame[frame.optimum == 1]
    assert best.penalized_llf.max() == pytest.approx(results.penalized_llf, abs=1e-3)
    assert (best.hits == len(best)).all()
    assert (frame.status[frame.optimum == 0] == "dropped").all()
    near = results.modes
    assert near.shape == (len(results.params), len(near.attrs["hits"]))
    np.testing.assert_allclose(near[1], results.params, rtol=1e-2, atol=1e-3)
    gaps = results.penalized_llf - np.array(near.attrs["penalized_llf"])
    assert (gaps < 4.01).all() and (np.diff(gaps) > 0).all()
    scale = results._estimate.scale_objective
    for number, llf in zip(near.columns, near.attrs["penalized_llf"], strict=True):
        # the dispersion at another mode is not this one's: its profile is at least as high
        assert results.model.penalized_loglike(near[number], scale) <= llf + 1e-6


def test_optima_are_told_apart_by_their_objective():
    class Outcome:
        finished = True

        def __init__(self, value):
            self.value = value

    runs = [
        Run(np.zeros(1), Outcome(v), k, "random", kept)
        for k, (v, kept) in enumerate(
            [(1.0, True), (1.004, True), (1.5, True), (2.0, False), (5.5, True), (9.0, True)]
        )
    ]
    assert optima(runs) == [1, 1, 2, 0, 3, 4]
    assert [mode.hits for mode in modes(runs)] == [2, 1]


def test_weighted_quantiles_are_those_of_numpy():
    rng = np.random.default_rng(0)
    for n in (1, 2, 7, 50):
        freq = np.r_[1.0, rng.integers(0, 4, n - 1)]
        a, place = rng.standard_normal((3, n)).round(1), rng.uniform(size=3)
        expected = [
            np.quantile(row, p, method="inverted_cdf", weights=freq)
            for row, p in zip(a, place, strict=True)
        ]
        np.testing.assert_array_equal(_quantiles(a, place, freq), expected)


def test_many_rows_are_thinned_evenly():
    n = 200_000
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"x": np.arange(n) / n, "y": rng.normal(size=n)})
    rows = dg.DeepGLM("y ~ x", data, hidden=())._data.rows
    few = thinned(rows)
    assert 65_536 <= few.n < 2 * 65_536
    assert np.ptp(few.designs[0][1]) > 0.999 * np.ptp(rows.designs[0][1])
    assert thinned(few) is few
