import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from deepglm.errors import FormulaError, UnseenLevelError
from deepglm.formula import learn_response


@pytest.mark.parametrize("lhs", ["y", "np.log(z)", "I(y + z)", "Q('odd name')", "k", "center(y)"])
def test_one_column(rows, lhs):
    response, y = learn_response(lhs, rows, {"np": np})
    model = smf.glm(f"{lhs} ~ 1", rows)
    assert response.names == (model.endog_names,)
    assert y.shape == (60,)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, model.endog, rtol=1e-12)
    np.testing.assert_array_equal(response.build(rows.iloc[3:5]), y[3:5])


def test_two_columns(rows):
    data = rows.assign(failures=10 - rows["k"])
    response, y = learn_response("k + failures", data, {})
    model = smf.glm("k + failures ~ 1", data)
    assert list(response.names) == list(model.endog_names)
    assert response.inputs == ("k", "failures")
    np.testing.assert_array_equal(y, model.endog)
    np.testing.assert_array_equal(response.build(data.iloc[3:5]), y[3:5])


def test_bounds_of_intervals_may_be_infinite_and_missing():
    data = {"lo": [1.0, -np.inf, np.nan], "hi": [1.0, 2.0, np.inf]}
    _, y = learn_response("lo + hi", data, {})
    np.testing.assert_array_equal(y, [[1, 1], [-np.inf, 2], [np.nan, np.inf]])


@pytest.mark.parametrize(
    ("values", "levels", "expected"),
    [
        ([True, False, True], (False, True), [1, 0, 1]),
        ([True, True, True], (False, True), [1, 1, 1]),
        (["no", "yes", "no"], ("no", "yes"), [0, 1, 0]),
        (pd.Categorical(["no", "yes"], categories=["yes", "no"]), ("yes", "no"), [1, 0]),
        (pd.Series([True, None], dtype="boolean"), (False, True), [1, np.nan]),
        (pd.Series(["b", pd.NA, "a"], dtype="string"), ("a", "b"), [1, np.nan, 0]),
    ],
)
def test_two_levels(values, levels, expected):
    data = {"y": values}
    response, y = learn_response("y", data, {})
    assert response.names == ("y",)
    assert response.levels == levels
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(response.build(data), y)


def test_two_levels_made_in_the_formula(rows):
    response, y = learn_response("C(h, levels=['v', 'u'])", rows, {})
    assert response.levels == ("v", "u")
    np.testing.assert_array_equal(y, rows["h"] == "u")
    response, y = learn_response("I(y > 0)", rows, {})
    assert response.names == ("I(y > 0)",)
    np.testing.assert_array_equal(y, rows["y"] > 0)
    np.testing.assert_array_equal(response.build({"y": [-1.0, 1.0]}), [0, 1])


def test_any_number_of_levels(rows):
    response, y = learn_response("g", rows, {})
    assert response.levels == ("a", "b", "c", "d")
    assert not response.ordered
    np.testing.assert_array_equal(y, [response.levels.index(g) for g in rows["g"]])
    assert learn_response("C(g, levels=['d', 'c', 'b', 'a'])", rows, {})[0].ordered


def test_an_unseen_level_of_the_response(rows):
    response, _ = learn_response("h", rows, {})
    with pytest.raises(UnseenLevelError, match="'h' has the level 'w'"):
        response.build(rows.assign(h="w"))


@pytest.mark.parametrize("lhs", ["y:z", "y*z", "1", "0"])
def test_what_is_not_a_response(rows, lhs):
    with pytest.raises(FormulaError, match=r"not a variable, nor several"):
        learn_response(lhs, rows, {})


def test_labels_cannot_be_joined(rows):
    with pytest.raises(FormulaError, match="'h' is a factor"):
        learn_response("y + h", rows, {})
