"""What a result refuses, and what it does where something cannot be estimated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.errors import (
    CollinearityWarning,
    FormulaError,
    MissingColumnError,
    NotAvailableError,
    SpecificationError,
    UnseenLevelError,
)
from tests.results.parity import fitted, table


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return table("poisson-log").assign(twice=lambda d: 2 * d.x, sum=lambda d: d.x + d.z)


@pytest.fixture(scope="module")
def aliased(data: pd.DataFrame) -> Any:
    model_options: dict[str, Any] = {"family": dg.Poisson(), "hidden": ()}
    with pytest.warns(CollinearityWarning):
        return dg.DeepGLM("y ~ x + z + twice + sum", data, **model_options).fit()


@pytest.fixture(scope="module")
def plain(data: pd.DataFrame) -> Any:
    return dg.DeepGLM("y ~ x + z", data, family=dg.Poisson(), hidden=()).fit()


# -- aliased columns ----------------------------------------------------------------------------


def test_aliased_columns_are_nan_and_the_others_as_without_them(aliased: Any, plain: Any) -> None:
    names = ["Intercept", "x", "z"]
    assert aliased.params[["twice", "sum"]].isna().all()
    assert aliased.bse[["twice", "sum"]].isna().all()
    assert np.allclose(aliased.params[names], plain.params)
    assert np.allclose(aliased.bse[names], plain.bse)
    assert aliased.df_model == plain.df_model
    assert list(aliased.aliased[aliased.aliased].index) == ["twice", "sum"]
    text = str(aliased.summary())
    assert "Set aside because earlier columns determine them: 'twice', 'sum'" in text


def test_contrasts_on_aliased_columns_are_given_where_the_data_determine_them(
    aliased: Any, plain: Any
) -> None:
    # eta = b x + c z: x's whole effect is x + 2 twice + sum
    whole = aliased.t_test("x + 2 * twice + sum = 0")
    assert whole.effect[0] == pytest.approx(plain.params["x"])
    assert np.squeeze(whole.sd) == pytest.approx(plain.bse["x"])
    lone = aliased.t_test("twice = 0, x = 0")
    assert np.isnan(lone.sd[0]) and np.isnan(lone.pvalue[0])
    assert lone.sd[1] == pytest.approx(plain.bse["x"])
    assert np.isnan(aliased.wald_test("twice = 0, x = 0").pvalue)
    given = aliased.t_test("twice = 0, x = 0", cov_p=0.04 * np.eye(5))
    assert np.isnan(given.sd[0])
    assert given.sd[1] == pytest.approx(0.2)
    R = np.array([0.0, 1.0, 0.0, 2.0, 1.0])
    assert aliased.cov_params(r_matrix=R) == pytest.approx(plain.bse["x"] ** 2)
    assert np.isnan(aliased.cov_params(r_matrix=np.array([0.0, 0, 0, 1, 0])))


def test_predictions_with_aliased_columns(aliased: Any, plain: Any, data: pd.DataFrame) -> None:
    new = data.iloc[:3].copy()
    mine, theirs = aliased.get_prediction(new), plain.get_prediction(new)
    assert np.allclose(mine.summary_frame(), theirs.summary_frame())
    new.iloc[1, new.columns.get_loc("twice")] = 7.0  # breaks what held on the rows of the fit
    se = aliased.get_prediction(new).se_mean
    assert np.isnan(se[1]) and np.isfinite(se[[0, 2]]).all()
    assert np.isnan(aliased.get_margeff().margeff_se[2:]).all()


# -- new rows -----------------------------------------------------------------------------------


def test_missing_inputs_give_nan_in_place(plain: Any, data: pd.DataFrame) -> None:
    new = data.iloc[5:9].copy()
    new.iloc[2, new.columns.get_loc("x")] = np.nan
    predicted = plain.predict(new)
    assert list(predicted.index) == list(new.index)
    assert predicted.isna().tolist() == [False, False, True, False]
    frame = plain.get_prediction(new).summary_frame()
    assert frame.isna().all(axis=1).tolist() == [False, False, True, False]


def test_new_rows_in_other_forms(plain: Any, data: pd.DataFrame) -> None:
    right = plain.predict(data.iloc[:2]).to_numpy()
    as_dict = {name: data[name].to_numpy()[:2] for name in ("x", "z")}
    assert np.allclose(plain.predict(as_dict), right)
    assert np.allclose(plain.predict(data[["x", "z"]].iloc[0]), right[:1])
    X = np.column_stack([np.ones(2), data[["x", "z"]].to_numpy()[:2]])
    assert np.allclose(plain.predict(X, transform=False), right)
    assert np.allclose(plain.get_prediction(X, transform=False).predicted_mean, right)


def test_offset_on_the_rows_kept_is_not_forgotten() -> None:
    """statsmodels' get_prediction() without rows leaves the exposure out."""
    ours = fitted("poisson-log", "exposure").ours
    assert np.allclose(ours.get_prediction().predicted_mean, ours.mu)
    assert np.allclose(ours.predict(), ours.mu)
    assert np.allclose(ours.get_distribution().mean(), ours.mu)
    assert np.allclose(
        ours.predict(exposure=np.ones(90)) * ours.model._data.variables["exposure"].values, ours.mu
    )


