"""Every public member of statsmodels' results works, or says why it cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.base.model import LikelihoodModelResults
from statsmodels.genmod.generalized_linear_model import GLM, GLMResults

import deepglm as dg
from deepglm.errors import NotAvailableError
from tests.results.parity import fitted, table

CALLS: dict[str, dict[str, Any]] = {
    "cov_params": {},
    "conf_int": {},
    "t_test": {"r_matrix": "x = 0"},
    "f_test": {"r_matrix": "x = 0"},
    "wald_test": {"r_matrix": "x = 0"},
    "wald_test_terms": {},
    "t_test_pairwise": {"term_name": "C(g)"},
    "score_test": {"exog_extra": np.linspace(0, 1, 90)[:, None] ** 2},
    "predict": {},
    "get_prediction": {},
    "get_distribution": {},
    "get_margeff": {},
    "get_influence": {},
    "get_hat_matrix_diag": {},
    "info_criteria": {"crit": "aic"},
    "pseudo_rsquared": {},
    "llf_scaled": {},
    "summary": {},
    "summary2": {},
    "plot_added_variable": {"focus_exog": "x"},
    "plot_partial_residuals": {"focus_exog": "x"},
    "plot_ceres_residuals": {"focus_exog": "x"},
    "save": {"fname": "nowhere"},
    "load": {"fname": "nowhere"},
    "remove_data": {},
    "initialize": {"model": None, "params": None},
}

NEVER = {"save", "load", "remove_data", "initialize"}

NOT_DEEP = NEVER | {
    "t_test",
    "f_test",
    "wald_test",
    "wald_test_terms",
    "t_test_pairwise",
    "plot_added_variable",
    "plot_partial_residuals",
    "plot_ceres_residuals",
}


def members() -> list[str]:
    """What a statsmodels result has, whether on the class or written by a fit."""
    data = table("poisson-log")
    result = GLM(data["y"], data[["x", "z"]], family=sm.families.Poisson()).fit()._results
    found = set(dir(GLMResults)) | set(vars(result))
    return sorted(name for name in found if not name.startswith("_"))


@pytest.fixture(scope="module")
def glm() -> Any:
    return fitted("poisson-log", "plain").ours


@pytest.fixture(scope="module")
def deep() -> Any:
    data = table("poisson-log")
    data["y"] = np.random.default_rng(0).poisson(np.exp(1 + np.sin(6 * data.x)))
    model = dg.DeepGLM("y ~ x + z + C(g)", data, family=dg.Poisson(), hidden=(2,))
    return model.fit(seed=1)


@pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")
@pytest.mark.parametrize("name", members())
@pytest.mark.parametrize("which", ["glm", "deep"])
def test_works_or_says_why(name: str, which: str, request: pytest.FixtureRequest) -> None:
    if name.startswith("plot"):
        pytest.importorskip("matplotlib").use("Agg")
    result = request.getfixturevalue(which)
    refused = NEVER if which == "glm" else NOT_DEEP
    if name in refused:
        with pytest.raises(NotAvailableError, match=r"\w{3,}.*\."):
            getattr(result, name)(**CALLS[name])
        return
    value = getattr(result, name)
    if callable(value) and not isinstance(value, pd.Series):
        assert value(**CALLS[name]) is not None


@pytest.mark.parametrize("name", sorted(set(members()) - {"model"}))
def test_no_public_attribute_can_be_set(glm: Any, name: str) -> None:
    with pytest.raises(AttributeError, match="cannot be set"):
        setattr(glm, name, 1)


def test_nor_deleted(glm: Any) -> None:
    with pytest.raises(AttributeError, match="cannot be deleted"):
        del glm.llf


def test_is_a_statsmodels_result(glm: Any, deep: Any) -> None:
    assert isinstance(glm, LikelihoodModelResults)
    assert isinstance(deep, LikelihoodModelResults)


def test_what_is_handed_out_is_a_copy(glm: Any) -> None:
    before = glm.params
    params, mu, cov = glm.params, glm.mu, glm.cov_params()
    params.iloc[0] = mu.iloc[0] = 99.0
    cov.iloc[0, 0] = 99.0
    assert (glm.params == before).all()
    assert glm.mu.iloc[0] != 99.0
    assert glm.cov_params().iloc[0, 0] != 99.0


def test_members_that_statsmodels_lacks(glm: Any, deep: Any) -> None:
    assert glm.llr == pytest.approx(glm.null_deviance - glm.deviance)
    assert 0 < glm.llr_pvalue < 1
    with pytest.raises(NotAvailableError, match="not identified"):
        _ = deep.llr
    assert deep.penalized_llf < deep.llf
    assert glm.linpred.to_numpy() == pytest.approx(np.log(glm.mu))
    assert glm.edf == glm.df_model + 1 == 5
    assert glm.withheld == ""


def test_statsmodels_takes_it(glm: Any) -> None:
    from statsmodels.iolib.summary2 import summary_col

    text = str(summary_col([glm], stars=True))
    assert "C(g)[T.b]" in text


def test_it_can_be_pickled(glm: Any) -> None:
    import pickle

    again = pickle.loads(pickle.dumps(glm))
    assert (again.params == glm.params).all()
    assert (again.bse == glm.bse).all()
