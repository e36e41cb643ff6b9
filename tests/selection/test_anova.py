"""Comparisons of fits: R's F and chi-square between GLMs, score tests against networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.anova import anova_lm

import deepglm as dg
from deepglm.errors import (
    CollinearityWarning,
    ConvergenceWarning,
    DroppedRowsWarning,
    NotAvailableError,
    SeparationWarning,
    SpecificationError,
)

pytestmark = pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")

TREES = dg.datasets.load("trees")


def glm(formula: str, data: pd.DataFrame = TREES, **options: Any) -> Any:
    return dg.DeepGLM(formula, data, hidden=(), **options).fit()


@pytest.fixture(scope="module")
def network() -> Any:
    model = dg.DeepGLM("Volume ~ Girth + Height", TREES, hidden=(2,))
    return model.fit(inference=None)


def test_linear_models_are_compared_by_f() -> None:
    formulas = ["Volume ~ Girth", "Volume ~ Girth + Height", "Volume ~ Girth * Height"]
    ours = dg.anova(*map(glm, formulas))
    theirs = anova_lm(*(sm.OLS.from_formula(f, TREES).fit() for f in formulas))
    np.testing.assert_allclose(ours.deviance, theirs.ssr)
    np.testing.assert_allclose(ours.statistic[1:], theirs.F[1:])
    # as in R, the tail is that of the largest model's degrees of freedom
    np.testing.assert_allclose(ours.pvalue[1:], stats.f.sf(theirs.F[1:], 1, 27))
    assert ours.test.tolist() == ["", "F", "F"]
    assert list(ours.index) == ["fit 1", "fit 2", "fit 3"]


def test_order_does_not_matter_for_a_pair() -> None:
    small, large = glm("Volume ~ Girth"), glm("Volume ~ Girth + Height")
    there, back = dg.anova(small, large), dg.anova({"large": large, "small": small})
    assert there.pvalue.iloc[1] == back.pvalue["small"]
    assert (there.df.iloc[1], back.df["small"]) == (1.0, -1.0)


def test_known_dispersion_gives_the_likelihood_ratio() -> None:
    ships = dg.datasets.load("ships").query("service > 0")
    options = {"family": dg.Poisson(), "exposure": "service"}
    small, large = (glm(f"incidents ~ {x}", ships, **options) for x in ("type", "type + period"))
    ours = dg.anova(small, large)
    assert ours.test.iloc[1] == "Chisq"
    assert ours.statistic.iloc[1] == pytest.approx(2.0 * (large.llf - small.llf))
    wider = dg.anova(small, large, test="F")
    assert wider.statistic.iloc[1] == pytest.approx(ours.statistic.iloc[1])


def test_an_estimated_alpha_is_estimated_in_both() -> None:
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"x": rng.normal(size=200), "z": rng.normal(size=200)})
    data["y"] = rng.negative_binomial(2, 2.0 / (2.0 + np.exp(0.5 + 0.5 * data.x)))
    small, large = (glm(f"y ~ {x}", data, family=dg.NegativeBinomial()) for x in ("x", "x + z"))
    ours = dg.anova(small, large)
    assert ours.statistic.iloc[1] == pytest.approx(2.0 * (large.llf - small.llf), rel=1e-6)
    assert large.drop1().LRT["z"] == pytest.approx(ours.statistic.iloc[1], rel=1e-6)


def test_rao() -> None:
    ships = dg.datasets.load("ships").query("service > 0")
    data = ships.assign(late=(ships.period == 75).astype(float))
    options = {"family": dg.Poisson(), "offset": np.log(data.service)}
    small, large = (glm(f"incidents ~ {x}", data, **options) for x in ("type", "type + late"))
    found = dg.anova(small, large, test="Rao")
    theirs = small.score_test(data[["late"]].to_numpy(), return_object=False)
    assert found.statistic.iloc[1] == pytest.approx(float(np.squeeze(theirs[0])), rel=1e-7)
    robust = dg.anova(small, large, test="Rao", cov_type="HC0")
    assert robust.statistic.iloc[1] != found.statistic.iloc[1]


def test_a_glm_against_the_network_that_nests_it(network: Any) -> None:
    ours = dg.anova(glm("Volume ~ Girth"), glm("Volume ~ Girth + Height"), network)
    assert ours.test.iloc[2].startswith("lm (")
    assert ours.pvalue.iloc[2] < 0.01
    assert ours.change.iloc[2] == pytest.approx(ours.deviance.iloc[1] - network.deviance)
    assert ours.bic["fit 3"] == network.bic
    table = glm("Volume ~ Girth + Height").nonlinearity_test()
    assert ours.pvalue.iloc[2] == pytest.approx(table.pvalue_adjusted.min())
    robust = dg.anova(glm("Volume ~ Girth + Height"), network, cov_type="HC0")
    assert robust.pvalue.iloc[1] > ours.pvalue.iloc[2]
    alone = dg.anova(glm("Volume ~ Girth"), network)  # what the GLM lacks is a candidate too
    assert alone.pvalue.iloc[1] < 0.01


def test_the_parametric_bootstrap(network: Any) -> None:
    small = glm("Volume ~ Girth + Height")
    found = dg.anova(small, network, test="lr_boot", bootstrap=19)
    assert found.pvalue.iloc[1] == 0.05
    assert found.test.iloc[1] == "lr_boot (one tanh unit)"


def test_the_parametric_bootstrap_needs_a_network_of_the_same_inputs(network: Any) -> None:
    girth = dg.DeepGLM("Volume ~ Girth + Height + deep(Girth, units=(1,))", TREES)
    for pair in (
        (glm("Volume ~ Girth"), network),
        (glm("Volume ~ Girth + Height"), girth.fit(inference=None)),
    ):
        with pytest.raises(NotAvailableError, match="'fit 2' is made of others.*test='lm'"):
            dg.anova(*pair, test="lr_boot", bootstrap=19)


def test_a_robust_fit_has_no_difference_of_deviances(network: Any) -> None:
    formulas = ("Volume ~ Girth", "Volume ~ Girth + Height")
    small, large = (glm(one).get_robustcov_results("HC1") for one in formulas)
    found = dg.anova(small, large)
    assert found.pvalue.isna().all()
    assert found.change.iloc[1] == pytest.approx(small.deviance - large.deviance)
    assert "not robust" in found.reason.iloc[1]
    with pytest.raises(NotAvailableError, match="cov_type='HC1'.*test='Rao'"):
        dg.anova(small, large, test="F")
    for call in (large.drop1, lambda: dg.anova(large)):
        with pytest.raises(NotAvailableError, match="wald_test_terms"):
            call()
    rao = dg.anova(*map(glm, formulas), test="Rao", cov_type="HC1")
    again = dg.anova(small, large, test="Rao")
    assert rao.pvalue.iloc[1] == again.pvalue.iloc[1]
    assert again.reason.iloc[1] == ""
    assert dg.anova(large, network).pvalue.notna().iloc[1]
    with pytest.raises(NotAvailableError, match="cov_type='HC1'"):
        dg.anova(large, network, test="lr_boot")


def test_separated_responses_have_a_deviance_and_no_test() -> None:
    data = TREES.assign(tall=(TREES.Height > 75).astype(float))
    with pytest.warns(SeparationWarning):
        fit = glm("tall ~ Girth + Height", data, family=dg.Binomial())
    small = glm("tall ~ Girth", data, family=dg.Binomial())
    found = dg.anova(small, fit)
    assert found.certified.tolist() == [True, False]
    assert found.deviance.iloc[1] == fit.deviance
    assert np.isnan(found.pvalue.iloc[1])
    assert "'fit 2': the fit is not certified and the likelihood has no max" in found.reason.iloc[1]
    least = glm("tall ~ 1", data, family=dg.Binomial())
    assert dg.anova(least, small, fit).pvalue.iloc[1] == dg.anova(least, small).pvalue.iloc[1]
    for call in (fit.drop1, lambda: dg.anova(fit), lambda: dg.anova(small, fit, test="Chisq")):
        with pytest.raises(NotAvailableError, match="no maximum.*separated") as caught:
            call()
        assert "standard errors" not in str(caught.value)


def test_a_network_that_is_not_certified_says_so() -> None:
    with pytest.warns(ConvergenceWarning):
        bad = dg.DeepGLM("Volume ~ Girth + Height", TREES, hidden=(2,)).fit(maxiter=1, starts=1)
    found = dg.anova(glm("Volume ~ Girth + Height"), bad)
    assert found.certified.tolist() == [True, False]
    assert "'fit 2' is not certified" in found.reason.iloc[1]
    assert found.pvalue.notna().iloc[1]  # it is the GLM's scores that are tested


def test_the_same_columns_have_no_test() -> None:
    data = TREES.assign(twice=2.0 * TREES.Girth)
    found = dg.anova(glm("Volume ~ Girth"), glm("Volume ~ twice", data))
    assert "same columns" in found.reason.iloc[1]
    with pytest.warns(CollinearityWarning):
        fit = glm("Volume ~ Girth + twice", data)
    assert dg.anova(fit).reason.tolist() == ["", "", "earlier terms determine its columns"]


def test_no_p_value_where_nothing_is_nested(network: Any) -> None:
    other = dg.DeepGLM("Volume ~ Girth + Height", TREES, hidden=(1,)).fit(inference=None)
    plain = dg.DeepGLM("Volume ~ Girth + Height", TREES, hidden=(2,), skip=False)
    for pair in (
        (other, network),
        (glm("Volume ~ Girth"), glm("Volume ~ Height")),
        (glm("Volume ~ Girth"), plain.fit(inference=None)),
    ):
        found = dg.anova(*pair)
        assert np.isnan(found.pvalue.iloc[1])
        assert "needs nested fits" in found.reason.iloc[1]
        assert found.deviance.notna().all()
        assert found.bic.notna().all()
        with pytest.raises(SpecificationError, match="needs nested fits"):
            dg.anova(*pair, test="Chisq")


def test_terms_of_one_fit_in_the_order_of_the_formula() -> None:
    data = TREES.assign(tall=np.where(TREES.Height > 75, "yes", "no"))
    ours = dg.anova(glm("Volume ~ Girth + tall + Girth:tall", data))
    theirs = anova_lm(sm.OLS.from_formula("Volume ~ Girth + C(tall)", data).fit())
    assert list(ours.index) == ["NULL", "Girth", "tall", "Girth:tall"]
    assert ours.change["Girth"] == pytest.approx(
        ours.deviance["NULL"] - sm.OLS.from_formula("Volume ~ Girth", data).fit().ssr
    )
    assert theirs.sum_sq.sum() == pytest.approx(ours.deviance["NULL"])


def test_drop1_respects_marginality() -> None:
    fit = glm("Volume ~ Girth * Height")
    assert list(fit.drop1().index) == ["<none>", "Girth:Height"]
    asked = fit.drop1(["Girth"])
    small = sm.OLS.from_formula("Volume ~ Height + Girth:Height", TREES).fit()
    assert asked.deviance["Girth"] == pytest.approx(small.ssr)
    with pytest.raises(SpecificationError, match="'Age' is not a term; the terms are 'Girth'"):
        fit.drop1("Age")


# -- what is refused ------------------------------------------------------------------------------


def test_other_rows_are_seen() -> None:
    fit = glm("Volume ~ Girth")
    with pytest.raises(SpecificationError, match="number of rows is 31"):
        dg.anova(fit, glm("Volume ~ Girth + Height", TREES[:-1]))
    swapped = TREES.assign(Volume=TREES.Volume.to_numpy()[::-1])
    with pytest.raises(SpecificationError, match="response of row 0"):
        dg.anova(fit, glm("Volume ~ Girth + Height", swapped))
    with pytest.raises(SpecificationError, match="label of row number 4"):
        dg.anova(glm("Volume ~ Girth", TREES[:-1]), glm("Volume ~ Girth", TREES.drop(index=4)))
    weighted = glm("Volume ~ Girth + Height", TREES, freq_weights=np.r_[2, np.ones(30)])
    with pytest.raises(SpecificationError, match="frequency weight of row 0"):
        dg.anova(fit, weighted)
    with pytest.raises(SpecificationError, match="family is Gaussian"):
        dg.anova(fit, glm("Volume ~ Girth", family=dg.Gamma()))


def test_a_missing_value_in_another_column_changes_the_rows() -> None:
    data = TREES.assign(Height=TREES.Height.where(TREES.index != 3))
    with pytest.warns(DroppedRowsWarning):
        large = glm("Volume ~ Girth + Height", data)
    with pytest.raises(SpecificationError, match="30 .1 left out"):
        dg.anova(glm("Volume ~ Girth", data), large)


def test_bad_input(network: Any) -> None:
    small, large = glm("Volume ~ Girth"), glm("Volume ~ Girth + Height")
    with pytest.raises(SpecificationError, match="none is given"):
        dg.anova()
    with pytest.raises(SpecificationError, match="of type str"):
        dg.anova([small, "large"])
    with pytest.raises(SpecificationError, match="test='t' is not known; accepted are 'Chisq'"):
        dg.anova(small, large, test="t")
    with pytest.raises(SpecificationError, match="cov_type is for"):
        dg.anova(small, large, cov_type="HC0")
    with pytest.raises(NotAvailableError, match="not chi-square"):
        dg.anova(large, network, test="Chisq")
    with pytest.raises(NotAvailableError, match="input_tests"):
        dg.anova(network)
    with pytest.raises(NotAvailableError, match="input_tests"):
        network.drop1()
    with pytest.raises(NotAvailableError, match="term by term"):
        dg.anova(small, test="Rao")
    ridge = glm("Volume ~ Girth + Height", penalty=dg.L2(1e-3))
    assert "'fit 2': the fit is penalised" in dg.anova(small, ridge).reason.iloc[1]
    with pytest.raises(NotAvailableError, match="penalised"):
        dg.anova(small, ridge, test="F")
    with pytest.raises(SpecificationError, match="seed=-1"):
        dg.anova(small, large, seed=-1)
