import numpy as np
import pandas as pd
import pytest

from deepglm.errors import DataError
from deepglm.formula import learn, learn_response


def holes(rows, **where):
    """The rows, with something missing at the positions given for each column."""
    data = rows.copy()
    for name, positions in where.items():
        data[name] = data[name].astype(object if data[name].dtype == bool else data[name].dtype)
        data.iloc[positions, data.columns.get_loc(name)] = None
    return data


@pytest.mark.parametrize(
    "rhs",
    [
        "x",
        "I(x**2)",
        "x > 0.1",
        "I(x > 0)",
        "C(x > 0)",
        "g",
        "C(g, Sum)",
        "g:z",
        "x*g",
        "center(x)",
        "standardize(x) + scale(x, ddof=1)",
        "bs(x, df=5)",
        "cr(x, df=4)",
        "te(cr(x, df=3), cr(z, df=3), constraints='center')",
        "np.log(z) + center(np.exp(x))",
        "np.where(g == 'a', 1.0, 2.0)",
        "x.rank()",
        "np.isin(g, ['a', 'b'])",
    ],
)
def test_a_row_with_something_missing_is_nan_where_it_is_used(rows, rhs):
    data = holes(rows, x=[3, 10], g=[5, 10, 20])
    design, X = learn(rhs, data, {"np": np})
    for matrix in (X, design.build(data)):
        expected = np.zeros((len(rows), len(design.names)), dtype=bool)
        for name, at in {"x": [3, 10], "g": [5, 10, 20]}.items():
            expected[np.ix_(at, design.input_columns.get(name, ()))] = True
        np.testing.assert_array_equal(np.isnan(matrix), expected)


@pytest.mark.parametrize(
    "rhs", ["center(x)", "standardize(x)", "bs(x, df=5)", "cr(x, df=4)", "center(bs(x, df=4))"]
)
def test_transforms_learn_from_the_complete_rows(rows, rhs):
    data = holes(rows, x=[3, 10])
    _, X = learn(rhs, data, {})
    complete = data.dropna()
    _, expected = learn(rhs, complete, {})
    np.testing.assert_allclose(X[data["x"].notna()], expected, rtol=1e-12)


def test_transforms_do_not_learn_from_infinities(rows):
    x = rows["x"].to_numpy(copy=True)
    x[4] = np.inf
    _, X = learn("center(x) + x", {"x": x}, {})
    assert X[4, 1:].tolist() == [np.inf, np.inf]
    np.testing.assert_allclose(np.delete(X[:, 1], 4), np.delete(x, 4) - np.delete(x, 4).mean())


def test_infinities_stay(rows):
    data = rows.assign(x=np.where(np.arange(60) % 2, np.inf, -np.inf))
    design, X = learn("x + I(2 * x)", data, {})
    np.testing.assert_array_equal(X[:, 1], data["x"])
    np.testing.assert_array_equal(design.build(data), X)


def test_an_infinity_in_an_interaction_warns_of_nothing():
    _, X = learn("0 + x:g", {"x": [np.inf, 1.0], "g": ["a", "b"]}, {})
    assert X[0, 0] == np.inf
    assert X[1].tolist() == [0.0, 1.0]


def test_a_function_that_cannot_stand_what_is_missing(rows):
    def initial(names):
        return np.array([name.upper() for name in names])

    data = holes(rows, g=[0, 7])
    design, X = learn("initial(g) + x", data, {"initial": initial})
    assert np.flatnonzero(np.isnan(X).any(axis=1)).tolist() == [0, 7]
    assert design.levels == {"initial(g)": ("A", "B", "C", "D")}
    np.testing.assert_array_equal(design.build(data), X)


def test_a_function_that_cannot_stand_it_with_a_transform(rows):
    def strict(values):
        assert np.isfinite(values).all()
        return values + 1.0

    data = holes(rows, x=[2])
    design, X = learn("center(strict(x))", data, {"strict": strict})
    assert np.flatnonzero(np.isnan(X[:, 1])).tolist() == [2]
    np.testing.assert_allclose(X[:, 1], data["x"] - data["x"].mean())
    np.testing.assert_array_equal(design.build(data), X)


def test_a_lag_looks_at_the_row_before_even_if_one_is_missing():
    _, X = learn("x.shift(1)", pd.DataFrame({"x": [1.0, np.nan, 3.0, 4.0]}), {})
    np.testing.assert_array_equal(X[:, 1], [np.nan, np.nan, np.nan, 3.0])


def test_a_formula_may_say_itself_what_is_missing(rows):
    data = holes(rows, x=[3, 10])
    design, X = learn("x.fillna(0.0) + I(x.isna()) + np.nan_to_num(x)", data, {"np": np})
    assert not np.isnan(X).any()
    assert design.names[1] == "I(x.isna())[T.True]"
    assert X[:, 1].sum() == 2
    np.testing.assert_array_equal(design.build(data), X)


def test_all_rows_missing(rows):
    with pytest.raises(DataError, match="Every row has something missing in 'bs"):
        learn("bs(x, df=4)", rows.assign(x=np.nan), {})
    design, _ = learn("bs(x, df=4) + g", rows, {})
    X = design.build(rows.assign(x=np.nan, g=None))
    assert np.isnan(X[:, 1:]).all()
    assert (X[:, 0] == 1.0).all()


def test_a_level_may_be_missing_on_every_new_row(rows):
    design, _ = learn("g", rows, {})
    assert np.isnan(design.build({"g": [None]})[0, 1:]).all()


def test_missing_responses(rows):
    data = holes(rows, y=[1], h=[2], b=[4])
    for lhs, at in {"y": 1, "np.exp(y)": 1, "h": 2, "b": 4}.items():
        response, y = learn_response(lhs, data, {"np": np})
        assert np.flatnonzero(np.isnan(y)).tolist() == [at]
        np.testing.assert_array_equal(response.build(data), y)


def test_the_users_data_are_not_changed(rows):
    data = holes(rows, x=[3], g=[5], b=[6])
    before = data.copy(deep=True)
    design, X = learn("x + I(x > 0) + g + b + center(x) + C(k)", data, {})
    X[:] = -1.0
    design.build(data)[:] = -1.0
    pd.testing.assert_frame_equal(data, before)
    _, y = learn_response("x", data, {})
    y[:] = -1.0
    pd.testing.assert_frame_equal(data, before)
