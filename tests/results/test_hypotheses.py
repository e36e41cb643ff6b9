"""Tests of inputs, units and forms: against score tests written out, and cases of known answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import deepglm as dg
from deepglm.errors import MissingColumnError, NotAvailableError, SpecificationError

pytestmark = pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")


def table(n: int = 300, seed: int = 0, effect: float = 0.0) -> pd.DataFrame:
    """Two units in x1 and x2; x3 has a U-shaped effect or none, g none."""
    rng = np.random.default_rng(seed)
    x1 = np.minimum(rng.exponential(size=n), 4.0) - 1.0
    x2 = rng.uniform(-1.73, 1.73, n)
    x3 = 0.6 * x1 + 0.8 * rng.normal(size=n)
    eta = 0.2 + 1.2 * np.tanh(0.3 + 1.5 * x1 - x2) - np.tanh(-0.5 + 0.5 * x1 + 1.5 * x2)
    eta = eta + effect * (x3**2 - 1.0)
    return pd.DataFrame(
        {
            "y": eta + 0.5 * rng.normal(size=n),
            "b": (rng.uniform(size=n) < 1.0 / (1.0 + np.exp(-1.5 * eta))).astype(float),
            "x1": x1,
            "x2": x2,
            "x3": x3,
            "g": rng.choice(["p", "q", "r"], n),
            "cluster": np.arange(n) // 3,
        }
    )


def network(formula: str, data: pd.DataFrame, family: Any = None, **options: Any) -> Any:
    return dg.DeepGLM(formula, data, family=family, **options).fit(starts=6, inference=None)


@pytest.fixture(scope="module")
def u_shape() -> Any:
    return network("y ~ x1 + x2 + x3 + g", table(effect=0.2), hidden=(2,), skip=False)


@pytest.fixture(scope="module")
def glm() -> Any:
    return dg.DeepGLM("y ~ x1 + x2 + g", table(), hidden=()).fit()


# -- inputs ---------------------------------------------------------------------------------------


def test_the_first_order_test_is_blind_to_a_u_shape_and_the_other_is_not(u_shape: Any) -> None:
    found = u_shape.input_tests()
    assert list(found.index) == ["x1", "x2", "x3", "g"]
    assert found.df.tolist() == [2, 2, 2, 4]
    assert (found.pvalue[["x1", "x2"]] < 1e-10).all()
    assert found.pvalue["x3"] > 0.02 > 1e-6 > found.pvalue_any["x3"]
    assert found.loc["g", ["pvalue", "pvalue_any"]].min() > 0.02
    assert (found.reason == "").all()
    assert found.attrs["test"] == "F"


def test_without_hidden_layers_it_is_the_f_test_of_a_term(glm: Any) -> None:
    found = glm.input_tests()
    data = table()
    X = pd.get_dummies(data[["x1", "x2", "g"]], drop_first=True, dtype=float)
    theirs = sm.OLS(data.y, sm.add_constant(X)).fit()
    assert found.statistic["x1"] == pytest.approx(theirs.tvalues["x1"] ** 2, rel=1e-8)
    assert found.pvalue["g"] == pytest.approx(theirs.f_test("g_q = g_r = 0").pvalue, rel=1e-8)
    assert found.df["g"] == 2
    adjusted = glm.input_tests(["x1", "g"], adjust="bonferroni")
    assert adjusted.pvalue["g"] == pytest.approx(2.0 * found.pvalue["g"])


def test_of_a_binomial_it_is_raos_chi_square() -> None:
    data = table()
    found = dg.DeepGLM("b ~ x1 + x2 + g", data, dg.Binomial(), hidden=()).fit().input_tests("x2")
    X = pd.get_dummies(data[["x1", "g"]], drop_first=True, dtype=float)
    small = sm.GLM(data.b, sm.add_constant(X), family=sm.families.Binomial()).fit(tol=1e-12)
    theirs = small.score_test(exog_extra=data[["x2"]].to_numpy(), return_object=False)
    assert found.statistic["x2"] == pytest.approx(float(np.squeeze(theirs[0])), rel=1e-7)
    assert found.attrs["test"] == "chi2"


def test_score_test_of_a_name_is_the_first_order_test(u_shape: Any) -> None:
    row = u_shape.input_tests("x3").loc["x3"]
    one = u_shape.score_test("x3")
    assert (one.statistic, one.pvalue) == (row.statistic, row.pvalue)
    assert u_shape.score_test("x3", cov_type="HC0").distribution == "chi2"
    square = u_shape.score_test(table(effect=0.2).x3 ** 2)
    assert square.pvalue < 1e-4


def test_robust_forms(u_shape: Any) -> None:
    hc = u_shape.input_tests("x3", cov_type="HC1")
    clustered = u_shape.input_tests("x3", cov_type="cluster", cov_kwds={"groups": table().cluster})
    assert hc.attrs == {"test": "chi2", "cov_type": "HC1"}
    assert 0.0 < hc.pvalue_any["x3"] < 0.01
    assert 0.0 < clustered.pvalue_any["x3"] < 0.05
    alone = u_shape.get_robustcov_results("HC1").input_tests("x3")
    pd.testing.assert_frame_equal(alone, hc)


def test_a_deep_term_without_its_only_input_goes() -> None:
    data = table(effect=0.3)
    fit = network("y ~ x1 + deep(x2, units=(2,)) + deep(x3, units=(2,))", data)
    found = fit.input_tests()
    assert found.df.tolist() == [1, 1, 1]  # the units are not identified; x itself is
    assert (found.pvalue_any < 1e-4).all()


def test_what_other_columns_determine_has_no_test() -> None:
    data = table().assign(twice=lambda d: 2.0 * d.x1)
    with pytest.warns(dg.errors.CollinearityWarning):
        fit = dg.DeepGLM("y ~ x1 + twice + x2", data, hidden=()).fit()
        deep = network("y ~ x1 + twice + x2", data, hidden=(1,))
    for one in (fit, deep):
        found = one.input_tests()
        for name in ("x1", "twice"):  # without x1, twice is taken up again
            assert found.loc[name, ["pvalue", "pvalue_any"]].isna().all()
            assert "determine" in found.reason[name]
        assert found.pvalue["x2"] < 0.05
        assert found.reason["x2"] == ""
    for method in ("score", "wald", "lr"):
        asked = fit.test_input("x1", method)
        assert np.isnan(asked.pvalue)
        assert "determine" in asked.reason
    with pytest.raises(NotAvailableError, match="'x1' has no products of its own"):
        fit.interaction_test("x1", "x2")


def test_a_column_may_have_one_dimension(glm: Any) -> None:
    square = table().x1.to_numpy() ** 2
    one, two = glm.score_test(square), glm.score_test(square[:, None])
    assert float(np.squeeze(one.pvalue)) == float(np.squeeze(two.pvalue)) < 1e-3


@pytest.mark.parametrize("family", [dg.Multinomial(), dg.Ordinal()])
def test_responses_of_classes(family: Any) -> None:
    cut = pd.cut(table().y, [-9.0, -0.5, 0.8, 9.0], labels=["low", "middle", "high"])
    fit = network("k ~ x1 + x2 + x3", table().assign(k=cut), family, hidden=(2,))
    found = fit.input_tests(["x1", "x3"])
    k = fit.model.predictor.k_eta
    assert found.df.tolist() == [2 + k, 2 + k]
    assert found.pvalue["x1"] < 1e-6
    assert 0.0 < found.pvalue["x3"] <= 1.0
    assert 0.0 < fit.unit_test().pvalue.min() <= 1.0


# -- curvature, interactions, units ---------------------------------------------------------------


def test_nonlinearity_is_found_and_one_seed_gives_one_number(glm: Any) -> None:
    found = glm.nonlinearity_test()
    assert list(found.index) == ["cubic", "phantom units"]
    assert found.df["phantom units"] == 6
    assert found.pvalue_adjusted["cubic"] < 1e-6
    pd.testing.assert_frame_equal(found, glm.nonlinearity_test())
    other = glm.nonlinearity_test(seed=1)
    assert other.statistic["cubic"] == found.statistic["cubic"]
    assert other.statistic["phantom units"] != found.statistic["phantom units"]
    robust = glm.nonlinearity_test(cov_type="cluster", cov_kwds={"groups": table().cluster})
    assert robust.attrs["test"] == "chi2"


def test_cubic_is_the_f_test_of_all_monomials() -> None:
    data = table(n=120)
    fit = dg.DeepGLM("y ~ x1 + x2", data, hidden=()).fit()
    powers = "I(x1**2) + x1:x2 + I(x2**2) + I(x1**3) + I(x1**2):x2 + x1:I(x2**2) + I(x2**3)"
    full = sm.OLS.from_formula(f"y ~ x1 + x2 + {powers}", data).fit()
    small = sm.OLS.from_formula("y ~ x1 + x2", data).fit()
    theirs = full.compare_f_test(small)
    found = fit.nonlinearity_test().loc["cubic"]
    assert (found.statistic, found.pvalue) == pytest.approx(theirs[:2], rel=1e-6)
    assert found.df == theirs[2] == 7


def test_adjusted_by_holm(glm: Any) -> None:
    found = glm.nonlinearity_test()
    low, high = sorted(found.pvalue)
    assert sorted(found.pvalue_adjusted) == pytest.approx([2 * low, max(high, 2 * low)])
    with pytest.raises(SpecificationError, match="'holm'"):
        glm.nonlinearity_test(adjust="tukey")


def test_units(u_shape: Any, glm: Any) -> None:
    correct = network("y ~ x1 + x2", table(n=500), hidden=(2,), skip=False)
    assert correct.unit_test().pvalue_adjusted.min() > 0.02
    short = network("y ~ x1 + x2", table(n=500), hidden=(1,), skip=False)
    assert short.unit_test().pvalue_adjusted.min() < 1e-6
    with pytest.raises(NotAvailableError, match="unit_test"):
        u_shape.nonlinearity_test()
    with pytest.raises(NotAvailableError, match="nonlinearity_test"):
        glm.unit_test()


def test_bootstrap_of_the_likelihood_ratio() -> None:
    data = table(n=150)
    null = dg.DeepGLM("y ~ x1", data.assign(y=0.5 * data.x1 + data.x3), hidden=()).fit()
    curved = dg.DeepGLM("b ~ x1 + x2", data, dg.Binomial(), hidden=()).fit()
    found = null.nonlinearity_test("lr_boot", bootstrap=19)
    assert found.pvalue.iloc[0] > 0.05
    assert found.attrs == {"test": "lr_boot", "simulations": 19, "failed": 0}
    again = null.nonlinearity_test("lr_boot", bootstrap=19)
    pd.testing.assert_frame_equal(found, again)
    assert curved.nonlinearity_test("lr_boot", bootstrap=19).pvalue.iloc[0] == 0.05
    unit = network("y ~ x1 + x2", data, hidden=(1,), skip=False)
    assert unit.unit_test("lr_boot", bootstrap=19).pvalue.iloc[0] == 0.05


@pytest.mark.parametrize("family", [dg.Multinomial(), dg.Ordinal(), dg.Tobit(lower=-0.5)])
def test_no_bootstrap_without_draws(family: Any) -> None:
    data = table().assign(k=lambda d: pd.cut(d.y, 3, labels=["a", "b", "c"]))
    data["y"] = data.y.clip(lower=-0.5)
    y = "y" if isinstance(family, dg.Tobit) else "k"
    fit = dg.DeepGLM(f"{y} ~ x1", data, family, hidden=()).fit()
    with pytest.raises(NotAvailableError) as caught:
        fit.nonlinearity_test("lr_boot", bootstrap=19)
    text = str(caught.value)
    assert f"{type(family).__name__} family are not drawn" in text
    assert "test='lm'" in text
    assert "kind=" not in text


def test_bootstrap_needs_an_input_and_a_model_that_is_trusted(glm: Any) -> None:
    alone = dg.DeepGLM("y ~ 1", table(), hidden=()).fit()
    with pytest.raises(NotAvailableError, match="no inputs"):
        alone.nonlinearity_test("lr_boot")
    robust = glm.get_robustcov_results("HC1")
    with pytest.raises(NotAvailableError, match="cov_type='HC1'.*test='lm'"):
        robust.nonlinearity_test("lr_boot")


def test_link_of_classes_depends_on_no_order() -> None:
    cut = pd.cut(table().y, [-9.0, -0.5, 0.8, 9.0], labels=["low", "middle", "high"])
    found = [
        dg.DeepGLM(
            "k ~ x1 + x2", table().assign(k=cut.cat.reorder_categories(order)), family, hidden=()
        )
        .fit()
        .link_test()
        for order, family in (
            (["low", "middle", "high"], dg.Multinomial()),
            (["high", "low", "middle"], dg.Multinomial()),
            (["low", "middle", "high"], dg.Multinomial(reference="high")),
        )
    ]
    for other in found[1:]:
        assert other.statistic == pytest.approx(found[0].statistic, rel=1e-6)
        assert other.df_denom == found[0].df_denom


def test_link() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(-1.0, 1.0, 800)
    data = pd.DataFrame({"x": x, "y": rng.poisson(np.maximum(3.0 + 2.9 * x, 0.0))})
    wrong = dg.DeepGLM("y ~ x", data, family=dg.Poisson(), hidden=()).fit()
    assert wrong.link_test().pvalue < 1e-4
    data["y"] = rng.poisson(np.exp(1.0 + 0.8 * x))
    right = dg.DeepGLM("y ~ x", data, family=dg.Poisson(), hidden=()).fit()
    assert right.link_test().pvalue > 0.02


# -- Wald and likelihood ratio behind the gate ----------------------------------------------------


def test_the_gate() -> None:
    data = table(n=500)
    formula, plain = "y ~ x1 + x2 + x3", {"skip": False}
    correct = network(formula, data, hidden=(2,), **plain)
    score, wald, lr = (correct.test_input("x3", method) for method in ("score", "wald", "lr"))
    assert {score.df, wald.df, lr.df} == {2}
    for one in (wald, lr):
        assert one.reason == ""
        assert one.statistic == pytest.approx(score.statistic, rel=0.3)
    assert correct.parsimony()["passes"]
    large = network(formula, data, hidden=(4,), **plain)
    for method in ("wald", "lr"):
        found = large.test_input("x3", method)
        assert np.isnan(found.pvalue)
        assert "one unit fewer" in found.reason
    assert not large.parsimony("x3")["passes"]
    assert np.isfinite(large.test_input("x3").pvalue)
    two = network(formula, data, hidden=(2, 2))
    assert "two hidden layers" in two.test_input("x3", "wald").reason
    with pytest.raises(NotAvailableError, match="one hidden layer"):
        two.parsimony()


def test_of_a_glm_they_are_the_usual_ones() -> None:
    data = table()
    fit = dg.DeepGLM("b ~ x1 + x2 + g", data, dg.Binomial(), hidden=()).fit()
    X = sm.add_constant(pd.get_dummies(data[["x1", "x2", "g"]], drop_first=True, dtype=float))
    full = sm.GLM(data.b, X, family=sm.families.Binomial()).fit(tol=1e-12)
    small = sm.GLM(data.b, X[["const", "x1", "x2"]], family=sm.families.Binomial()).fit(tol=1e-12)
    wald = full.wald_test("g_q = 0, g_r = 0", scalar=True)
    assert fit.test_input("g", "wald").statistic == pytest.approx(wald.statistic, rel=1e-6)
    ratio = 2.0 * (full.llf - small.llf)
    assert fit.test_input("g", "lr").statistic == pytest.approx(ratio, rel=1e-6)


def test_no_network_is_left_without_the_only_input() -> None:
    fit = network("y ~ x1", table(), hidden=(1,))
    with pytest.raises(NotAvailableError, match="no other input enters a hidden unit"):
        fit.parsimony("x1")


# -- what is refused ------------------------------------------------------------------------------


def test_bad_input(u_shape: Any, glm: Any) -> None:
    with pytest.raises(MissingColumnError, match="'zzz' is not an input.*'x1', 'x2'"):
        u_shape.input_tests("zzz")
    for call in (u_shape.score_test, u_shape.test_input, u_shape.parsimony):
        with pytest.raises(MissingColumnError, match="'zzz' is not an input"):
            call("zzz")
    for call in (u_shape.test_input, u_shape.parsimony):
        with pytest.raises(SpecificationError, match="of type list; the name of one input"):
            call(["x1", "x2"])
    with pytest.raises(SpecificationError, match="of type list"):
        u_shape.interaction_test(["x1"], "x2")
    for call in (glm.input_tests, u_shape.input_tests, glm.nonlinearity_test, u_shape.parsimony):
        with pytest.raises(SpecificationError, match="seed=-1"):
            call(seed=-1)
    with pytest.raises(SpecificationError, match="seed=-1"):
        glm.test_input("x1", seed=-1)
    with pytest.raises(SpecificationError, match="one cluster"):
        glm.input_tests(cov_type="cluster", cov_kwds={"groups": np.zeros(300)})
    with pytest.raises(SpecificationError, match="each has one member"):
        glm.input_tests(cov_type="cluster", cov_kwds={"groups": np.arange(300)})
    with pytest.raises(SpecificationError, match="groups"):
        glm.input_tests(cov_type="cluster", cov_kwds={"groups": np.zeros(20)})
    with pytest.raises(NotAvailableError, match="one way"):
        glm.input_tests(cov_type="cluster", cov_kwds={"groups": table()[["cluster", "g"]]})
    with pytest.raises(NotAvailableError, match="HAC"):
        glm.nonlinearity_test(cov_type="HAC", cov_kwds={"maxlags": 1})
    with pytest.raises(SpecificationError, match="'lm' and 'lr_boot'"):
        glm.nonlinearity_test("lr")
    with pytest.raises(SpecificationError, match="cov_type"):
        glm.nonlinearity_test("lr_boot", cov_type="HC0")
    with pytest.raises(SpecificationError, match="bootstrap=5"):
        glm.nonlinearity_test("lr_boot", bootstrap=5)
    with pytest.raises(SpecificationError, match="'score', 'wald', 'lr'"):
        u_shape.test_input("x1", "rao")
    with pytest.raises(SpecificationError, match="300 rows"):
        u_shape.score_test(np.zeros(5))
    for fit in (glm, u_shape):
        with pytest.raises(SpecificationError, match="name of an input"):
            fit.score_test()
        with pytest.raises(SpecificationError, match=r"shape \(9, 1\).*300 rows"):
            fit.score_test(np.ones((9, 1)))


def test_a_fit_that_is_not_certified_is_not_tested() -> None:
    with pytest.warns(dg.errors.ConvergenceWarning):
        fit = dg.DeepGLM("y ~ x1 + x2", table(), hidden=(2,)).fit(maxiter=1, starts=1)
    for call in (fit.input_tests, fit.unit_test, fit.link_test, fit.parsimony):
        with pytest.raises(NotAvailableError, match="not certified"):
            call()


# -- interactions ---------------------------------------------------------------------------------


def test_interactions_are_found_beside_additive_terms() -> None:
    data = table()
    data["z"] = np.sin(data.x1) + np.tanh(2.0 * data.x2) + 0.5 * np.sign(data.y)
    formula = "z ~ deep(x1, units=(2,)) + deep(x2, units=(2,))"
    noise = 0.3 * np.random.default_rng(2).normal(size=300)
    additive = data.assign(z=np.sin(data.x1) + np.tanh(2.0 * data.x2) + noise)
    joint = additive.assign(z=additive.z + 0.2 * data.x1 * data.x2)
    found = network(formula, joint).interaction_test("x1", "x2")
    assert list(found.index) == ["products", "phantom units"]
    assert found.df.tolist() == [3, 3]
    assert found.pvalue_adjusted["products"] < 1e-6
    assert network(formula, additive).interaction_test("x1", "x2").pvalue_adjusted.min() > 0.02


def test_the_product_is_that_of_the_linear_model() -> None:
    data = table(n=100)
    fit = dg.DeepGLM("y ~ x1 + g", data, hidden=()).fit()
    found = fit.interaction_test("g", "x1").loc["products"]
    full = sm.OLS.from_formula("y ~ x1 * g + I(x1**2):g", data).fit()
    small = sm.OLS.from_formula("y ~ x1 + g + I(x1**2)", data).fit()
    assert found.df == 4
    assert full.df_model - small.df_model == 4  # R's way of counting what g adds to both


def test_an_interaction_in_the_model_is_not_its_null_hypothesis(u_shape: Any) -> None:
    with pytest.raises(NotAvailableError, match=r"deep\(x1, units"):
        u_shape.interaction_test("x1", "x2")
    glm = dg.DeepGLM("y ~ x1 * x2", table(), hidden=()).fit()
    with pytest.raises(NotAvailableError, match="already"):
        glm.interaction_test("x1", "x2")
    with pytest.raises(SpecificationError, match="twice"):
        glm.interaction_test("x1", "x1")
    with pytest.raises(MissingColumnError, match="'w' is not an input"):
        glm.interaction_test("x1", "w")


# -- linear restrictions in a network -------------------------------------------------------------


def test_terms_that_do_not_enter_hidden_layers_have_their_tests() -> None:
    data = table()
    model = dg.DeepGLM("y ~ g + x3 + deep(x1 + x2, units=(2,))", data)
    fit = model.fit(starts=6, inference="delta")
    t = fit.t_test("x3 = 0")
    assert float(np.squeeze(t.effect)) == pytest.approx(fit.params["x3"])
    assert float(np.squeeze(t.sd)) == pytest.approx(fit.bse["x3"])
    wald = fit.wald_test("g[T.q] = 0, g[T.r] = 0")
    terms = fit.wald_test_terms().table
    assert list(terms.index) == ["g", "x3"]
    assert terms.statistic["g"] == pytest.approx(float(wald.statistic))
    score = fit.input_tests("g").statistic["g"] * 2.0
    assert float(wald.statistic) == pytest.approx(score, rel=0.3)
    assert len(fit.t_test_pairwise("g").result_frame) == 3
    for call in (fit.t_test, fit.wald_test, fit.f_test):
        with pytest.raises(NotAvailableError, match="'layer1.unit1' is a coefficient of a hidden"):
            call("layer1.unit1 = 0")
    whole = network("y ~ x1 + x2", data, hidden=(2,))
    with pytest.raises(NotAvailableError, match="input_tests"):
        whole.wald_test_terms()
