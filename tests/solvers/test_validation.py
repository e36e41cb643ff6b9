"""A penalty chosen on rows held out: the walk, the choice, and the fit of all rows."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.errors import SingleStartWarning
from deepglm.penalties import Grouped, Validation
from deepglm.solvers.validation import _parts


def table(n, seed=0, noise=0.5):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n)})
    frame["g"] = rng.choice(list("abc"), n)
    frame["y"] = np.sin(1.5 * frame.x) + 0.5 * frame.x * frame.z + noise * rng.normal(size=n)
    return frame


def fit(data, penalty="validation", hidden=(3, 2), **how):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingleStartWarning)
        return dg.DeepGLM("y ~ x + z + g", data, hidden=hidden, penalty=penalty).fit(
            inference=None, **how
        )


def test_the_best_of_the_grid_is_kept_and_all_rows_are_fitted():
    data = table(300)
    results = fit(data, starts=4)
    groups = results.penalty_groups
    grid = groups.attrs["grid"]
    best = max(grid, key=lambda one: one[1])[0]
    assert results.penalty == Grouped(best, 0.75 * best)
    assert results.certificate.certified
    assert results.nobs == 300
    again = fit(data, penalty=results.penalty, starts=4)
    assert results.penalized_llf > again.penalized_llf - 5
    values = [one[0] for one in grid]
    assert values == sorted(values)
    assert len(values) <= values.index(best) + 3
    # what was learnt falls as the penalty rises: the walk is one of optima
    learnt = [one[2] for one in grid]
    assert learnt[0] > learnt[-1]


def test_a_walk_ends_after_two_worse_values():
    noise = table(300)
    noise["y"] = np.random.default_rng(99).normal(size=300)
    strong = fit(noise, starts=2).penalty
    assert strong.rest >= 10.0
    one = fit(noise, penalty=Validation(grid=(5.0,)), starts=2)
    assert one.penalty == Grouped(5.0, 3.75)


def test_the_end_of_a_grid_is_named():
    results = fit(table(300), penalty=Validation(grid=(100.0, 300.0)), starts=2)
    assert "end of the grid" in str(results.summary()).replace("\n", " ")


@pytest.mark.parametrize(("n", "folds"), [(200, 10), (4900, 10), (5000, 1), (20_000, 1)])
def test_small_parts_are_held_out_in_turn(n, folds):
    data = dg.DeepGLM("y ~ x", table(n), hidden=())._data.rows
    parts = _parts(data, 0.1, np.random.default_rng(0))
    assert len(parts) == folds
    held = np.sum(parts, axis=0)
    assert held.max() == 1
    assert held.sum() == (n if folds > 1 else round(0.1 * n))


def test_rows_that_do_not_count_are_not_held_out():
    data = table(100).assign(w=np.r_[np.zeros(60), np.ones(40)])
    rows = dg.DeepGLM("y ~ x", data, hidden=(), freq_weights="w")._data.rows
    parts = _parts(rows, 0.25, np.random.default_rng(0))
    assert not any(part[:60].any() for part in parts)


def test_too_few_rows_are_an_error():
    with pytest.raises(dg.errors.DataError, match="at least one row must be held out"):
        fit(table(4), hidden=(1,))


def test_same_seed_same_bits_and_another_seed_other_rows():
    data = table(200)
    a, b, c = (fit(data, seed=seed, starts=2) for seed in (1, 1, 2))
    assert (a.params == b.params).all()
    grids = [one.penalty_groups.attrs["grid"][0] for one in (a, b, c)]
    assert grids[0] == grids[1] != grids[2]
