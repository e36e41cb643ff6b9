"""What a prediction refuses, and which rows it leaves as NaN in their place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.errors import (
    DataError,
    MissingColumnError,
    MissingDataError,
    SpecificationError,
    UnseenLevelError,
)
from tests.bad_input.refusal import changed, refused

pytestmark = pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")


@pytest.fixture(params=[(), (1,)], ids=["glm", "network"])
def fit(request: pytest.FixtureRequest, data: pd.DataFrame) -> Any:
    return dg.DeepGLM(
        "y ~ x + g", data, family=dg.Poisson(), exposure="e", hidden=request.param
    ).fit(inference=None, starts=2)


def unnamed(data: pd.DataFrame, **roles: Any) -> Any:
    return dg.DeepGLM("y ~ x", data, family=dg.Poisson(), hidden=(), **roles).fit()


def test_missing_columns(fit: Any, data: pd.DataFrame) -> None:
    with refused(MissingColumnError, KeyError, "'g'", "which have 'x', 'e'"):
        fit.predict(data[["x", "e"]])
    with refused(MissingColumnError, KeyError, "exposure='e'", "'x', 'g'", "exposure="):
        fit.predict(data[["x", "g"]])
    with refused(MissingColumnError, KeyError, "exposure='q'"):
        fit.predict(data, exposure="q")
    assert np.isfinite(fit.predict(data[["x", "g"]], exposure=2.0)).all()


def test_no_rows(fit: Any, data: pd.DataFrame) -> None:
    with refused(DataError, ValueError, "no rows"):
        fit.predict(data.iloc[:0])


def test_unseen_levels(fit: Any, data: pd.DataFrame) -> None:
    with refused(UnseenLevelError, ValueError, "'g'", "'d'", "'r2'", "'a', 'b', 'c'"):
        fit.predict(changed(data, "g", "r2", "d"))


def test_a_missing_input_is_nan_in_place(fit: Any, data: pd.DataFrame) -> None:
    new = data.iloc[2:9].copy()
    right = fit.predict(new)
    for column in ("x", "g", "e"):
        spoiled = changed(new, column, "r4", None if column == "g" else np.nan)
        predicted = fit.predict(spoiled)
        assert list(predicted.index) == list(new.index)
        assert np.isnan(predicted["r4"])
        np.testing.assert_array_equal(predicted.drop("r4"), right.drop("r4"))
        again = fit.model.predict(fit.params, spoiled)
        np.testing.assert_array_equal(np.isnan(again), predicted.isna())


def test_exposures_of_new_rows(fit: Any, data: pd.DataFrame) -> None:
    for value in (0.0, -1.0, np.inf):
        with refused(DataError, ValueError, f"exposure has the value {value} in row 'r3'"):
            fit.predict(changed(data, "e", "r3", value))
    with refused(DataError, ValueError, "exposure has 3 values for 30 rows"):
        fit.predict(data, exposure=[1.0, 2.0, 3.0])


def test_infinite_inputs(fit: Any, data: pd.DataFrame) -> None:
    with refused(MissingDataError, ValueError, "'x' has the value -inf in row 'r3'", "NaN"):
        fit.predict(changed(data, "x", "r3", -np.inf))
    with refused(MissingDataError, ValueError, "offset has the value inf in row 'r1'"):
        fit.predict(data, offset=np.where(data.index == "r1", np.inf, 0.0))


@pytest.mark.parametrize("role", ["offset", "exposure"])
def test_roles_without_a_name_are_asked_for(data: pd.DataFrame, role: str) -> None:
    fit = unnamed(data, **{role: data.e.to_numpy()})
    with refused(DataError, ValueError, f"an {role} given as an array", f"pass {role}="):
        fit.predict(data)
    np.testing.assert_allclose(fit.predict(data, **{role: data.e}), fit.mu)
    np.testing.assert_allclose(fit.predict(data, **{role: "e"}), fit.mu)
    np.testing.assert_allclose(fit.predict(data, **{role: data.e[::-1]}), fit.mu)


def test_the_other_role_stays_on_the_models_own_rows(data: pd.DataFrame) -> None:
    """With new exposures the offset is still that of the rows, named or not."""
    for offset in ("z", data.z.to_numpy()):
        fit = unnamed(data, offset=offset, exposure="e")
        rate = fit.predict(exposure=1.0)
        np.testing.assert_allclose(rate * data.e, fit.mu)
        np.testing.assert_allclose(fit.model.predict(fit.params, exposure=1.0), rate)


def test_an_exposure_for_another_link(data: pd.DataFrame) -> None:
    fit = dg.DeepGLM("y ~ x", data, hidden=()).fit()
    for call in (fit.predict, lambda *a, **k: fit.model.predict(fit.params, *a, **k)):
        with refused(SpecificationError, ValueError, "log link", "'identity'"):
            call(data, exposure=2.0)


def test_columns_of_arrays(data: pd.DataFrame) -> None:
    X = data[["x", "z"]]
    fit = dg.DeepGLM.from_arrays(data.y, X, family=dg.Poisson(), hidden=(), add_constant=True).fit()
    with refused(MissingColumnError, KeyError, "no column 'z'", "it has 'x'", "exog.to_numpy()"):
        fit.predict(data[["x"]])
    with refused(DataError, ValueError, "exog has 4 columns", "given 3: 'const', 'x', 'z'"):
        fit.predict(np.ones((2, 4)))
    with refused(DataError, ValueError, "exog has 'a' in row 0", "numbers"):
        fit.predict([["a", "b"]])
    with refused(DataError, ValueError, "no rows"):
        fit.predict(np.empty((0, 2)))
    mu = fit.mu.to_numpy()
    for new in (X, X[["z", "x"]], X.to_numpy(), fit.model.exog, X.to_dict("list"), X.assign(q=1)):
        np.testing.assert_allclose(fit.predict(new), mu)
    np.testing.assert_allclose(fit.predict(X.to_numpy()[0]), mu[:1])
    spoiled = changed(X, "x", "r4", np.nan).convert_dtypes()
    assert fit.predict(spoiled).isna().tolist() == (X.index == "r4").tolist()
