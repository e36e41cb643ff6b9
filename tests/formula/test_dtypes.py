import numpy as np
import pandas as pd
import patsy
import pytest

from deepglm.errors import DataError
from deepglm.formula import learn

NUMBERS = [1.0, None, 3.0, 4.0]
WORDS = ["b", None, "a", "b"]
TRUTHS = [True, None, False, True]


def arrow(kind):
    pa = pytest.importorskip("pyarrow")
    return pd.ArrowDtype(getattr(pa, kind)())


@pytest.mark.parametrize(
    "dtype",
    ["float64", "float32", "Int64", "Float64", "UInt8", "double[pyarrow]", "int64[pyarrow]"],
)
def test_numbers_that_may_be_missing(dtype):
    x = pd.Series([1, np.nan, 3, 4], dtype="float64").astype(dtype)
    data = pd.DataFrame({"x": x}, index=list("pqrs"))
    data["x"] = x.array
    design, X = learn("x + I(x**2) + center(x) + np.log(x)", data, {"np": np})
    assert design.names[1:] == ("x", "I(x ** 2)", "center(x)", "np.log(x)")
    values = np.array([1.0, np.nan, 3.0, 4.0])
    expected = np.column_stack([values, values**2, values - 8 / 3, np.log(values)])
    np.testing.assert_allclose(X[:, 1:], expected, rtol=1e-6)
    np.testing.assert_array_equal(design.build(data), X)


@pytest.mark.parametrize("dtype", ["Int64", "Int16", "UInt8", "int64[pyarrow]", "int64", "uint8"])
def test_whole_numbers_stay_whole_as_levels(dtype):
    data = pd.DataFrame({"k": pd.Series([2, 10, 2], dtype=dtype)})
    design, X = learn("C(k)", data, {})
    assert design.names == ("Intercept", "C(k)[T.10]")
    assert X[:, 1].tolist() == [0, 1, 0]


@pytest.mark.parametrize("dtype", ["boolean", "bool[pyarrow]", "object"])
def test_truths_that_may_be_missing(dtype):
    data = pd.DataFrame({"b": pd.Series(TRUTHS, dtype=dtype)})
    design, X = learn("b", data, {})
    assert design.names == ("Intercept", "b[T.True]")
    np.testing.assert_array_equal(X[:, 1], [1, np.nan, 0, 1])
    whole = data.dropna()
    np.testing.assert_array_equal(learn("b", whole, {})[1][:, 1], [1, 0, 1])
    np.testing.assert_array_equal(design.build({"b": [0, 1]})[:, 1], [0, 1])


@pytest.mark.parametrize(
    "words",
    [
        pd.Series(WORDS, dtype="str"),
        pd.Series(WORDS, dtype="object"),
        pd.Series(WORDS, dtype="string"),
        pd.Series(WORDS, dtype="string[python]"),
        pd.Series(WORDS, dtype="category"),
        pd.Series(["b", pd.NA, "a", "b"], dtype="object"),
        pd.Series(["b", np.nan, "a", "b"], dtype="object"),
        pd.Series(["b", np.nan, "a", "b"]),
    ],
)
def test_words_that_may_be_missing(words):
    data = pd.DataFrame({"g": words})
    for rhs in ("g", "C(g)", "C(g, Treatment('a'))", "I(g == 'b')", "g.str.upper()"):
        design, X = learn(rhs, data, {})
        np.testing.assert_array_equal(X[:, 1], [1, np.nan, 0, 1])
        np.testing.assert_array_equal(design.build(data), X)
    assert learn("g", data, {})[0].names == ("Intercept", "g[T.b]")


@pytest.mark.parametrize("kind", ["string", "large_string"])
def test_words_of_arrow(kind):
    data = pd.DataFrame({"g": pd.Series(WORDS, dtype=arrow(kind))})
    design, X = learn("g", data, {})
    assert design.names == ("Intercept", "g[T.b]")
    np.testing.assert_array_equal(X[:, 1], [1, np.nan, 0, 1])


def test_the_order_of_categories_is_kept():
    size = pd.Categorical(["large", "small"], categories=["small", "large", "huge"], ordered=True)
    data = pd.DataFrame({"size": size})
    design, X = learn("size", data, {})
    assert design.names == tuple(patsy.dmatrix("size", data).design_info.column_names)
    assert design.levels == {"size": ("small", "large", "huge")}
    assert X[:, 1].tolist() == [1, 0]


def test_new_rows_may_have_words_other_categories_or_unused_ones():
    design, X = learn("g", pd.DataFrame({"g": pd.Categorical(["b", "a", "c"])}), {})
    other = pd.Categorical(["b", "a", "c"], categories=["z", "c", "b", "a"])
    for g in (other, ["b", "a", "c"], np.array(["b", "a", "c"], dtype=object)):
        np.testing.assert_array_equal(design.build({"g": g}), X)