def test_distribution_of_weighted_and_binomial_rows() -> None:
    counts = fitted("binomial-logit", "counts")
    law = counts.ours.get_distribution()
    assert np.allclose(law.mean(), counts.data.trials * counts.ours.mu)
    weighted = fitted("gaussian-identity", "var_weights")
    law = weighted.ours.get_distribution()
    assert np.allclose(law.var(), weighted.ours.scale / weighted.data.var_weights)


def test_wrong_rows(plain: Any, data: pd.DataFrame) -> None:
    with pytest.raises(MissingColumnError, match="z"):
        plain.predict(data[["x"]])
    with pytest.raises(SpecificationError, match="3 columns"):
        plain.predict(np.ones((2, 5)), transform=False)
    with pytest.raises(SpecificationError, match="'var_unscaled'"):
        plain.predict(which="median")
    factor = fitted("poisson-log", "plain").ours
    with pytest.raises(UnseenLevelError, match="d"):
        factor.predict(data.iloc[:1].assign(g="d"))


# -- covariances --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cov_type", "kwds", "message"),
    [
        ("HC9", {}, "'HC3'"),
        ("cluster", {}, "needs cov_kwds={'groups'"),
        ("HAC", {"maxlags": 1, "lags": 2}, "does not take"),
        ("HC0", {"groups": [1]}, "does not take"),
        ("HAC", {"maxlags": 2.5}, "whole number"),
        ("HAC", {"maxlags": 1, "kernel": "gauss"}, "'bartlett'"),
        ("cluster", {"groups": [1, 2, 3]}, "each of the 90 rows"),
        ("hac-panel", {"maxlags": 1}, "'groups' or 'time'"),
        ("hac-groupsum", {"maxlags": 1, "time": [1, 2]}, "each of the 90 rows"),
    ],
)
def test_wrong_covariances_are_refused_before_the_fit(
    data: pd.DataFrame, cov_type: str, kwds: dict[str, Any], message: str
) -> None:
    model = dg.DeepGLM("y ~ x + z", data, family=dg.Poisson(), hidden=())
    with pytest.raises(SpecificationError, match=message):
        model.fit(cov_type=cov_type, cov_kwds=kwds)


def test_labelled_clusters_follow_dropped_rows() -> None:
    pair = fitted("poisson-log", "missing")
    whole = pair.data["cluster"]
    kept = whole.loc[pair.ours.mu.index].to_numpy()
    a = pair.ours.get_robustcov_results("cluster", groups=whole)
    b = pair.ours.get_robustcov_results("cluster", groups=kept)
    assert np.array_equal(a.bse, b.bse)
    assert a.n_groups == len(np.unique(kept))
    assert pair.ours.cov_type == "nonrobust"


