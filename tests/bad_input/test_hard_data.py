"""Data that are hard to fit: each ends in an error, a certified fit, or a warning that says why."""

from __future__ import annotations

import tracemalloc
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.errors import (
    CollinearityWarning,
    ConvergenceWarning,
    DataError,
    DeepGLMWarning,
    ScaleWarning,
    SeparationWarning,
    SingleStartWarning,
    SpecificationError,
)
from deepglm.solvers import Status
from tests.bad_input.refusal import refused

quiet = pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")


def table(n: int = 400, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, u = rng.standard_normal(n), rng.standard_normal(n)
    return pd.DataFrame({"x": x, "u": u, "y": rng.poisson(np.exp(0.3 + 0.4 * x)).astype(float)})


def fitted(formula: str, data: pd.DataFrame, **options: Any) -> tuple[dg.DeepGLMResults, list[Any]]:
    """A fit of counts and the classes of its warnings, in their order."""
    starts = {"starts": 6} if options.get("hidden") else {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = dg.DeepGLM(formula, data, options.pop("family", dg.Poisson()), **options)
        results = model.fit(inference=None, **starts)
    kinds = [one.category for one in caught if one.category is not SingleStartWarning]
    assert all(issubclass(kind, DeepGLMWarning) for kind in kinds), kinds
    assert np.isfinite(results.penalized_llf) and np.isfinite(results.predict()).all()
    return results, kinds


# -- nearly collinear columns ---------------------------------------------------------------------


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("hidden", [(), (2,)])
@pytest.mark.parametrize("family", [dg.Poisson(), dg.Gaussian()])
def test_a_condition_of_1e12(hidden: tuple[int, ...], standardize: bool, family: Any) -> None:
    """A column that differs from another in its twelfth digit is set aside by name."""
    data = table()
    rng = np.random.default_rng(2)
    data["z"] = data.x + 1e-12 * rng.standard_normal(len(data))
    options = {"hidden": hidden, "standardize": standardize, "family": family}
    results, kinds = fitted("y ~ x + u + z", data, **options)
    assert kinds == [CollinearityWarning]
    assert results.converged
    assert np.isnan(results.params["z"]) and np.isnan(results.bse["z"])
    plain = dg.DeepGLM("y ~ x + u", data, family, hidden=hidden, standardize=standardize)
    kept = [not (name == "z" or "[z]" in name) for name in results.params.index]
    again = plain.fit(inference=None, start_params=results.params[kept])
    np.testing.assert_allclose(results.mu, again.mu, rtol=1e-4)


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("hidden", [(), (2,)])
@pytest.mark.parametrize("apart", [1e-5, 1e-6])
def test_a_column_that_is_nearly_another(
    hidden: tuple[int, ...], standardize: bool, apart: float
) -> None:
    """It is named before anything is fitted, and the fit says that it is not certified."""
    data = table()
    data["z"] = data.x + apart * np.random.default_rng(2).standard_normal(len(data))
    with pytest.warns(CollinearityWarning, match=r"nearly determined by earlier columns: 'z'; "):
        model = dg.DeepGLM(
            "y ~ u + x + z", data, dg.Poisson(), hidden=hidden, standardize=standardize
        )
    with pytest.warns(ConvergenceWarning):
        results = model.fit(inference=None, **({"starts": 3} if hidden else {}))
    assert not results.converged and results.bse.isna().all()
    assert set(results.certificate.hardly_determined) >= {"x", "z"}
    assert np.isfinite(results.predict()).all()


def test_columns_that_are_only_alike() -> None:
    data = table()
    data["z"] = data.x + 1e-3 * np.random.default_rng(2).standard_normal(len(data))
    results, kinds = fitted("y ~ x + z", data, hidden=())
    assert kinds == [] and results.converged
    near, warned = fitted("y ~ x + I(1e-3 * x + x ** 2)", data, hidden=())
    assert warned == [] and near.converged


def test_powers_of_a_year() -> None:
    data = table().assign(year=lambda d: 1990.0 + np.arange(len(d)) % 30)
    with (
        pytest.warns(CollinearityWarning, match=r"'I\(year \*\* 3\)'.*centre a variable"),
        pytest.warns(ScaleWarning),
    ):
        dg.DeepGLM("y ~ year + I(year**2) + I(year**3)", data, dg.Poisson(), hidden=())
    formula = "y ~ center(year) + I((year - 2005)**2) + I((year - 2005)**3)"
    results, kinds = fitted(formula, data, hidden=())
    assert kinds == [] and results.converged


# -- one event ------------------------------------------------------------------------------------


@quiet
@pytest.mark.parametrize(
    "n", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)], ids=["few", "a million"]
)
@pytest.mark.parametrize("hidden", [(), (2,)])
def test_one_event(n: int, hidden: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"x": rng.standard_normal(n), "z": rng.standard_normal(n), "y": 0.0})
    data.loc[n // 3, "y"] = 1.0
    model = dg.DeepGLM("y ~ x + z", data, dg.Binomial(), hidden=hidden)
    results = model.fit(inference=None, **({"starts": 2} if hidden else {}))
    assert results.converged
    assert results.mu.sum() == pytest.approx(1.0, rel=1e-6)  # the balance of the one
    assert results.llf > results.llnull


def test_one_event_in_a_cell_of_its_own() -> None:
    data = pd.DataFrame({"g": ["a"] * 999 + ["b"], "y": [0.0] * 999 + [1.0]})
    with pytest.warns(SeparationWarning, match="'g"):
        results = dg.DeepGLM("y ~ g", data, dg.Binomial(), hidden=()).fit()
    assert results.certificate.status is Status.SEPARATED
    assert np.isfinite(results.llf)


# -- many columns ---------------------------------------------------------------------------------


def cells(levels: int, rows: int) -> pd.DataFrame:
    g = np.arange(rows) % levels
    return pd.DataFrame(
        {"g": g, "x": np.sin(np.arange(rows)), "y": 1.0 + (np.arange(rows) * g) % 7}
    )


@pytest.mark.parametrize("levels", [150, pytest.param(1200, marks=pytest.mark.slow)])
def test_a_factor_of_many_levels(levels: int) -> None:
    """Its fitted means are those of the cells."""
    data = cells(levels, 4 * levels)
    results, kinds = fitted("y ~ C(g)", data, hidden=())
    assert kinds == [] and results.converged
    np.testing.assert_allclose(results.mu, data.groupby("g").y.transform("mean"), rtol=1e-8)


def test_too_many_levels() -> None:
    data = cells(20_000, 20_000)
    tracemalloc.start()
    parts = ("the levels of 'C(g)' are 20,000", "10,000 are accepted", "3.2 GB each", "rare levels")
    for hidden in ((), (4,)):
        with refused(SpecificationError, ValueError, *parts):
            dg.DeepGLM("y ~ x + C(g)", data, dg.Poisson(), hidden=hidden)
    with refused(SpecificationError, ValueError, *parts):
        dg.DeepGLM("y ~ x + deep(C(g), units=(2,))", data, dg.Poisson())
    ids = data.assign(g=[f"policy {k}" for k in range(len(data))])
    with refused(SpecificationError, ValueError, "'g' are 20,000", "names the rows"):
        dg.DeepGLM("y ~ x + g", ids, dg.Poisson(), hidden=())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e8  # nothing of that size was made


def test_too_many_columns() -> None:
    data = cells(110, 200).assign(h=lambda d: np.arange(len(d)) % 109)
    with refused(SpecificationError, ValueError, "the columns of 'C(g):C(h)' are 1", "GB each"):
        dg.DeepGLM("y ~ C(g):C(h)", data, dg.Poisson(), hidden=())
    with refused(SpecificationError, ValueError, "the columns of exog are 10,001"):
        dg.DeepGLM.from_arrays(np.zeros(3), np.zeros((3, 10_001)), hidden=())


@pytest.mark.parametrize("hidden", [(60,), (100, 100)])
def test_too_many_parameters(hidden: tuple[int, ...]) -> None:
    data = cells(170, 340)
    formula = "y ~ C(g)" if hidden == (60,) else "y ~ x"
    inside = "169 x 60" if hidden == (60,) else "1 x 100, 100 x 100"
    parts = (f"(inputs x units of its layers: {inside})", "10,000 are accepted", "fewer units")
    with refused(SpecificationError, ValueError, *parts):
        dg.DeepGLM(formula, data, dg.Poisson(), hidden=hidden)


# -- few rows, few weights ------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["freq_weights", "var_weights"])
@pytest.mark.parametrize("hidden", [(), (2,)])
def test_weights_that_leave_a_few_rows(role: str, hidden: tuple[int, ...]) -> None:
    """Rows of weight zero are not there."""
    data = table(60)
    data["w"] = (np.arange(60) < 9).astype(float)
    results, kinds = fitted("y ~ x", data, hidden=hidden, **{role: "w"})
    few, same = fitted("y ~ x", data[:9], hidden=hidden)
    assert kinds == same
    if not hidden:
        np.testing.assert_allclose(results.params, few.params, rtol=1e-8)
    assert results.df_resid == pytest.approx(few.df_resid, rel=1e-4)


def test_weights_that_leave_fewer_rows_than_columns() -> None:
    data = table(60)
    data["w"] = (np.arange(60) < 2).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollinearityWarning)
        results = dg.DeepGLM("y ~ x + u", data, dg.Poisson(), hidden=(), freq_weights="w").fit()
    assert results.params.isna().sum() == 1


