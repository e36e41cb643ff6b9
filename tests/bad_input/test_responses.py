"""Responses of classes, counts, limits and intervals: what is refused, and what is said of it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import deepglm as dg
from deepglm.errors import (
    ConvergenceWarning,
    DataError,
    DeepGLMError,
    DroppedRowsWarning,
    MissingColumnError,
    MissingDataError,
    SpecificationError,
)
from deepglm.solvers import Status
from tests.bad_input.refusal import changed, refused

LINKS = "Accepted are logit, probit, cloglog, loglog, cauchit, and links of your own whose inverse"
LEVELS = ["lo", "mid", "hi"]


@pytest.fixture
def data() -> pd.DataFrame:
    """Sixty labelled rows that fit, with a response of every kind."""
    rng, n = np.random.default_rng(0), 60
    x = rng.normal(size=n)
    y = np.maximum(0.0, x + rng.normal(size=n))
    rows = pd.DataFrame(
        {
            "x": x,
            "z": rng.normal(size=n),
            "w": np.ones(n),
            "kind": rng.choice(["red", "blue", "green"], n),
            "grade": pd.Categorical(rng.choice(LEVELS, n), LEVELS, ordered=True),
            "k": rng.negative_binomial(2, 0.4, n).astype(float),
            "y": y,
            "lo": y,
            "hi": y + np.where(y > 0, rng.integers(0, 2, n), 1.0),
            "bottom": np.zeros(n),
            "top": np.full(n, 9.0),
        },
        index=[f"r{k}" for k in range(n)],
    )
    for column in ("a", "b", "c"):
        rows[column] = rng.integers(1, 5, n).astype(float)
    return rows


def model(formula: str, data: pd.DataFrame, family: Any, **options: Any) -> dg.DeepGLM:
    return dg.DeepGLM(formula, data, family, **{"hidden": (), **options})


@contextmanager
def exactly(message: str, ours: type[Exception], builtin: type[Exception]) -> Iterator[None]:
    """Expect an error of both classes with this message and no other."""
    with pytest.raises(ours) as caught:
        yield
    assert isinstance(caught.value, builtin) and isinstance(caught.value, DeepGLMError)
    assert str(caught.value) == message


NO_ROWS = (
    "response {name!r} has no rows of the {level} among those that are used; every level needs "
    "some, as its likelihood has no maximum otherwise. Take rows that are not used (incomplete, or "
    "of weight zero) out of the data first, and unused categories with "
    ".cat.remove_unused_categories()."
)

FAMILIES = {
    "multinomial": ("kind ~ x", dg.Multinomial()),
    "counts of classes": ("a + b + c ~ x", dg.Multinomial()),
    "ordinal": ("grade ~ x", dg.Ordinal()),
    "tobit": ("y ~ x", dg.Tobit()),
    "interval": ("lo + hi ~ x", dg.Tobit()),
    "negative binomial": ("k ~ x", dg.NegativeBinomial()),
    "tweedie": ("y ~ x", dg.Tweedie()),
}
every_family = pytest.mark.parametrize("name", FAMILIES)


# -- classes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [(), (2,)])
def test_a_category_without_rows(data: pd.DataFrame, hidden: tuple[int, ...]) -> None:
    kinds = pd.Categorical(data.kind, ["blue", "green", "red", "white"])
    said = NO_ROWS.format(name="kind", level="level 'white'")
    spoiled = data.assign(kind=kinds)
    with exactly(said, DataError, ValueError):
        model("kind ~ x", spoiled, dg.Multinomial(), hidden=hidden)
    grades = data.grade.cat.add_categories(["top", "best"])
    said = NO_ROWS.format(name="grade", level="levels 'top', 'best'")
    spoiled = data.assign(grade=grades)
    with exactly(said, DataError, ValueError):
        model("grade ~ x", spoiled, dg.Ordinal(), hidden=hidden)


def test_the_remedy_for_a_category_without_rows_works(data: pd.DataFrame) -> None:
    more = data.assign(grade=data.grade.cat.add_categories(["top"]))
    less = more.assign(grade=more.grade.cat.remove_unused_categories())
    pd.testing.assert_series_equal(
        model("grade ~ x", less, dg.Ordinal()).fit(inference=None).params,
        model("grade ~ x", data, dg.Ordinal()).fit(inference=None).params,
    )


@pytest.mark.parametrize("name", ["multinomial", "ordinal"])
@pytest.mark.parametrize("how", ["freq_weights", "var_weights", "missing"])
@pytest.mark.parametrize("left", [1, 2])
def test_categories_whose_rows_are_not_used(
    data: pd.DataFrame, name: str, how: str, left: int
) -> None:
    """By weights of zero or by missing inputs: of three levels two are left, or one."""
    formula, family = FAMILIES[name]
    response = formula.split(" ~ ")[0]
    levels = ["blue", "green", "red"] if name == "multinomial" else LEVELS
    kept = data[response].isin(levels[:left]).to_numpy()
    gone = ", ".join(map(repr, levels[left:]))
    said = NO_ROWS.format(name=response, level=f"level{'s' if left == 1 else ''} {gone}")
    spoiled = data.assign(x=data.x.where(kept)) if how == "missing" else data.assign(w=1.0 * kept)
    options = {} if how == "missing" else {how: "w"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DroppedRowsWarning)
        with exactly(said, DataError, ValueError):
            model(formula, spoiled, family, **options)


def test_columns_of_counts_without_any_count(data: pd.DataFrame) -> None:
    """Rows without trials hold no class."""
    spoiled = data.assign(c=0.0)
    spoiled.loc["r5", ["a", "b"]] = 0.0
    said = NO_ROWS.format(name="a + b + c", level="level 'c'")
    with exactly(said, DataError, ValueError):
        model("a + b + c ~ x", spoiled, dg.Multinomial())


@pytest.mark.parametrize("name", ["multinomial", "ordinal"])
def test_one_class(data: pd.DataFrame, name: str) -> None:
    formula, family = FAMILIES[name]
    response = formula.split(" ~ ")[0]
    ordered = name == "ordinal"
    for value, values in (
        ("'lo'", pd.Categorical(["lo"] * len(data), ["lo"], ordered=ordered)),
        ("1", np.ones(len(data))),
    ):
        said = (
            f"the response {response!r} is {value} in every row; {type(family).__name__}() needs "
            "two classes or more. Look at the response and the subset."
        )
        spoiled = data.assign(**{response: values})
        with exactly(said, DataError, ValueError):
            model(formula, spoiled, family)


@pytest.mark.parametrize("kind", [str, "category"])
def test_labels_without_an_order(data: pd.DataFrame, kind: Any) -> None:
    parts = ("'kind' has the levels 'blue', 'green', 'red'", "nothing says what their order is")
    remedies = ("ordered=True", "C(kind, levels=[...])", "Multinomial() needs no order")
    with refused(DataError, ValueError, *parts, *remedies):
        model("kind ~ x", data.astype({"kind": kind}), dg.Ordinal())
    written = "C(kind, levels=['green', 'blue', 'red']) ~ x"
    made = model(written, data.astype({"kind": kind}), dg.Ordinal())
    assert made.exog_names == ["x", "green|blue", "blue|red"]
    with refused(DataError, ValueError, "nothing says what their order is"):
        dg.DeepGLM.from_arrays(data.kind, data[["x"]], dg.Ordinal(), hidden=())


@pytest.mark.parametrize("family", [dg.Multinomial(), dg.Ordinal()])
def test_numbers_that_are_no_classes(data: pd.DataFrame, family: Any) -> None:
    many = pd.concat([data] * 17, ignore_index=True).assign(n=lambda d: 0.5 * np.arange(len(d)))
    said = (
        "the response 'n' has 1020 distinct numbers, and "
        f"{type(family).__name__}() takes each for a class of its own. Use Gaussian() for a "
        "measurement, or group it with pd.cut."
    )
    with exactly(said, DataError, ValueError):
        model("n ~ x", many, family)
    grouped = many.assign(n=pd.cut(many.n, 3))
    assert model("n ~ x", grouped, family).fit(inference=None).predict().shape == (len(many), 3)


def test_a_reference_that_is_no_level(data: pd.DataFrame) -> None:
    said = (
        "reference='unknown' is not a level of the response. Its levels are 'blue', 'green', 'red'."
    )
    with exactly(said, SpecificationError, ValueError):
        model("kind ~ x", data, dg.Multinomial(reference="unknown"))


@pytest.mark.parametrize("role", ["offset", "exposure"])
def test_an_offset_of_several_linear_predictors(data: pd.DataFrame, role: str) -> None:
    said = (
        f"{role}= adds to one linear predictor, and the Multinomial family has 2. Leave it out; "
        "for counts of classes the total is the number of trials."
    )
    for formula in ("kind ~ x", "a + b + c ~ x"):
        with exactly(said, SpecificationError, ValueError):
            model(formula, data, dg.Multinomial(), **{role: "top"})


@pytest.mark.parametrize("name", ["ordinal", "tobit", "interval"])
def test_an_exposure_needs_the_log_link(data: pd.DataFrame, name: str) -> None:
    formula, family = FAMILIES[name]
    with refused(SpecificationError, ValueError, "exposure is for a log link", "Use offset="):
        model(formula, data, family, exposure="top")


@pytest.mark.parametrize("right", ["x - 1", "0 + x", "x + z + 0"])
def test_cut_points_are_intercepts(data: pd.DataFrame, right: str) -> None:
    said = (
        "the cut-points of an ordinal response are its intercepts, so that the formula needs one. "
        "Leave '- 1' and '0 +' out."
    )
    with exactly(said, SpecificationError, ValueError):
        model(f"grade ~ {right}", data, dg.Ordinal())


def test_links_that_are_no_distribution() -> None:
    with refused(SpecificationError, ValueError, "unknown link 'nonsense'.", LINKS):
        dg.Ordinal(link="nonsense")
    with refused(SpecificationError, ValueError, "did you mean 'probit'?", LINKS):
        dg.Ordinal(link="probitt")
    with refused(SpecificationError, ValueError, "link='log'", "not a distribution", LINKS):
        dg.Ordinal(link="log")


def test_an_ordinal_response_has_one_column(data: pd.DataFrame) -> None:
    said = (
        "the response 'a + b + c' has 3 columns, and an ordinal response has one. Give one column "
        "of classes; counts of them go into freq_weights=."
    )
    with exactly(said, DataError, ValueError):
        model("a + b + c ~ x", data, dg.Ordinal())


def test_labels_where_numbers_are_needed(data: pd.DataFrame) -> None:
    said = (
        "the response 'kind' has the levels 'blue', 'green', 'red', and a censored response is a "
        "number. Give numbers, or use Ordinal() for classes."
    )
    with exactly(said, DataError, ValueError):
        model("kind ~ x", data, dg.Tobit())
    for family in (dg.NegativeBinomial(), dg.Tweedie(), dg.Poisson()):
        parts = ("'kind' has 3 levels", "use Multinomial() or Ordinal() for several classes")
        with refused(DataError, ValueError, *parts):
            model("kind ~ x", data, family)


# -- limits and intervals -------------------------------------------------------------------------


@pytest.mark.parametrize(("lower", "upper"), [(2.0, 1.0), (1, 1)])
def test_limits_that_leave_no_room(lower: float, upper: float) -> None:
    said = (
        f"lower={lower!r} is not below upper={upper!r}, so that no outcome could be seen. Exchange "
        "them, or leave out the one that is not there."
    )
    with exactly(said, SpecificationError, ValueError):
        dg.Tobit(lower, upper)


def test_columns_of_limits_that_leave_no_room(data: pd.DataFrame) -> None:
    spoiled = changed(data, "top", "r5", -2.0)
    said = (
        "response 'y' has the lower limit 0.0 and the upper limit -2.0 in row 'r5'; the lower "
        "limit has to be below the upper one. Correct the limits, or give -inf or inf where there "
        "is none."
    )
    tobit = dg.Tobit("bottom", "top")
    with exactly(said, DataError, ValueError):
        model("y ~ x", spoiled, tobit)
    with refused(DataError, ValueError, "upper limit nan in row 'r5'", "inf where there is none"):
        model("y ~ x", changed(data, "top", "r5", np.nan), tobit)


def test_columns_of_limits_that_are_none(data: pd.DataFrame) -> None:
    with refused(MissingColumnError, KeyError, "lower='botom'", "Did you mean 'bottom'?"):
        model("y ~ x", data, dg.Tobit("botom", None))
    with refused(DataError, ValueError, "lower 'kind' has 'red' in row", "numbers are needed"):
        model("y ~ x", data.assign(kind="red"), dg.Tobit("kind", None))
    with refused(DataError, ValueError, "lower has 3 values for 60 rows"):
        model("y ~ x", data, dg.Tobit(np.zeros(3), None))


def test_values_beyond_their_limits(data: pd.DataFrame) -> None:
    said = (
        "response 'y' has the value -0.5 in row 'r3', outside its limits 0.0 and inf; an outcome "
        "beyond a limit is recorded as the limit. Correct the values, as with .clip(), or the "
        "limits."
    )
    spoiled = changed(data, "y", "r3", -0.5)
    with exactly(said, DataError, ValueError):
        model("y ~ x", spoiled, dg.Tobit())
    with refused(DataError, ValueError, "outside its limits -inf and 0.5", "more rows like it"):
        model("y ~ x", data, dg.Tobit(None, 0.5))
    model("y ~ x", data.assign(y=data.y.clip(upper=0.5)), dg.Tobit(None, 0.5))


@pytest.mark.parametrize("tobit", [dg.Tobit(), dg.Tobit(None, 0.0), dg.Tobit(0, 3)])
def test_all_rows_censored(data: pd.DataFrame, tobit: dg.Tobit) -> None:
    said = (
        "all rows of response 'y' are censored, so nothing tells their scale. Give rows whose "
        "outcome was seen, or other limits; where only the side of a limit is known, use a "
        "Binomial family."
    )
    y = np.where(data.z > 0, 0.0, 3.0) if tobit.upper == 3 else 0.0
    spoiled = data.assign(y=y)
    with exactly(said, DataError, ValueError):
        model("y ~ x", spoiled, tobit)
    seen = data.assign(w=(data.y == 0) * 1.0)
    if tobit.upper is None:  # those that were seen have no weight
        with exactly(said, DataError, ValueError):
            model("y ~ x", seen, tobit, freq_weights="w")


def test_intervals_that_hold_nothing(data: pd.DataFrame) -> None:
    said = (
        "response 'lo + hi' has the lower end 9.0 and the upper end {hi} in row 'r4'; the lower "
        "end may not lie above the upper one, and neither may be missing. Exchange or correct "
        "them; an open end is -inf or inf."
    ).format(hi=data.hi["r4"])
    spoiled = changed(data, "lo", "r4", 9.0)
    with exactly(said, DataError, ValueError):
        model("lo + hi ~ x", spoiled, dg.Tobit())
    for column, value in (("lo", np.inf), ("hi", -np.inf)):
        with refused(DataError, ValueError, f"end {value} ", "in row 'r4'", "an open end is"):
            model("lo + hi ~ x", changed(data, column, "r4", value), dg.Tobit())


def test_intervals_that_are_all_open(data: pd.DataFrame) -> None:
    said = (
        "all rows of response 'lo + hi' are censored, with an infinite upper end: the likelihood "
        "rises without end. Give rows with a finite one."
    )
    spoiled = data.assign(hi=np.inf)
    with exactly(said, DataError, ValueError):
        model("lo + hi ~ x", spoiled, dg.Tobit())


def test_intervals_have_two_ends(data: pd.DataFrame) -> None:
    with refused(DataError, ValueError, "has 3 columns; an interval has two ends, as in 'lo + hi"):
        model("a + b + c ~ x", data, dg.Tobit())


def test_open_ends_are_not_missing(data: pd.DataFrame) -> None:
    open_ = changed(changed(data, "hi", "r4", np.inf), "lo", "r6", -np.inf)
    for missing in ("raise", "drop"):
        fit = model("lo + hi ~ x", open_, dg.Tobit(), missing=missing).fit(inference=None)
        assert fit.converged and fit.nobs == 60
    for column in ("x", "y"):  # elsewhere infinity is no number to work with
        formula = "lo + hi ~ x" if column == "x" else "y ~ x"
        with refused(MissingDataError, ValueError, f"{column!r} has the value inf in row 'r4'"):
            model(formula, changed(data, column, "r4", np.inf), dg.Tobit(), missing="raise")


def test_a_missing_end_is_missing_and_a_hint_says_what_an_open_one_is(data: pd.DataFrame) -> None:
    hint = "An open end of an interval is -inf or inf, and not missing."
    for column in ("lo", "hi"):
        spoiled = changed(data, column, "r4", np.nan)
        with pytest.warns(DroppedRowsWarning) as caught:
            fit = model("lo + hi ~ x", spoiled, dg.Tobit()).fit(inference=None)
        assert str(caught[0].message) == (
            f"1 of 60 rows have a missing value and were left out (in 'lo + hi'). {hint}"
        )
        assert fit.nobs == 59 and "r4" not in fit.mu.index
        with refused(MissingDataError, ValueError, "'lo + hi' has the value [", "'r4'", hint):
            model("lo + hi ~ x", spoiled, dg.Tobit(), missing="raise")
    with pytest.warns(DroppedRowsWarning) as caught:
        model("y ~ x", changed(data, "y", "r4", np.nan), dg.Tobit())
    assert hint not in str(caught[0].message)


def test_a_class_in_place_of_an_object_has_its_limits(data: pd.DataFrame) -> None:
    fit, same = (model("y ~ x", data, f).fit(inference=None) for f in (dg.Tobit, dg.Tobit()))
    np.testing.assert_array_equal(fit.params, same.params)


# -- counts ---------------------------------------------------------------------------------------


def test_negative_counts(data: pd.DataFrame) -> None:
    said = (
        "response 'k' has the value -2.0 in row 'r6'; the NegativeBinomial family needs values of "
        "zero or more. Correct or leave out these rows, or choose a family for such values."
    )
    spoiled = changed(data, "k", "r6", -2.0)
    with exactly(said, DataError, ValueError):
        model("k ~ x", spoiled, dg.NegativeBinomial())
    spoiled = changed(data, "b", "r6", -2.0)
    values = [data.a["r6"].item(), -2.0, data.c["r6"].item()]
    said = (
        f"the response 'a + b + c' has the value {values} in row 'r6'. Counts cannot be negative: "
        "correct them, or leave those rows out with subset=."
    )
    with exactly(said, DataError, ValueError):
        model("a + b + c ~ x", spoiled, dg.Multinomial())


def test_counts_without_any_trial(data: pd.DataFrame) -> None:
    with refused(DataError, ValueError, "'a + b + c' has no trial in any row"):
        model("a + b + c ~ x", data.assign(a=0.0, b=0.0, c=0.0), dg.Multinomial())


@pytest.mark.parametrize("estimated", [False, True])
def test_numbers_that_are_no_counts_are_fitted_without_a_word(
    data: pd.DataFrame, estimated: bool
) -> None:
    """As in statsmodels: frequencies per year of exposure are modelled so, with weights."""
    data = data.assign(k=1.5 * data.k)
    X = sm.add_constant(data[["x"]])
    if estimated:
        theirs = sm.NegativeBinomial(data.k, X).fit(disp=0, method="newton", tol=1e-12)
        ours = model("k ~ x", data, dg.NegativeBinomial()).fit(inference=None)
    else:
        theirs = sm.GLM(data.k, X, family=sm.families.Poisson()).fit(tol=1e-12)
        ours = model("k ~ x", data, dg.Poisson()).fit(inference=None)
    np.testing.assert_allclose(ours.params, theirs.params, rtol=1e-6)
    assert ours.llf == pytest.approx(theirs.llf, rel=1e-9)


@pytest.mark.parametrize("family", [dg.NegativeBinomial(), dg.Tweedie()])
def test_nothing_but_zeros(data: pd.DataFrame, family: Any) -> None:
    said = (
        "the response 'k' is 0 in every row: the likelihood rises without end as the fitted mean "
        "approaches it. Check the response and the subset."
    )
    with exactly(said, DataError, ValueError):
        model("k ~ x", data.assign(k=0.0), family)


def test_one_amount(data: pd.DataFrame) -> None:
    said = (
        "the response 'y' is 3 in every row: the dispersion is zero and the likelihood has no "
        "maximum. Check the response and the subset."
    )
    with exactly(said, DataError, ValueError):
        model("y ~ x", data.assign(y=3.0), dg.Tweedie())


def test_counts_that_vary_less_than_poisson(data: pd.DataFrame) -> None:
    """Alpha goes to zero, which the warning says; no standard errors are given."""
    flat = data.assign(k=3.0 + np.arange(60) % 2)
    with pytest.warns(ConvergenceWarning, match=r"alpha of a negative binomial at zero.*Poisson"):
        fit = model("k ~ x", flat, dg.NegativeBinomial()).fit(inference=None)
    assert fit.certificate.status is Status.AT_AN_END
    assert fit.bse.isna().all()
    poisson = model("k ~ x", flat, dg.Poisson()).fit(inference=None)
    assert (np.abs(fit.params.iloc[:-1] - poisson.params) < 1e-3 * poisson.bse).all()
    assert fit.llf == pytest.approx(poisson.llf, rel=1e-6)


# -- what every one of them has in common ---------------------------------------------------------


@every_family
def test_a_missing_response(data: pd.DataFrame, name: str) -> None:
    formula, family = FAMILIES[name]
    column = formula.split(" ~ ")[0].split(" + ")[0]
    spoiled = data.copy()
    spoiled.loc["r7", column] = np.nan
    with pytest.warns(DroppedRowsWarning, match="1 of 60 rows have a missing value"):
        fit = model(formula, spoiled, family).fit(inference=None)
    whole = model(formula, data.drop(index="r7"), family).fit(inference=None)
    np.testing.assert_allclose(fit.params, whole.params, rtol=1e-7)
    assert list(fit.resid_deviance.index) == list(data.index.drop("r7"))
    with refused(MissingDataError, ValueError, "nan", "in row 'r7'", "missing='drop'"):
        model(formula, spoiled, family, missing="raise")


@every_family
@pytest.mark.parametrize("role", ["freq_weights", "var_weights"])
def test_rows_of_weight_zero_are_not_there(data: pd.DataFrame, name: str, role: str) -> None:
    formula, family = FAMILIES[name]
    some = data.assign(w=1.0 + np.arange(60) % 2).assign(w=lambda d: d.w.where(d.z < 1.2, 0.0))
    few = some[some.w > 0]
    assert 40 < len(few) < 60
    fit, same = (model(formula, d, family, **{role: "w"}).fit(inference=None) for d in (some, few))
    np.testing.assert_allclose(fit.params, same.params, rtol=1e-7)
    np.testing.assert_allclose(fit.bse, same.bse, rtol=1e-7)
    for quantity in ("llf", "llnull", "deviance", "aic"):
        assert getattr(fit, quantity) == pytest.approx(getattr(same, quantity), rel=1e-9)
    with refused(DataError, ValueError, f"{role} 'w' is zero in every row"):
        model(formula, data.assign(w=0.0), family, **{role: "w"})


SCALES = {
    "multinomial": "the Multinomial family has no dispersion. Leave scale out; robust standard",
    "counts of classes": "the Multinomial family has no dispersion. Leave scale out; robust",
    "ordinal": "the Ordinal family has no dispersion. Leave scale out; robust standard errors are",
    "tobit": "the Tobit family has no dispersion. Leave scale out; robust standard errors are",
    "interval": "the Interval family has no dispersion. Leave scale out; robust standard errors",
    "negative binomial": "NegativeBinomial() estimates its alpha, and beside that its scale cannot",
    "tweedie": "Tweedie() estimates its var_power, and beside that its scale cannot be held",
}


@every_family
@pytest.mark.parametrize("scale", [2.0, "X2", "dev"])
def test_scale(data: pd.DataFrame, name: str, scale: Any) -> None:
    formula, family = FAMILIES[name]
    with refused(SpecificationError, ValueError, f"scale={scale!r}: {SCALES[name]}"):
        model(formula, data, family).fit(inference=None, scale=scale)


@every_family
def test_a_scale_of_one_is_what_there_is(data: pd.DataFrame, name: str) -> None:
    formula, family = FAMILIES[name]
    made = model(formula, data, family)
    if name == "tweedie":  # it has a scale, which is estimated
        with refused(SpecificationError, ValueError, f"scale=1: {SCALES[name]}"):
            made.fit(inference=None, scale=1)
        return
    np.testing.assert_array_equal(
        made.fit(inference=None, scale=1).params, made.fit(inference=None).params
    )


@pytest.mark.parametrize(
    ("name", "start", "said"),
    [
        (
            "ordinal",
            [0.0, 1.0, -1.0],
            "start_params has 1 for 'lo|mid', -1 for 'mid|hi'; cut-points must increase. Put them "
            "in order.",
        ),
        (
            "ordinal",
            [0.0, 1.0, 1.0],
            "start_params has 1 for 'lo|mid', 1 for 'mid|hi'; cut-points must increase. Put them "
            "in order.",
        ),
        (
            "ordinal",
            [0.0, 1.0, np.nan],
            "start_params has the value nan for 'mid|hi'; starting values are finite. Give another "
            "value, such as 0.",
        ),
        (
            "negative binomial",
            [0.0, 1.0, -1.0],
            "start_params has -1 for 'alpha', and a number above zero is needed. Give one.",
        ),
        (
            "negative binomial",
            [0.0, 1.0, 0.0],
            "start_params has 0 for 'alpha', and a number above zero is needed. Give one.",
        ),
        (
            "multinomial",
            [0.0, 1.0, 0.0],
            "start_params has shape (3,); this model has 4 parameters (model.exog_names lists "
            "them).",
        ),
    ],
)
def test_starting_values(data: pd.DataFrame, name: str, start: list[float], said: str) -> None:
    formula, family = FAMILIES[name]
    made = model(formula, data, family)
    with exactly(said, DataError, ValueError):
        made.fit(inference=None, start_params=start)


@every_family
def test_good_starting_values_lead_to_the_same_place(data: pd.DataFrame, name: str) -> None:
    formula, family = FAMILIES[name]
    made = model(formula, data, family)
    fit = made.fit(inference=None)
    again = made.fit(inference=None, start_params=fit.params * 1.1)
    np.testing.assert_allclose(again.params, fit.params, rtol=1e-6, atol=1e-8)


# -- new rows -------------------------------------------------------------------------------------


@every_family
@pytest.mark.parametrize("hidden", [(), (2,)])
@pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")
@pytest.mark.filterwarnings("ignore::deepglm.errors.ConvergenceWarning")
def test_predictions_do_not_look_at_the_response(
    data: pd.DataFrame, name: str, hidden: tuple[int, ...]
) -> None:
    """It may be absent, or anything: another level, a text, a value beyond its limits."""
    formula, family = FAMILIES[name]
    fit = model(formula, data, family, hidden=hidden).fit(
        inference=None, **({"starts": 2} if hidden else {})
    )
    new = data.iloc[:5]
    expected = np.asarray(fit.predict())[:5]
    columns = formula.split(" ~ ")[0].split(" + ")
    for response in (None, "violet", -7.0, np.nan):
        rows = new.drop(columns=columns)
        if response is not None:
            rows = rows.assign(**dict.fromkeys(columns, response))
        found = fit.predict(rows)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        assert list(found.index) == list(new.index)
        if not hidden:
            assert len(fit.get_prediction(rows).summary_frame()) == expected.size


def test_limits_of_new_rows(data: pd.DataFrame) -> None:
    """They are asked for where the prediction depends on them, and nowhere else."""
    new = data[["x"]].iloc[:3]
    named = model("y ~ x", data, dg.Tobit("bottom", None)).fit(inference=None)
    given = model("y ~ x", data, dg.Tobit(np.where(data.z > 0, 0.0, -1.0), None)).fit(
        inference=None
    )
    for fit in (named, given):
        for which in ("latent", "linear"):
            expected = fit.params["Intercept"] + fit.params["x"] * new.x
            np.testing.assert_allclose(fit.predict(new, which=which), expected)
            assert np.isfinite(fit.get_prediction(new, which=which).se).all()
            again = fit.model.predict(fit.params, new, which=which)
            np.testing.assert_allclose(again, expected)
    for which in (None, "mean", "prob_uncensored"):
        said = (
            "the new rows have no column 'bottom', which holds their lower limits. Add it, or ask "
            "for which='latent', which needs none."
        )
        with exactly(said, MissingColumnError, KeyError):
            named.predict(new, which=which)
        said = (
            "the lower limits were given as an array, and new rows have limits of their own. Give "
            "them as a column when the model is made, as in Tobit(lower='limit'), or ask for "
            "which='latent', which needs none."
        )
        with exactly(said, DataError, ValueError):
            given.predict(new, which=which)
    limits = new.assign(bottom=[0.0, -1.0, 2.0])
    assert (named.predict(limits) >= limits.bottom).all()


@pytest.mark.parametrize(
    ("name", "which", "accepted"),
    [
        ("multinomial", "mean", "'prob', 'linear'"),
        ("ordinal", "latent", "'prob', 'cumprob', 'linear'"),
        ("tobit", "prob", "'mean', 'latent', 'linear', 'prob_uncensored'"),
        ("interval", "prob_uncensored", "'mean', 'latent', 'linear'"),
        ("negative binomial", "prob", "'mean', 'linear', 'var_unscaled'"),
    ],
)
def test_statistics_that_a_family_does_not_have(
    data: pd.DataFrame, name: str, which: str, accepted: str
) -> None:
    formula, family = FAMILIES[name]
    fit = model(formula, data, family).fit(inference=None)
    with refused(SpecificationError, ValueError, f"which={which!r} is not known", accepted):
        fit.predict(which=which)