def test_text_labels_cluster_as_numbers_do(plain: Any, data: pd.DataFrame) -> None:
    a = plain.get_robustcov_results("cluster", groups=data["cluster"])
    b = plain.get_robustcov_results("cluster", groups=data["cluster"].map(lambda k: f"c{k}"))
    assert np.array_equal(a.bse, b.bse)


# -- words --------------------------------------------------------------------------------------


def test_wrong_words(plain: Any) -> None:
    with pytest.raises(SpecificationError, match="'qaic'"):
        plain.info_criteria("cp")
    with pytest.raises(SpecificationError, match="needs scale="):
        plain.info_criteria("qaic")
    with pytest.raises(SpecificationError, match="'mcf'"):
        plain.pseudo_rsquared("r2")
    with pytest.raises(SpecificationError, match="'overall'"):
        plain.get_margeff(at="average")
    with pytest.raises(SpecificationError, match="'eydx'"):
        plain.get_margeff(method="slope")
    with pytest.raises(SpecificationError, match="dummy"):
        plain.get_margeff(method="eyex", dummy=True)
    with pytest.raises(NotAvailableError, match="at='overall'"):
        _ = plain.get_margeff(at="all").tvalues
    with pytest.raises(FormulaError, match="coefficient"):
        plain.t_test("q = 0")
    with pytest.raises(SpecificationError, match="3 coefficients"):
        plain.summary(xname=["a"])
    with pytest.raises(SpecificationError, match="not a term of one"):
        plain.t_test_pairwise("x")
    with pytest.raises(SpecificationError, match="the terms are"):
        plain.t_test_pairwise("q")
    with pytest.raises(SpecificationError, match="needs r_matrix"):
        plain.cov_params(other=np.eye(3))


def test_no_degrees_of_freedom_left() -> None:
    data = pd.DataFrame({"y": [1.0, 2.0, 4.0], "x": [0.0, 1.0, 3.0], "z": [1.0, 0.0, 2.0]})
    result = dg.DeepGLM("y ~ x + z", data, hidden=()).fit()
    assert np.isnan(result.scale) and result.bse.isna().all()
    assert "no degrees of freedom" in result.withheld
    assert np.isnan(result.wald_test("x = 0").pvalue)
    predicted = result.get_prediction()
    assert "degrees of freedom" in predicted.withheld and "degrees of freedom" in str(predicted)
    frame = predicted.summary_frame()
    assert np.allclose(frame["mean"], data.y) and frame.drop(columns="mean").isna().all(axis=None)
    assert "degrees of freedom" in str(result.summary()).replace("\n", " ")


def test_penalised_glm_has_no_statsmodels_equivalent(data: pd.DataFrame) -> None:
    model = dg.DeepGLM("y ~ x + z", data, family=dg.Poisson(), hidden=(), penalty=dg.L2(5.0))
    result = model.fit()
    with pytest.raises(NotAvailableError, match="penalty=None"):
        result.plot_added_variable("x")
    assert result.get_influence(observed=False).hat_matrix_diag.sum() == pytest.approx(result.edf)
    with pytest.raises(NotAvailableError, match="penalised"):
        _ = result.llr
    assert result.edf < 3
    assert result.get_hat_matrix_diag(observed=False).sum() == pytest.approx(result.edf)
    assert "Penalised Log-Lik." in str(result.summary())


def test_quasi_families_have_no_distribution(data: pd.DataFrame) -> None:
    model = dg.DeepGLM("y ~ x + z", data, family=dg.Quasi("log", "mu"), hidden=())
    result = model.fit()
    poisson = dg.DeepGLM("y ~ x + z", data, family=dg.Poisson(), hidden=()).fit(scale="X2")
    assert np.allclose(result.params, poisson.params)
    assert np.allclose(result.bse, poisson.bse)
    assert result.deviance == pytest.approx(poisson.deviance)
    for member in (result.get_distribution, lambda: result.resid_anscombe):
        with pytest.raises(NotAvailableError):
            member()
    assert "Quasi" in str(result.summary())
    assert result.get_influence().cooks_distance[0].shape == (90,)
