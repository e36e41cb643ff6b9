"""Every form in which a user may bring data gives the same fit, and leaves the data as they are."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import deepglm as dg
from deepglm.errors import CollinearityWarning


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 60
    frame = pd.DataFrame(
        {
            "x": rng.normal(50.0, 3.0, n),
            "z": rng.normal(size=n),
            "g": rng.choice(["u", "v"], n),
            "k": rng.integers(0, 2, n),
            "e": rng.uniform(0.5, 2.0, n),
            "w": rng.integers(1, 4, n),
        },
        index=[f"row {k}" for k in range(n)],
    )
    mu = frame.e * np.exp(0.02 * frame.x + 0.3 * frame.z)
    return frame.assign(y=rng.poisson(mu), yes=rng.uniform(size=n) < 1 / (1 + np.exp(-frame.z)))


def glm(formula: str, data: Any, **options: Any) -> Any:
    return dg.DeepGLM(formula, data, **{"family": dg.Poisson(), "hidden": (), **options}).fit(
        inference=None
    )


def arrays(endog: Any, exog: Any, **options: Any) -> Any:
    options = {"family": dg.Poisson(), "hidden": (), **options}
    return dg.DeepGLM.from_arrays(endog, exog, **options).fit(inference=None)


def peer(data: pd.DataFrame, exog: Any, **options: Any) -> Any:
    return sm.GLM(data.y, exog, family=sm.families.Poisson(), **options).fit(
        inference=None, tol=1e-14
    )


def same(ours: Any, theirs: Any) -> None:
    """A statsmodels fit, or one of ours, with the same numbers."""
    np.testing.assert_allclose(ours.params, theirs.params, rtol=1e-7)
    np.testing.assert_allclose(ours.bse, theirs.bse, rtol=1e-7)
    for member in ("llf", "llnull", "deviance", "null_deviance", "df_model", "df_resid", "aic"):
        assert getattr(ours, member) == pytest.approx(getattr(theirs, member), rel=1e-9)


# -- arrays -------------------------------------------------------------------------------------


def test_forms_of_arrays(data: pd.DataFrame) -> None:
    X = sm.add_constant(data[["x", "z"]])
    right = peer(data, X)
    fit = arrays(data.y, X)
    same(fit, right)
    assert list(fit.params.index) == ["const", "x", "z"]
    assert fit.resid_response.index.equals(data.index)
    plain = arrays(data.y.to_numpy(), X.to_numpy())
    same(plain, right)
    assert list(plain.params.index) == ["const", "x1", "x2"]
    assert plain.resid_response.index.equals(pd.RangeIndex(60))
    same(arrays(data.y.tolist(), X.to_numpy().tolist()), right)
    same(arrays(data[["y"]], X), right)
    same(arrays(data.y, X.to_numpy()), right)
    same(arrays(data.y.convert_dtypes(), X.convert_dtypes()), right)
    same(arrays(data.y, data[["x", "z"]], add_constant=True), right)
    same(arrays(data.y, data[["x", "z"]].to_numpy(), add_constant=True), right)
    same(arrays(np.ma.array(data.y), np.ma.array(X)), right)
    named = arrays(data.y, X.to_numpy(), exog_names=["one", "a", "b"], endog_name="claims")
    assert list(named.params.index) == ["one", "a", "b"]
    assert named.model.endog_names == "claims"


def test_one_column(data: pd.DataFrame) -> None:
    right = peer(data, sm.add_constant(data.x))
    for x in (data.x, data.x.to_numpy(), data.x.tolist(), data[["x"]]):
        same(arrays(data.y, x, add_constant=True), right)
    same(arrays(data.y, data.x.to_numpy()), peer(data, data.x))
    assert list(arrays(data.y, data.x).params.index) == ["x"]


def test_labels_that_are_no_texts(data: pd.DataFrame) -> None:
    X = sm.add_constant(data[["x", "z"]])
    X.columns = [0, 1, ("z", "of")]
    fit = arrays(data.y, X)
    assert list(fit.params.index) == ["0", "1", "('z', 'of')"]
    np.testing.assert_allclose(fit.predict(X[[("z", "of"), 0, 1]]), fit.mu)


def test_where_the_constant_stands(data: pd.DataFrame) -> None:
    last = data[["x", "z"]].assign(const=1.0)
    same(arrays(data.y, last), peer(data, last))
    five = pd.DataFrame({"five": 5.0, "x": data.x, "z": data.z})
    same(arrays(data.y, five), peer(data, five))
    none = data[["x", "z"]]
    same(arrays(data.y, none), peer(data, none))


def test_two_constants(data: pd.DataFrame) -> None:
    X = pd.DataFrame({"five": 5.0, "x": data.x, "one": 1.0})
    with pytest.warns(CollinearityWarning, match="'five'"):
        fit = arrays(data.y, X)
    right = peer(data, X[["x", "one"]])
    np.testing.assert_allclose(fit.params[["x", "one"]], right.params, rtol=1e-8)
    np.testing.assert_allclose(fit.predict(X), right.fittedvalues, rtol=1e-8)


@pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")
@pytest.mark.parametrize("activation", ["tanh", "logistic"])
@pytest.mark.parametrize("skip", [True, False])
def test_networks_put_the_constant_first(data: pd.DataFrame, activation: str, skip: bool) -> None:
    options: dict[str, Any] = {"family": dg.Poisson(), "hidden": (2,), "activation": activation}
    model = dg.DeepGLM("y ~ x + z", data, skip=skip, **options)
    by_formula = model.fit(inference=None, starts=3)
    X = data[["x", "z"]]
    for value in (1.0, 5.0):
        for exog in (X.assign(const=value), X.assign(const=value)[["const", "z", "x"]]):
            other = dg.DeepGLM.from_arrays(data.y, exog, skip=skip, **options)
            assert other.exog_names[0] == "const"
            theta = by_formula.params.rename({"Intercept": "const"})[other.exog_names].copy()
            theta["const"] /= value
            llf = by_formula.penalized_llf
            assert other.penalized_loglike(theta) == pytest.approx(llf, rel=1e-10)
            fit = other.fit(inference=None, start_params=theta)
            assert fit.penalized_llf == pytest.approx(llf, rel=1e-10)
            np.testing.assert_allclose(fit.predict(exog), by_formula.mu, rtol=1e-5)


def test_networks_without_a_constant(data: pd.DataFrame) -> None:
    """The columns of the final layer and those of the units are standardised apart."""
    model = dg.DeepGLM("y ~ 0 + x + z", data, family=dg.Poisson(), hidden=(2,))
    np.testing.assert_allclose(model.exog, data[["x", "z"]])
    other = dg.DeepGLM.from_arrays(data.y, data[["x", "z"]], family=dg.Poisson(), hidden=(2,))
    theta = np.random.default_rng(0).normal(0.0, 0.01, len(model.exog_names))
    assert model.loglike(theta) == pytest.approx(other.loglike(theta), rel=1e-12)
    np.testing.assert_allclose(model.predict(theta), model.predict(theta, data), rtol=1e-10)


def test_binary_responses(data: pd.DataFrame) -> None:
    X = sm.add_constant(data[["x", "z"]])
    binomial = {"family": dg.Binomial()}
    right = arrays(data.yes.astype(float), X, **binomial)
    words = np.where(data.yes, "yes", "no")
    nullable = data.yes.astype("boolean")
    for endog in (data.yes, data.yes.to_numpy(), words, words.tolist(), nullable):
        same(arrays(endog, X, **binomial), right)
    frame = data.assign(words=words, category=pd.Categorical(words), nullable=nullable)
    for name in ("yes", "words", "category", "nullable"):
        same(glm(f"{name} ~ x + z", frame, **binomial), right)
    counts = np.column_stack((data.yes, ~data.yes)).astype(float)
    same(arrays(counts, X, **binomial), right)
    assert glm("yes ~ x", data, family=dg.Gaussian()).converged, "a linear probability model"


# -- tables -------------------------------------------------------------------------------------


def test_forms_of_tables(data: pd.DataFrame) -> None:
    formula, options = "y ~ x + z + g", {"exposure": "e", "freq_weights": "w"}
    right = glm(formula, data, **options)
    structured = data.drop(columns="g").to_records(index=False)
    columns = {name: data[name].to_numpy() for name in data}
    for table in (data.convert_dtypes(), dict(data), columns, data.to_dict("list")):
        fit = glm(formula, table, **options)
        same(fit, right)
        np.testing.assert_allclose(fit.predict(table), right.predict(data))
    same(glm("y ~ x + z", structured), glm("y ~ x + z", data))
    assert right.resid_response.index.equals(data.index)
    assert glm(formula, dict(data)).mu.index.equals(data.index)


@pytest.mark.parametrize("mask", ["array", "list", "series", "nullable", "labels", "reversed"])
def test_forms_of_subsets(data: pd.DataFrame, mask: str) -> None:
    chosen = data.z > -0.5
    subset: Any = {
        "array": chosen.to_numpy(),
        "list": chosen.tolist(),
        "series": chosen,
        "nullable": chosen.astype("boolean"),
        "labels": data.index[chosen],
        "reversed": chosen[::-1],
    }[mask]
    right = glm("y ~ x + g", data[chosen], exposure="e")
    same(glm("y ~ x + g", data, exposure="e", subset=subset), right)
    same(glm("y ~ x + g", data, exposure=data.e.to_numpy(), subset=subset), right)
    same(glm("y ~ x + g", data, exposure=data.e.to_numpy()[chosen], subset=subset), right)
    same(glm("y ~ x + g", data, exposure=data.e[::-1], subset=subset), right)
    same(glm("y ~ x + g", data, exposure=data.e[chosen], subset=subset), right)
    X = sm.add_constant(data[["x", "z"]])
    fit = arrays(data.y, X, subset=subset, offset=np.log(data.e))
    same(fit, peer(data[chosen], X[chosen], offset=np.log(data.e[chosen])))
    assert fit.mu.index.equals(data.index[chosen])
    if mask in ("array", "list"):
        as_lists = data.to_dict("list")
        same(glm("y ~ x + g", as_lists, exposure="e", subset=subset), right)


def test_series_are_matched_by_their_labels(data: pd.DataFrame) -> None:
    right = glm("y ~ x", data, exposure="e", var_weights="w")
    mixed = data.sample(frac=1.0, random_state=0)
    more = pd.concat([mixed, data.iloc[:1].rename(index=lambda _: "another")])
    same(glm("y ~ x", data, exposure=mixed.e, var_weights=more.w), right)
    nullable = data.e.convert_dtypes()
    same(glm("y ~ x", data, exposure=nullable, var_weights=data[["w"]]), right)
    columns = {"y": data.y.to_numpy(), "x": data.x.to_numpy()}
    # a dictionary of arrays has no labels, so a Series stands in the order of its rows
    same(glm("y ~ x", columns, exposure=data.e, var_weights=data.w), right)


def test_dropped_rows_take_their_weights_along(data: pd.DataFrame) -> None:
    spoiled = data.assign(x=data.x.where(data.z > -0.5), e=data.e.where(data.z < 1.0))
    kept = data[(data.z > -0.5) & (data.z < 1.0)]
    right = glm("y ~ x", kept, exposure="e", freq_weights="w")
    with pytest.warns(UserWarning, match=f"{60 - len(kept)} of 60 rows"):
        fit = glm("y ~ x", spoiled, exposure="e", freq_weights=data.w.to_numpy())
    same(fit, right)
    assert fit.mu.index.equals(kept.index)


def test_frequency_weights_need_not_be_whole_numbers(data: pd.DataFrame) -> None:
    half = data.w / 2
    same(glm("y ~ x", data, freq_weights=half), peer_formula(data, freq_weights=half))


def peer_formula(data: pd.DataFrame, **options: Any) -> Any:
    return sm.GLM.from_formula("y ~ x", data, family=sm.families.Poisson(), **options).fit(
        tol=1e-14
    )


# -- the user's own -----------------------------------------------------------------------------


def frozen(values: Any) -> np.ndarray:
    array = np.array(values, dtype=float)
    array.flags.writeable = False
    return array


@pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")
@pytest.mark.parametrize("hidden", [(), (2,)])
def test_nothing_of_the_users_is_changed(data: pd.DataFrame, hidden: tuple[int, ...]) -> None:
    before = copy.deepcopy(data)
    options = {"family": dg.Poisson(), "hidden": hidden}
    for formula in ("y ~ x + z + g", "y ~ 0 + x + z"):
        fit = dg.DeepGLM(formula, data, exposure="e", freq_weights="w", **options).fit(
            inference=None, starts=2
        )
        fit.predict(data)
        fit.summary()
    pd.testing.assert_frame_equal(data, before)
    y, X, e = frozen(data.y), frozen(data[["x", "z"]]), frozen(data.e)
    for exog in (X, np.column_stack((np.ones(60), X)), np.asfortranarray(X)):
        kept = exog.copy()
        model = dg.DeepGLM.from_arrays(
            y, exog, offset=np.log(e), var_weights=e, freq_weights=frozen(data.w), **options
        )
        fit = model.fit(inference=None, starts=2)
        fit.predict(exog, offset=0.0)
        np.testing.assert_array_equal(exog, kept)
    columns = {"y": y, "x": frozen(data.x), "e": e}
    dg.DeepGLM("y ~ x", columns, exposure="e", **options).fit(inference=None, starts=2).predict(
        columns
    )


def test_a_model_does_not_follow_later_changes(data: pd.DataFrame) -> None:
    mine = data.copy()
    X, w = sm.add_constant(data[["x", "z"]]).to_numpy(), data.w.to_numpy(dtype=float)
    by_formula = dg.DeepGLM("y ~ x", mine, family=dg.Poisson(), hidden=(), exposure="e")
    by_arrays = dg.DeepGLM.from_arrays(
        data.y, X, family=dg.Poisson(), hidden=(), freq_weights=w, offset=w
    )
    first = by_formula.fit(inference=None), by_arrays.fit(inference=None)
    mine[["x", "y", "e"]] = 1.0
    X[:], w[:] = 7.0, 9.0
    same(by_formula.fit(inference=None), first[0])
    same(by_arrays.fit(inference=None), first[1])
