import numpy as np
import pandas as pd
import patsy
import pytest
import statsmodels.formula.api as smf

from deepglm.errors import DataError, FormulaError, MissingColumnError, UnseenLevelError
from deepglm.formula import learn


def double(values):
    return 2 * values


ENV = {"np": np, "double": double, "edge": 0.25, "last_first": list("dcba")}

RIGHT_SIDES = [
    "1",
    "x",
    "0 + x",
    "x - 1",
    "k",
    "b",
    "g",
    "0 + g",
    "g*h",
    "g:h",
    "0 + g:h",
    "x*g",
    "x:g + g",
    "x:z:g",
    "b:g",
    "(x + z + g)**2",
    "g/x",
    "C(k)",
    "C(k):x",
    "C(g, Treatment('c'))",
    "C(g, Treatment(reference=2))*x",
    "C(g, Sum) + C(h, Poly)",
    "C(g, Poly) + C(k, Helmert) + C(h, Diff)",
    "0 + C(g, Sum)",
    "C(g, levels=['d', 'c', 'b', 'a'])",
    "C(g, levels=last_first)",
    "C(g, np.eye(4)[:, 1:])",
    "I(x > 0)",
    "I(x > edge):z",
    "C(x > 0)",
    "np.log(z) + I(x**2) + I(x + z)",
    "np.column_stack([x, z])",
    "np.column_stack([x, z]):g",
    "double(x) + double(center(x))",
    "Q('odd name') + z",
    "center(x) + standardize(z) + scale(x)",
    "standardize(x, center=False) + standardize(z, True, True, 1)",
    "center(np.log(z)) + np.exp(center(x))",
    "center(double(standardize(x)))",
    "bs(x, df=5)*h",
    "bs(x, knots=[-0.5, 0.5], degree=2, include_intercept=True) - 1",
    "cr(x, df=4) + cc(z, df=4)",
    "cr(x, df=4, constraints='center')",
    "te(cr(x, df=3), cr(z, df=3), constraints='center')",
    "te(cr(x, df=3), bs(z, df=4))",
    "center(bs(x, 4))",
]


