"""What is warned about and fitted, and that a warning points at the user's line."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.errors import (
    CollinearityWarning,
    DeepGLMWarning,
    DroppedRowsWarning,
    ScaleWarning,
)
from tests.bad_input.refusal import changed


class Mine(dg.DeepGLM):
    """A user's subclass."""


def by_constructor(formula: str, data: pd.DataFrame, **options: Any) -> tuple[Any, int]:
    return dg.DeepGLM(formula, data, **options), _line()


def by_subclass(formula: str, data: pd.DataFrame, **options: Any) -> tuple[Any, int]:
    return Mine(formula, data, **options), _line()


def by_from_formula(formula: str, data: pd.DataFrame, **options: Any) -> tuple[Any, int]:
    return dg.DeepGLM.from_formula(formula, data, **options), _line()


def by_from_arrays(formula: str, data: pd.DataFrame, **options: Any) -> tuple[Any, int]:
    names = formula.partition("~")[2].replace(" ", "").split("+")
    exog = data[names].assign(const=1.0)[["const", *names]]
    return dg.DeepGLM.from_arrays(data.y, exog, **options), _line()


def _line() -> int:
    frame = inspect.currentframe()
    assert frame is not None and frame.f_back is not None
    return frame.f_back.f_lineno


WAYS = [by_constructor, by_subclass, by_from_formula, by_from_arrays]
Way = Callable[..., tuple[Any, int]]


def warned(way: Way, category: type[DeepGLMWarning], *args: Any, **options: Any) -> tuple[Any, str]:
    """The model and the one warning, which has to point at the line of the call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model, line = way(*args, family=dg.Poisson(), hidden=(), **options)
    assert [one.category for one in caught] == [category]
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)
    assert issubclass(category, DeepGLMWarning) and issubclass(category, UserWarning)
    return model, str(caught[0].message)


@pytest.mark.parametrize("way", WAYS)
def test_dropped_rows_are_counted_and_their_columns_named(way: Way, data: pd.DataFrame) -> None:
    spoiled = changed(changed(data, "x", "r4", np.nan), "y", "r7", np.nan)
    spoiled = changed(spoiled, "e", "r7", np.nan)
    model, message = warned(way, DroppedRowsWarning, "y ~ x + z", spoiled, offset=spoiled.e)
    assert message == ("2 of 30 rows have a missing value and were left out (in 'y', 'x', offset).")
    assert model.nobs == 28
    fit = model.fit(inference=None)
    assert list(fit.resid_response.index) == [r for r in data.index if r not in ("r4", "r7")]


@pytest.mark.parametrize("way", WAYS)
def test_collinear_columns_are_named(way: Way, data: pd.DataFrame) -> None:
    twice = data.assign(double=2 * data.x, both=data.x + data.z)
    model, message = warned(way, CollinearityWarning, "y ~ x + double + z + both", twice)
    assert "earlier columns determine them: 'double', 'both'." in message
    fit, plain = model.fit(), by_constructor("y ~ x + z", data, family=dg.Poisson(), hidden=())
    assert fit.converged
    np.testing.assert_allclose(fit.mu, plain[0].fit(inference=None).mu)


@pytest.mark.parametrize("way", WAYS)
def test_scales_that_differ_by_a_million(way: Way, data: pd.DataFrame) -> None:
    far = data.assign(x=1e8 * data.x)
    model, message = warned(way, ScaleWarning, "y ~ x + z", far)
    assert "'x'" in message and "'z'" in message and "million" in message
    fit, plain = model.fit(), by_constructor("y ~ x + z", data, family=dg.Poisson(), hidden=())
    np.testing.assert_allclose(fit.mu, plain[0].fit(inference=None).mu)
    assert fit.converged


def test_collinear_inputs_of_hidden_layers(data: pd.DataFrame) -> None:
    twice = data.assign(double=2 * data.x)
    with pytest.warns(CollinearityWarning, match=r"'double'"):
        model = dg.DeepGLM("y ~ z + deep(x + double, units=(1,))", twice, family=dg.Poisson())
    fit = model.fit(inference=None, starts=5)
    assert fit.converged
    assert fit.params[["layer1.unit1[double]"]].isna().all()
    alone = dg.DeepGLM("y ~ z + deep(x, units=(1,))", data, family=dg.Poisson()).fit(
        inference=None, starts=5
    )
    np.testing.assert_allclose(fit.mu, alone.mu, rtol=1e-5)


def test_nothing_to_warn_about(data: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dg.DeepGLM("y ~ x + z + g", data, family=dg.Poisson(), hidden=()).fit().converged