@pytest.mark.parametrize("family", [dg.Poisson(), dg.Gaussian()])
def test_more_units_than_rows(family: Any) -> None:
    data = table(15)
    results, kinds = fitted("y ~ x + u", data, hidden=(20,), family=family)
    assert kinds == [] if results.converged else kinds == [ConvergenceWarning]
    assert results.edf < 15 + 1e-6
    with refused(SpecificationError, ValueError, "parameters without a penalty and 15 rows"):
        dg.DeepGLM("y ~ x + u", data, family, hidden=(20,), penalty=None)


# -- penalties that the data choose ---------------------------------------------------------------


def test_evidence_is_for_one_hidden_layer() -> None:
    model = dg.DeepGLM("y ~ x + u", table(), dg.Poisson(), hidden=(2, 2), penalty="evidence")
    with refused(SpecificationError, ValueError, "one hidden layer", "penalty='validation'"):
        model.fit(inference=None)
    several = "y ~ deep(x, units=(2,)) + deep(u, units=(2, 2))"
    with refused(SpecificationError, ValueError, "one hidden layer", "penalty='validation'"):
        dg.DeepGLM(several, table(), dg.Poisson(), penalty="evidence").fit(inference=None)


def test_validation_needs_rows_to_hold_out() -> None:
    for rows in (2, 4):
        model = dg.DeepGLM("y ~ x", table(rows), dg.Poisson(), hidden=(1,), penalty="validation")
        with refused(DataError, ValueError, "holds out", f"{rows}", "penalty='weak'"):
            model.fit(inference=None)
    few, _ = fitted("y ~ x", table(12), hidden=(1,), penalty="validation")
    assert np.isfinite(few.penalty_groups.precision).all()


@pytest.mark.parametrize("penalty", ["evidence", "validation", "weak", None])
def test_without_hidden_layers_a_named_penalty_has_nothing_to_choose(penalty: Any) -> None:
    results, kinds = fitted("y ~ x + u", table(), hidden=(), penalty=penalty)
    assert kinds == [] and results.converged
    plain, _ = fitted("y ~ x + u", table(), hidden=())
    np.testing.assert_array_equal(results.params, plain.params)
    with refused(dg.errors.NotAvailableError, NotImplementedError, "penalty_groups"):
        assert results.penalty_groups is None