@pytest.mark.parametrize("rhs", RIGHT_SIDES)
def test_columns_and_names_are_those_of_patsy(rows, rhs):
    design, X = learn(rhs, rows, ENV)
    double, edge, last_first = ENV["double"], ENV["edge"], ENV["last_first"]  # noqa: F841
    theirs = patsy.dmatrix(rhs, rows)
    assert list(design.names) == theirs.design_info.column_names
    assert list(design.term_names) == theirs.design_info.term_names
    slices = {term: slice(*span) for term, span in design.term_slices.items()}
    assert slices == dict(theirs.design_info.term_name_slices)
    # The mean and variance of standardize() are summed in another order.
    np.testing.assert_allclose(X, np.asarray(theirs), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rhs", RIGHT_SIDES)
def test_the_same_columns_on_some_of_the_rows(rows, rhs):
    design, X = learn(rhs, rows, ENV)
    np.testing.assert_array_equal(design.build(rows), X)
    # Splines multiply matrices, which round with the number of rows.
    np.testing.assert_allclose(design.build(rows.iloc[7:9]), X[7:9], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(design.build(rows.iloc[[30]]), X[[30]], rtol=1e-13, atol=1e-15)


def test_names_are_those_of_a_statsmodels_fit(rows):
    rhs = "np.log(z) + C(g, Treatment('b')) * x + bs(Q('odd name'), df=4)"
    fit = smf.glm(f"y ~ {rhs}", rows).fit(inference=None)
    design, X = learn(rhs, rows, ENV)
    assert list(design.names) == list(fit.params.index)
    np.testing.assert_allclose(X @ fit.params.to_numpy(), fit.fittedvalues, rtol=1e-10)


def test_the_matrix_is_laid_out_by_columns(rows):
    design, X = learn("x + g", rows, {})
    assert X.dtype == np.float64
    assert X.T.flags.c_contiguous
    assert design.build(rows).T.flags.c_contiguous


def test_rows_beyond_one_block_are_built_alike():
    x = np.arange(20_001, dtype=np.float64)
    data = {"x": x, "g": np.where(x % 3 == 0, "a", "b")}
    _, X = learn("x*g", data, {})
    np.testing.assert_array_equal(X[:, 2], x)
    np.testing.assert_array_equal(X[:, 3], x * (x % 3 != 0))


def test_no_columns_at_all(rows):
    design, X = learn("0", rows, {})
    assert X.shape == (60, 0)
    assert design.names == ()
    assert not design.has_intercept
    assert design.build(rows.iloc[:3]).shape == (3, 0)


def test_an_intercept_alone_has_the_rows_of_the_data(rows):
    design, X = learn("1", rows, {})
    assert X.tolist() == [[1.0]] * 60
    assert design.build({"any": [1, 2, 3]}).shape == (3, 1)
    assert design.inputs == ()


# ------------------------------------------------------------------- inputs and their columns


def test_inputs_are_columns_of_the_data_and_not_names_of_the_environment(rows):
    env = {"np": np, "edge": 0.25, "x": "hidden by the column"}
    rhs = "np.log(z) + C(g, Treatment('b')) + I(x > edge):k + Q('odd name') + x"
    design, _ = learn(rhs, rows, env)
    assert design.inputs == ("z", "g", "x", "k", "odd name")
    columns = {name: [design.names[j] for j in made] for name, made in design.input_columns.items()}
    assert columns == {
        "z": ["np.log(z)"],
        "g": [f"C(g, Treatment('b'))[T.{level}]" for level in "acd"],
        "x": ["I(x > edge)[False]:k", "I(x > edge)[True]:k", "x"],
        "k": ["I(x > edge)[False]:k", "I(x > edge)[True]:k"],
        "odd name": ["Q('odd name')"],
    }
    assert sorted(design.env) == ["edge", "np"]


def test_inputs_come_in_the_order_of_the_formula(rows):
    design, _ = learn("z + x:k + g + np.maximum(x, y)", rows, ENV)
    assert design.inputs == ("z", "x", "k", "g", "y")


def test_q_takes_a_name_from_the_environment(rows):
    design, X = learn("Q(which)", rows, {"which": "odd name"})
    assert design.inputs == ("odd name",)
    np.testing.assert_array_equal(design.build(rows), X)
    with pytest.raises(FormulaError, match="in quotes"):
        learn("Q(1)", rows, {})


def test_a_column_hides_names_of_the_environment_and_builtins(rows):
    design, X = learn("center + max", rows.assign(center=1.5, max=2.5), {"center": 7.0})
    assert X[0].tolist() == [1.0, 1.5, 2.5]
    assert design.inputs == ("center", "max")


def test_levels_by_factor(rows):
    design, _ = learn("g + C(k) + b + x", rows, {})
    assert design.levels == {"g": ("a", "b", "c", "d"), "C(k)": (1, 2, 3, 4), "b": (False, True)}


def test_without_intercept_the_coding_stays(rows):
    design, X = learn("g*h + x", rows, {})
    rest = design.without_intercept()
    assert rest.names == design.names[1:]
    assert rest.term_names == design.term_names[1:]
    assert rest.term_slices == {
        term: (lo - 1, hi - 1) for term, (lo, hi) in design.term_slices.items() if hi > 1
    }
    assert rest.input_columns == {
        name: tuple(j - 1 for j in made) for name, made in design.input_columns.items()
    }
    assert design.has_intercept
    assert not rest.has_intercept
    np.testing.assert_array_equal(rest.build(rows), X[:, 1:])
    assert rest.without_intercept() is rest


# ------------------------------------------------------------------- what is learned, is kept


def test_levels_that_are_not_on_the_new_rows_keep_their_columns(rows):
    design, X = learn("g", rows, {})
    some = rows[rows["g"] == "c"]
    np.testing.assert_array_equal(design.build(some), X[rows["g"] == "c"])


def test_a_splines_knots_do_not_move(rows):
    design, X = learn("bs(x, df=5) + cr(z, df=4)", rows, {})
    inner = rows[(rows["x"].abs() < 0.5)]
    np.testing.assert_array_equal(design.build(inner), X[rows["x"].abs() < 0.5])


def test_beyond_the_range_of_bs_the_row_is_named(rows):
    design, _ = learn("bs(x, df=5)", rows, {})
    far = rows.assign(x=np.where(rows.index == "row 3", 99.0, rows["x"]))
    with pytest.raises(DataError, match=r"(?s)Row 'row 3' has 99 .*lower_bound=.*cr\(\)"):
        design.build(far)


def test_a_users_own_stateful_transform(rows):
    class Largest:
        def memorize_chunk(self, x):
            self.largest = np.max(x)

        def memorize_finish(self):
            pass

        def transform(self, x):
            return x / self.largest

    env = {"relative": patsy.stateful_transform(Largest)}
    design, X = learn("relative(z) + center(relative(z))", rows, env)
    np.testing.assert_allclose(X[:, 1], rows["z"] / rows["z"].max())
    np.testing.assert_array_equal(design.build(rows.iloc[4:6]), X[4:6])


# ------------------------------------------------------------------- bad input


def test_an_unseen_level_is_named_with_its_row(rows):
    design, _ = learn("x + g", rows, {})
    new = rows.assign(g=["a"] * 5 + ["e"] * 55)
    message = (
        r"Column 'g' has the level 'e' in row 'row 5'.*Known levels: 'a', 'b', 'c', 'd'\. Recode"
    )
    with pytest.raises(UnseenLevelError, match=message):
        design.build(new)
    with pytest.raises(ValueError, match="row 2,"):
        design.build({"x": [0.0] * 3, "g": ["a", None, "e"]})


def test_an_unseen_level_inside_a_function_names_column_and_factor(rows):
    design, _ = learn("C(k, Sum)", rows, {})
    with pytest.raises(UnseenLevelError, match=r"Column 'k' has the level 9 of 'C\(k, Sum\)'"):
        design.build({"k": [1, 9]})


def test_levels_given_in_the_formula_have_to_be_all(rows):
    with pytest.raises(UnseenLevelError, match="level 'd' of"):
        learn("C(g, levels=['a', 'b', 'c'])", rows, {})


def test_long_lists_of_levels_are_cut_short():
    design, _ = learn("C(k)", {"k": np.arange(100)}, {})
    with pytest.raises(UnseenLevelError, match=r"11, \.\.\. \(100 in all\)"):
        design.build({"k": [100]})


@pytest.mark.parametrize("rhs", ["Densty", "np.log(Densty)", "x + Densty:g", "Q('Densty')"])
def test_a_column_that_is_not_there_when_learning(rows, rhs):
    data = rows.assign(Density=1.0)
    with pytest.raises(MissingColumnError, match="(?s)'Densty' in.*'odd name'.*mean 'Density'"):
        learn(rhs, data, ENV)


def test_a_column_that_is_not_there_when_building(rows):
    design, _ = learn("x + np.log(z)", rows, ENV)
    with pytest.raises(MissingColumnError, match=r"'z' in 'np\.log\(z\)'"):
        design.build(rows.drop(columns="z"))
    with pytest.raises(KeyError):
        design.build({"x": [1.0]})


def test_a_name_learned_from_the_environment_stays_so(rows):
    design, X = learn("I(x * edge)", rows, ENV)
    np.testing.assert_array_equal(design.build(rows.assign(edge=100.0)), X)


def test_a_function_that_is_not_there(rows):
    with pytest.raises(FormulaError, match="function 'doubel' .*Did you mean 'double'"):
        learn("doubel(x)", rows, ENV)


def test_two_columns_of_one_name(rows):
    twice = pd.concat([rows, rows[["x"]]], axis=1)
    with pytest.raises(DataError, match="more than one column called 'x'"):
        learn("z", twice, {})
    design, _ = learn("z", rows, {})
    with pytest.raises(DataError, match="more than one column"):
        design.build(twice)


@pytest.mark.parametrize("empty", [pd.DataFrame({"x": []}), {"x": []}, {}])
def test_no_rows(rows, empty):
    with pytest.raises(DataError, match="no rows"):
        learn("x", empty, {})
    design, _ = learn("x", rows, {})
    with pytest.raises(DataError, match="no rows"):
        design.build(empty)


def test_columns_of_different_lengths():
    with pytest.raises(DataError, match="'x' has 2 rows and column 'z' has 3"):
        learn("x", {"x": [1, 2], "z": [1, 2, 3]}, {})


def test_data_without_names():
    with pytest.raises(DataError, match="of type ndarray"):
        learn("x", np.zeros((3, 2)), {})


@pytest.mark.parametrize(
    ("rhs", "message"),
    [
        ("np.linalg.inv(x)", "cannot be computed: LinAlgError"),
        ("x.mean()", "has 1 rows and the data have 60"),
        ("x[:3]", "has 3 rows and the data have 60"),
        ("x.sort_values()", "another order"),
        ("np.zeros((60, 2, 2))", "3 dimensions"),
        ("C(np.zeros((60, 2)))", "2 dimensions"),
        ("C(g, Treatment('nowhere'))", "'nowhere' not found"),
        ("x ~ z", "cannot be read"),
    ],
)
def test_factors_that_cannot_be_used(rows, rhs, message):
    with pytest.raises(FormulaError, match=message):
        learn(rhs, rows, ENV)


def test_complex_numbers_are_refused(rows):
    with pytest.raises(DataError, match="type complex128"):
        learn("np.sqrt(x + 0j)", rows, ENV)


def test_a_matrix_factor_keeps_its_width(rows):
    design, _ = learn("X", {"X": np.ones((4, 3))}, {})
    assert design.names == ("Intercept", "X[0]", "X[1]", "X[2]")
    with pytest.raises(FormulaError, match="2 columns on these rows and had 3"):
        design.build({"X": np.ones((4, 2))})


def test_words_where_numbers_were(rows):
    design, _ = learn("np.log(z)", rows, ENV)
    with pytest.raises(DataError, match="Column 'z' held numbers .* 'many' in row 'q' now"):
        design.build(pd.DataFrame({"z": [1.0, "many"]}, index=["p", "q"]))
