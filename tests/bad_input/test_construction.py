"""What a model refuses before anything is fitted: what was found, what is needed, what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.errors import (
    DataError,
    FormulaError,
    MissingColumnError,
    MissingDataError,
    SpecificationError,
)
from tests.bad_input.refusal import changed, refused


def glm(data: Any, formula: Any = "y ~ x + z", **options: Any) -> dg.DeepGLM:
    return dg.DeepGLM(formula, data, **{"family": dg.Poisson(), "hidden": (), **options})


def arrays(endog: Any, exog: Any, **options: Any) -> dg.DeepGLM:
    return dg.DeepGLM.from_arrays(endog, exog, **{"family": dg.Poisson(), "hidden": (), **options})


# -- tables -------------------------------------------------------------------------------------


def test_no_rows(data: pd.DataFrame) -> None:
    for empty in (data.iloc[:0], {}, {"y": [], "x": [], "z": []}):
        with refused(DataError, ValueError, "no rows", "Pass at least one"):
            glm(empty)
    with refused(DataError, ValueError, "endog has no rows"):
        arrays(np.empty(0), np.empty((0, 2)))
    with refused(DataError, ValueError, "shape (30, 0)", "one column"):
        arrays(data.y, np.empty((30, 0)))


@pytest.mark.parametrize("table", [None, [1, 2], np.ones((3, 2)), 4.0])
def test_no_table(table: Any) -> None:
    with refused(DataError, ValueError, type(table).__name__, "DataFrame"):
        glm(table)


def test_no_formula(data: pd.DataFrame) -> None:
    with refused(FormulaError, ValueError, "NoneType", "'y ~ a + b'", "from_arrays"):
        glm(data, None)
    with refused(FormulaError, ValueError, "no '~'"):
        glm(data, "x + z")


def test_missing_columns(data: pd.DataFrame) -> None:
    with refused(MissingColumnError, KeyError, "'q'", "which have 'y', 'x'", "Add the column"):
        glm(data, "y ~ x + q")
    with refused(MissingColumnError, KeyError, "'yy'", "Did you mean 'y'?"):
        glm(data, "yy ~ x")


@pytest.mark.parametrize("role", ["offset", "exposure", "freq_weights", "var_weights"])
def test_missing_columns_of_a_role(data: pd.DataFrame, role: str) -> None:
    with refused(MissingColumnError, KeyError, f"{role}='zz'", "Did you mean 'z'?", f"{role}=."):
        glm(data, **{role: "zz"})
    with refused(MissingColumnError, KeyError, f"{role}='e'", "which have 'x', 'z'"):
        arrays(data.y, data[["x", "z"]], **{role: "e"})
    with refused(MissingColumnError, KeyError, "no column names"):
        arrays(data.y, data[["x", "z"]].to_numpy(), **{role: "e"})


def test_two_columns_of_one_name(data: pd.DataFrame) -> None:
    with refused(DataError, ValueError, "more than one column called 'x'", "Rename"):
        glm(data.rename(columns={"m": "x"}))
    with refused(DataError, ValueError, "'x'", "Rename"):
        arrays(data.y, data.rename(columns={"z": "x"})[["x"]])
    with refused(DataError, ValueError, "'a'", "Rename"):
        arrays(data.y, data[["x", "z"]], exog_names=["a", "a"])


def test_columns_of_different_lengths() -> None:
    with refused(DataError, ValueError, "'y' has 3 rows", "'x' has 2"):
        glm({"y": [1.0, 2.0, 3.0], "x": [1.0, 2.0]}, "y ~ x")


# -- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["y", "x", "e", "w"])
def test_missing_values_are_refused_on_request(data: pd.DataFrame, column: str) -> None:
    spoiled = changed(data, column, "r3", np.nan)
    with refused(MissingDataError, ValueError, f"'{column}'", "nan", "'r3'", "missing='drop'"):
        glm(spoiled, missing="raise", exposure="e", freq_weights="w")


def test_a_missing_level_is_named_by_its_variable(data: pd.DataFrame) -> None:
    with refused(MissingDataError, ValueError, "'g[T.b]' (made from 'g')", "'r3'"):
        glm(changed(data, "g", "r3", None), "y ~ g", missing="raise")


@pytest.mark.parametrize("column", ["y", "x", "e", "w"])
@pytest.mark.parametrize("missing", ["drop", "raise"])
def test_infinity_is_never_missing(data: pd.DataFrame, column: str, missing: str) -> None:
    spoiled = changed(changed(data, column, "r3", np.inf), column, "r5", -np.inf)
    with refused(MissingDataError, ValueError, f"'{column}'", "inf", "'r3' (and 1 more)"):
        glm(spoiled, missing=missing, offset="e", var_weights="w")


def test_nothing_left(data: pd.DataFrame) -> None:
    half = data.assign(x=data.x.where(data.g == "a"), z=data.z.where(data.g != "a"))
    with refused(DataError, ValueError, "every row has a missing value", "'x', 'z'"):
        glm(half)


@pytest.mark.parametrize(
    ("family", "value", "needed"),
    [
        (dg.Poisson(), -1.0, "zero or more"),
        (dg.Gamma(), 0.0, "positive"),
        (dg.InverseGaussian(), -2.0, "positive"),
        (dg.Binomial(), 1.5, "from 0 to 1"),
        (dg.NegativeBinomial(alpha=1.0), -3.0, "zero or more"),
    ],
)
def test_responses_outside_the_support(
    data: pd.DataFrame, family: Any, value: float, needed: str
) -> None:
    fine = data.assign(y=data.x.abs().clip(0.1, 0.9))
    spoiled = changed(fine, "y", "r7", value)
    name = type(family).__name__
    with refused(DataError, ValueError, f"{value} in row 'r7'", name, needed, "Correct or leave"):
        glm(spoiled, family=family)
    with refused(DataError, ValueError, "row 'r7'"):
        arrays(spoiled.y, spoiled[["x"]], family=family)


@pytest.mark.filterwarnings("ignore::deepglm.errors.DroppedRowsWarning")
def test_rows_keep_their_labels_after_subset_and_dropping(data: pd.DataFrame) -> None:
    spoiled = changed(changed(data, "x", "r4", np.nan), "y", "r7", -1.0)
    with refused(DataError, ValueError, "row 'r7'"):
        glm(spoiled, subset=np.arange(30) > 2)
    spoiled = changed(changed(data, "x", "r4", np.nan), "e", "r7", -1.0)
    for role in ("exposure", "var_weights", "freq_weights"):
        with refused(DataError, ValueError, f"{role} 'e'", "-1.0 in row 'r7'"):
            glm(spoiled, subset=np.arange(30) > 2, **{role: "e"})


def test_rows_without_labels_are_numbered(data: pd.DataFrame) -> None:
    columns = {name: data[name].to_numpy() for name in ("y", "x", "z")}
    columns["y"] = columns["y"].copy()
    columns["y"][7] = -1.0
    with refused(DataError, ValueError, "row 7"):
        glm(columns)


def test_counts(data: pd.DataFrame) -> None:
    with refused(DataError, ValueError, "'y + m'", "[-1.0,", "'r3'", "negative"):
        glm(changed(data, "y", "r3", -1.0), "y + m ~ x", family=dg.Binomial())
    with refused(DataError, ValueError, "two columns", "Poisson", "Binomial()"):
        glm(data, "y + m ~ x")
    with refused(DataError, ValueError, "3 columns", "one, or two"):
        glm(data, "y + m + e ~ x", family=dg.Binomial())
    with refused(DataError, ValueError, "no trial"):
        glm(data.assign(y=0.0, m=0.0), "y + m ~ x", family=dg.Binomial())


def test_labels_need_a_binomial_family(data: pd.DataFrame) -> None:
    labels = data.assign(y=np.where(data.x > 0, "yes", "no"))
    with refused(DataError, ValueError, "'no' and 'yes'", "Poisson", "Binomial()"):
        glm(labels)
    with refused(DataError, ValueError, "'no' and 'yes'", "Gaussian"):
        arrays(labels.y.tolist(), data[["x"]], family=None)
    with refused(DataError, ValueError, "3 levels"):
        glm(data.assign(y=data.g), family=dg.Binomial())


@pytest.mark.parametrize(
    ("family", "value"),
    [(dg.Poisson(), 0.0), (dg.Binomial(), 1.0), (dg.Binomial(), 0.0), (dg.Gaussian(), 2.0)]
    + [(dg.Gamma(), 3.0)],
)
def test_a_constant_response(data: pd.DataFrame, family: Any, value: float) -> None:
    with refused(DataError, ValueError, f"'y' is {value:g} in every row", "Check the response"):
        glm(data.assign(y=value), family=family)
    with refused(DataError, ValueError, f"'y' is {value:g} in every row"):
        glm(data.assign(y=value), "y ~ 0 + g + x", family=family)
    with refused(DataError, ValueError, f"'y' is {value:g} in every row"):
        glm(data.assign(y=value), family=family, hidden=(2,))


def test_a_constant_response_that_can_be_fitted(data: pd.DataFrame) -> None:
    """A count of 2 everywhere; no intercept; an offset that varies."""
    assert glm(data.assign(y=2.0)).fit(inference=None).converged
    assert glm(data.assign(y=1.0), "y ~ 0 + x", family=dg.Gaussian()).fit(inference=None).converged
    assert glm(data.assign(y=1.0), family=dg.Gaussian(), offset="e").fit(inference=None).converged


# -- weights, offset, exposure ------------------------------------------------------------------


@pytest.mark.parametrize("role", ["freq_weights", "var_weights"])
def test_weights(data: pd.DataFrame, role: str) -> None:
    with refused(DataError, ValueError, f"{role} 'w' has the value -1.0 in row 'r3'", "subset="):
        glm(changed(data, "w", "r3", -1.0), **{role: "w"})
    with refused(DataError, ValueError, f"{role} 'w'", "inf in row 'r3'"):
        glm(changed(data, "w", "r3", np.inf), **{role: "w"})
    with refused(DataError, ValueError, f"{role} 'w' is zero in every row"):
        glm(data.assign(w=0.0), **{role: "w"})
    with refused(DataError, ValueError, f"{role} has the value -1.0 in row 'r2'"):
        glm(data, **{role: [1.0, 1.0, -1.0] * 10})


def test_no_row_that_counts(data: pd.DataFrame) -> None:
    first = np.arange(30) < 15
    with refused(DataError, ValueError, "weight", "Look at the weights"):
        glm(data, var_weights=first * 1.0, freq_weights=~first * 1.0)


@pytest.mark.parametrize("value", [0.0, -0.5])
def test_exposures(data: pd.DataFrame, value: float) -> None:
    with refused(DataError, ValueError, f"exposure 'e' has the value {value} in row 'r3'"):
        glm(changed(data, "e", "r3", value), exposure="e")
    with refused(DataError, ValueError, f"exposure has the value {value} in row 'r3'"):
        glm(data, exposure=changed(data, "e", "r3", value).e)


def test_an_exposure_needs_the_log_link(data: pd.DataFrame) -> None:
    with refused(SpecificationError, ValueError, "'identity'", "offset=", "var_weights="):
        glm(data, family=dg.Gaussian(), exposure="e")


@pytest.mark.parametrize("role", ["offset", "exposure", "freq_weights", "var_weights"])
def test_shapes_and_types_of_roles(data: pd.DataFrame, role: str) -> None:
    with refused(DataError, ValueError, f"{role} has 5 values for 30 rows"):
        glm(data, **{role: np.ones(5)})
    with refused(DataError, ValueError, f"{role} has shape (30, 2) for 30 rows"):
        glm(data, **{role: np.ones((30, 2))})
    with refused(DataError, ValueError, f"{role} 'g' has 'a' in row 'r0'", "numbers"):
        glm(data, **{role: "g"})
    with refused(DataError, ValueError, f"{role} has '2' in row 'r0'", "numbers"):
        glm(data, **{role: ["2"] * 30})
    with refused(DataError, ValueError, f"{role} is a Series", "no row 'r0'", f"{role}.to_numpy()"):
        glm(data, **{role: data.w.reset_index(drop=True)})
    twice = pd.concat([data.w, data.w[:1]])
    with refused(DataError, ValueError, f"{role} is a Series", "more than once"):
        glm(data, **{role: twice})


# -- subset -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subset", "parts"),
    [
        ([True, False], ("2 truth values for 30 rows",)),
        (["r1", "q"], ("the row 'q'", "not in the data")),
        ([1, 2], ("the row 1",)),
        (["r1", "r1", "r2"], ("the row 'r1' twice", "freq_weights=")),
        (np.zeros(30, dtype=bool), ("leaves no rows",)),
        ([], ("leaves no rows",)),
        ("x > 0", ("subset='x > 0'", "data['x'] > 0")),
        (slice(0, 5), ("one truth value per row",)),
        (pd.array([True, None] * 15, dtype="boolean"), ("15 missing truth values", "fillna")),
        (np.ones((30, 2), dtype=bool), ("one truth value per row",)),
    ],
)
def test_subsets(data: pd.DataFrame, subset: Any, parts: tuple[str, ...]) -> None:
    with refused(DataError, ValueError, *parts):
        glm(data, subset=subset)
    with refused(DataError, ValueError, *parts):
        arrays(data.y, data[["x", "z"]], subset=subset)


def test_a_subset_of_other_labels(data: pd.DataFrame) -> None:
    with refused(DataError, ValueError, "subset is a Series", "no row 'r0'", "subset.to_numpy()"):
        glm(data, subset=(data.x > 0).reset_index(drop=True))


# -- arrays -------------------------------------------------------------------------------------


def test_arrays_that_do_not_match(data: pd.DataFrame) -> None:
    X = data[["x", "z"]]
    with refused(DataError, ValueError, "endog has 5 rows and exog has 30"):
        arrays(data.y.to_numpy()[:5], X)
    with refused(DataError, ValueError, "different labels", "endog.reindex(exog.index)"):
        arrays(data.y[::-1], X)
    with refused(DataError, ValueError, "2 columns and exog_names has 1 names"):
        arrays(data.y, X, exog_names=["a"])
    with refused(DataError, ValueError, "shape (30, 2, 2)"):
        arrays(data.y, np.ones((30, 2, 2)))
    with refused(DataError, ValueError, "3 dimensions"):
        arrays(np.ones((30, 2, 2)), X)
    with refused(DataError, ValueError, "exog cannot be read"):
        arrays(data.y, [[1.0, 2.0], [1.0]])
    with refused(DataError, ValueError, "exog has 'a' in row 'r0'"):
        arrays(data.y, data[["g"]])
    with refused(DataError, ValueError, "numbers are needed"):
        arrays(data.y, data[["x"]].astype(complex).to_numpy())


def test_a_second_constant(data: pd.DataFrame) -> None:
    for exog in (
        np.column_stack((np.ones(30), data.x)),
        data[["x"]].assign(five=5.0),
        data[["x"]].rename(columns={"x": "const"}),
    ):
        with refused(DataError, ValueError, "constant", "Leave add_constant out"):
            arrays(data.y, exog, add_constant=True)


# -- keywords -----------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [(0,), (-1,), (2.5,), "4", None, (True,), (4, 0)])
def test_units(data: pd.DataFrame, hidden: Any) -> None:
    with refused(SpecificationError, ValueError, f"hidden={hidden!r}", "positive whole", "(4,)"):
        glm(data, hidden=hidden)
    with refused(SpecificationError, ValueError, f"hidden={hidden!r}"):
        arrays(data.y, data[["x"]], hidden=hidden)


@pytest.mark.parametrize("units", ["(0,)", "(-1,)", "(2.5,)"])
def test_units_of_a_deep_term(data: pd.DataFrame, units: str) -> None:
    with refused(FormulaError, ValueError, f"units={units}", "units=(8,)"):
        dg.DeepGLM(f"y ~ deep(x, units={units})", data)


def test_deep_beside_hidden(data: pd.DataFrame) -> None:
    with refused(FormulaError, ValueError, "hidden=(3,)", "'deep(x, units=(3,))'"):
        glm(data, "y ~ deep(x)", hidden=(3,))
    with refused(FormulaError, ValueError, "hidden=()", "Leave hidden= out"):
        glm(data, "y ~ deep(x)", hidden=())


@pytest.mark.parametrize("hidden", [(), (2,)])
def test_unknown_activations(data: pd.DataFrame, hidden: tuple[int, ...]) -> None:
    with refused(SpecificationError, ValueError, "'tnah'", "did you mean 'tanh'", "softplus"):
        glm(data, hidden=hidden, activation="tnah")
    with refused(SpecificationError, ValueError, "activation=3"):
        arrays(data.y, data[["x"]], hidden=hidden, activation=3)


def test_activations_of_another_number_of_layers(data: pd.DataFrame) -> None:
    with refused(SpecificationError, ValueError, "2 layers and there are 1", "one per layer"):
        glm(data, hidden=(2,), activation=("tanh", "tanh"))


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"family": "poisson"}, ("family='poisson'", "Poisson", "deepglm.families")),
        ({"penalty": "strong"}, ("penalty='strong'", "'weak'", "L2")),
        ({"penalty": 3.0}, ("penalty=3.0", "L2(alpha)")),
        ({"missing": "omit"}, ("missing='omit'", "'drop'", "'raise'")),
        ({"standardize": "no"}, ("standardize='no'", "True and False")),
        ({"skip": "no", "hidden": (2,)}, ("skip='no'", "True and False")),
    ],
)
def test_unknown_words(data: pd.DataFrame, options: dict[str, Any], parts: tuple[str, ...]) -> None:
    with refused(SpecificationError, ValueError, *parts):
        glm(data, **options)
    with refused(SpecificationError, ValueError, *parts):
        arrays(data.y, data[["x"]], **options)


def test_a_truth_value_for_the_constant(data: pd.DataFrame) -> None:
    with refused(SpecificationError, ValueError, "add_constant='yes'"):
        arrays(data.y, data[["x"]], add_constant="yes")


def test_more_parameters_than_maximum_likelihood_can_carry(data: pd.DataFrame) -> None:
    with refused(SpecificationError, ValueError, "83 parameters", "30 rows", "penalty='weak'"):
        glm(data, hidden=(20,), penalty=None)
    few = np.arange(30) < 4
    with refused(SpecificationError, ValueError, "4 rows"):
        glm(data, "y ~ x", hidden=(2,), penalty=None, freq_weights=few * 1.0)


def test_nothing_to_estimate(data: pd.DataFrame) -> None:
    with refused(DataError, ValueError, "nothing to estimate", "'1'"):
        glm(data, "y ~ 0")


@pytest.mark.filterwarnings("ignore::deepglm.errors.CollinearityWarning")
def test_hidden_layers_without_inputs(data: pd.DataFrame) -> None:
    with refused(DataError, ValueError, "has no column", "hidden=()"):
        dg.DeepGLM("y ~ 1", data)
    with refused(DataError, ValueError, "one value in every row"):
        dg.DeepGLM("y ~ x + deep(w)", data)
    with refused(DataError, ValueError, "has no column"):
        arrays(data.y, np.ones(30), hidden=(2,))


def test_identity_layers_that_repeat(data: pd.DataFrame) -> None:
    with refused(SpecificationError, ValueError, "2 identity units", "another activation"):
        glm(data, hidden=(2,), activation="identity", skip=False)
    with refused(SpecificationError, ValueError, "skip=False", "another activation"):
        glm(data, hidden=(1,), activation="identity")


def test_a_penalty_of_the_wrong_shape(data: pd.DataFrame) -> None:
    class Odd:
        def precision(self, kinds: Any) -> Any:
            return np.ones(2)

    with refused(SpecificationError, ValueError, "shape (2,)", "one per coefficient"):
        glm(data, penalty=Odd())


# -- nothing half-done --------------------------------------------------------------------------


def test_a_refusal_leaves_the_data_as_they_were(data: pd.DataFrame) -> None:
    before = data.copy()
    for options in ({"exposure": "g"}, {"family": dg.Binomial()}, {"penalty": "strong"}):
        with pytest.raises(ValueError, match=r"."):
            glm(data, **options)
    pd.testing.assert_frame_equal(data, before)