def test_the_levels_of_numpy_integers_are_written_as_numbers():
    # patsy writes C(k)[T.np.int64(2)] when the data are arrays and C(k)[T.2] when they are a frame.
    design, _ = learn("C(k)", {"k": np.array([1, 2])}, {})
    assert design.names == ("Intercept", "C(k)[T.2]")
    assert design.levels == {"C(k)": (1, 2)}


@pytest.mark.parametrize(
    "data",
    [
        {"x": [1, 2, 3], "g": ["a", "b", "a"]},
        {"x": (1.0, 2.0, 3.0), "g": np.array(["a", "b", "a"])},
        {"x": np.array([1, 2, 3], dtype=np.int8), "g": np.array(["a", "b", "a"], dtype=object)},
        {"x": pd.Series([1, 2, 3], index=[5, 6, 7]), "g": pd.Categorical(["a", "b", "a"])},
        {"x": pd.array([1, 2, 3], dtype="Int64"), "g": pd.Series(["a", "b", "a"])},
        {"x": range(1, 4), "g": pd.Index(["a", "b", "a"])},
        np.array([(1.0, "a"), (2.0, "b"), (3.0, "a")], dtype=[("x", float), ("g", "U1")]),
        pd.DataFrame({"x": pd.arrays.SparseArray([1.0, 2.0, 3.0]), "g": ["a", "b", "a"]}),
        pd.DataFrame({"x": [1, 2, 3], "g": ["a", "b", "a"]}, index=[9, 9, 9]),
    ],
)
def test_other_containers(data):
    design, X = learn("g + x", data, {})
    assert design.names == ("Intercept", "g[T.b]", "x")
    assert X.tolist() == [[1, 0, 1], [1, 1, 2], [1, 0, 3]]
    np.testing.assert_array_equal(design.build(data), X)


def test_one_row_of_scalars():
    design, _ = learn("x + g", {"x": [1.0, 2.0], "g": ["a", "b"]}, {})
    assert design.build({"x": 3, "g": "b"}).tolist() == [[1.0, 1.0, 3.0]]


def test_one_row_of_mixed_dtype():
    frame = pd.DataFrame({"x": [1.0, 2.0], "g": ["a", "b"]})
    design, X = learn("np.exp(x) + g", frame, {"np": np})
    row = frame.iloc[1].to_frame().T
    assert row["x"].dtype == object
    np.testing.assert_array_equal(design.build(row), X[[1]])


def test_masked_arrays():
    x = np.ma.masked_array([1.0, 2.0, 3.0], mask=[False, True, False])
    _, X = learn("x", {"x": x}, {})
    np.testing.assert_array_equal(X[:, 1], [1, np.nan, 3])


def test_series_whose_rows_do_not_match():
    data = {"x": pd.Series([1, 2]), "z": pd.Series([1, 2], index=[1, 2])}
    with pytest.raises(DataError, match="'x' and 'z' have different indexes"):
        learn("x", data, {})


def test_dates_are_not_numbers():
    data = {"t": pd.to_timedelta([1, 2, 3], unit="D").to_numpy()}
    with pytest.raises(DataError, match="type timedelta64"):
        learn("t", data, {})


def test_levels_of_intervals():
    data = pd.DataFrame({"x": [1.0, 5.0, 9.0, 2.0]})
    env = {"pd": pd, "edges": [0, 3, 6, 10]}
    design, X = learn("pd.cut(x, edges)", data, env)
    assert design.names == tuple(patsy_names("pd.cut(x, edges)", data, env))
    np.testing.assert_array_equal(design.build(data.iloc[[3, 1]]), X[[0, 1]])


def patsy_names(rhs, data, env):
    info = patsy.dmatrix(rhs, data, eval_env=patsy.EvalEnvironment([env])).design_info
    return info.column_names


def test_a_float_column_is_not_copied():
    x = np.arange(4.0)
    from deepglm.formula.columns import Columns

    assert Columns({"x": x})["x"] is x
    frame = pd.DataFrame({"x": x, "g": pd.Categorical(list("abab"))})
    assert np.shares_memory(Columns(frame)["x"].to_numpy(), frame["x"].to_numpy())


def test_a_text_of_digits_is_not_a_number():
    design, _ = learn("x", {"x": [1.0, 2.0]}, {})
    with pytest.raises(DataError, match="Column 'x' held numbers .* '1' in row 0 now"):
        design.build({"x": ["1", "2"]})
    with pytest.raises(DataError, match="'2' in row 1 now"):
        design.build({"x": np.array([None, "2"], dtype=object)})
    assert np.isnan(design.build({"x": [None, None]})[:, 1]).all()


def test_large_whole_numbers_beside_missing_ones():
    labels = pd.array([2**60, 2**60 + 1, None], dtype="Int64")
    with pytest.raises(DataError, match=r"beyond 2\*\*53"):
        learn("C(k)", {"k": labels}, {})
    assert learn("C(k)", {"k": labels[:2]}, {})[0].levels == {"C(k)": (2**60, 2**60 + 1)}
