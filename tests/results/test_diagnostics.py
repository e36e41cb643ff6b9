"""Residuals, checks and calibration as members of a result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import special, stats

import deepglm as dg
from deepglm.errors import DataError, NotAvailableError, SpecificationError
from deepglm.inference.uncertainty import Functional

pytestmark = pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(31)
    n = 300
    frame = pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n)})
    bent = np.tanh(1.5 * frame.x) + 0.4 * frame.z
    frame["level"] = bent + 0.4 * rng.normal(size=n)
    frame["spread"] = bent + 0.4 * rng.normal(size=n) * np.exp(0.5 * frame.z)
    frame["count"] = rng.poisson(np.exp(0.5 * bent)).astype(float)
    frame["event"] = np.where(rng.uniform(size=n) < special.expit(bent), "yes", "no")
    latent = bent + rng.logistic(size=n)
    words = np.array(["low", "mid", "high"])[np.digitize(latent, [-1.0, 1.0])]
    frame["grade"] = pd.Categorical(words, categories=["low", "mid", "high"], ordered=True)
    frame["f"] = rng.integers(1, 4, n).astype(float)
    return frame


def fit(data: pd.DataFrame, y: str, family: Any, hidden: tuple[int, ...] = (), **more: Any) -> Any:
    model = dg.DeepGLM(f"{y} ~ x + z", data, family, hidden=hidden, **more)
    return model.fit(seed=1, inference=None) if hidden else model.fit()


@pytest.fixture(scope="module")
def level(data: pd.DataFrame) -> Any:
    return fit(data, "level", dg.Gaussian(), (2,))


@pytest.fixture(scope="module")
def counts(data: pd.DataFrame) -> Any:
    return fit(data, "count", dg.Poisson(), (2,))


def test_quantile_residuals_are_labelled_and_repeatable(counts: Any, data: pd.DataFrame) -> None:
    one = counts.resid_quantile()
    assert one.index.equals(data.index)
    assert one.equals(counts.resid_quantile(seed=0)) and not one.equals(counts.resid_quantile(1))
    several = counts.resid_quantile(draws=3)
    assert several.shape == (300, 3) and several[1].equals(one.rename(None))
    assert stats.kstest(one, "norm").pvalue > 0.05
    with pytest.raises(SpecificationError, match="draws"):
        counts.resid_quantile(draws=0)


def test_studentized_residuals_of_a_glm_by_statsmodels(data: pd.DataFrame) -> None:
    ours = fit(data, "count", dg.Poisson())
    influence = ours.get_influence()
    np.testing.assert_allclose(ours.resid_studentized, influence.resid_studentized, rtol=1e-9)
    h = influence.hat_matrix_diag
    deviance = ours.resid_deviance / np.sqrt(1 - h)
    np.testing.assert_allclose(ours.resid_deviance_studentized, deviance, rtol=1e-9)
    # to first order, how far the deviance falls without the row
    row = int(np.argmax(np.abs(ours.resid_likelihood)))
    rest = fit(data.drop(index=row), "count", dg.Poisson())
    fallen = ours.deviance - rest.deviance
    assert ours.resid_likelihood.iloc[row] ** 2 == pytest.approx(fallen, rel=0.01)


def test_copies_of_a_row_have_a_leverage_each(data: pd.DataFrame) -> None:
    weighted = fit(data, "level", dg.Gaussian(), freq_weights="f")
    many = data.loc[np.repeat(data.index, data.f.astype(int))]
    repeated = fit(many.reset_index(drop=True), "level", dg.Gaussian())
    first = np.r_[0, np.cumsum(data.f.astype(int))[:-1]]
    for name in ("resid_studentized", "resid_deviance_studentized", "resid_likelihood"):
        right = getattr(repeated, name).to_numpy()[first]
        np.testing.assert_allclose(getattr(weighted, name), right, rtol=1e-8)


def test_likelihood_residuals_of_a_network_see_a_refit(counts: Any, data: pd.DataFrame) -> None:
    row = int(np.argmax(np.abs(counts.resid_likelihood)))
    model = dg.DeepGLM("count ~ x + z", data.drop(index=row), dg.Poisson(), hidden=(2,))
    rest = model.fit(start_params=counts.params, inference=None)
    fallen = 2.0 * (rest.penalized_llf - counts.penalized_llf)
    y, mu = data["count"].iloc[row], counts.mu.iloc[row]
    perfect = 2.0 * stats.poisson.logpmf(y, y)  # the row's part of a saturated model
    assert counts.resid_likelihood.iloc[row] ** 2 == pytest.approx(fallen + perfect, rel=0.1)
    assert mu < y


def test_residuals_that_do_not_exist_say_so(data: pd.DataFrame) -> None:
    ordinal = fit(data, "grade", dg.Ordinal())
    for name in ("resid_studentized", "resid_deviance_studentized", "resid_likelihood"):
        with pytest.raises(NotAvailableError, match="resid_quantile"):
            getattr(ordinal, name)
    assert abs(ordinal.resid_quantile()).max() < 5


def test_dispersion(counts: Any, data: pd.DataFrame) -> None:
    found = counts.dispersion_test()
    assert list(found.columns) == ["statistic", "df", "pvalue", "conclusion"]
    assert list(found.index)[-1] == "Pearson" and (found.pvalue > 0.01).all()
    assert found.loc["Pearson", "df"] == pytest.approx(counts.df_resid)
    rng = np.random.default_rng(0)
    wide = data.assign(count=rng.negative_binomial(1.0, 1 / (1 + np.exp(0.5 * data.x))) + 0.0)
    over = fit(wide, "count", dg.Poisson()).dispersion_test()
    assert (over.pvalue < 0.001).all() and (over.conclusion == "more variance than Poisson").all()
    with pytest.raises(NotAvailableError, match="binary"):
        fit(data, "event", dg.Binomial()).dispersion_test()
    with pytest.raises(NotAvailableError, match="heteroscedasticity_test"):
        fit(data, "level", dg.Gaussian()).dispersion_test()
    assert len(fit(data, "count", dg.NegativeBinomial(alpha=0.1)).dispersion_test()) == 1


def test_zero_inflation(counts: Any, data: pd.DataFrame) -> None:
    assert (counts.zero_inflation_test().pvalue > 0.01).all()
    empty = data.assign(count=np.where(data.index % 3 == 0, 0.0, data["count"] + 1.0))
    found = fit(empty, "count", dg.Poisson(), (2,)).zero_inflation_test()
    assert found.loc["excess", "pvalue"] < 1e-3 and found.loc["excess", "statistic"] > 0
    assert found.loc["excess", "conclusion"].startswith("more zeros: 100 zeros")
    none = fit(data.assign(count=data["count"] + 60.0), "count", dg.Poisson())
    assert none.zero_inflation_test().conclusion.str.startswith("not determined").all()
    with pytest.raises(NotAvailableError, match="counts"):
        fit(data, "event", dg.Binomial()).zero_inflation_test()


def test_heteroscedasticity(data: pd.DataFrame, level: Any) -> None:
    uneven = fit(data, "spread", dg.Gaussian(), (2,))
    assert (level.heteroscedasticity_test().pvalue > 0.01).all()
    found = uneven.heteroscedasticity_test()
    assert found.loc["the columns", "pvalue"] < 1e-4 and found.loc["the columns", "df"] == 2
    glm = fit(data, "level", dg.Gaussian())
    X = sm.add_constant(data[["x", "z"]])
    lm, pvalue, *_ = sm.stats.diagnostic.het_breuschpagan(glm.resid_response, X)
    assert tuple(glm.heteroscedasticity_test().loc["the columns"][:3]) == pytest.approx(
        (lm, 2.0, pvalue)
    )
    with pytest.raises(NotAvailableError, match="dispersion_test"):
        fit(data, "count", dg.Poisson()).heteroscedasticity_test()


def test_pit_histogram(counts: Any) -> None:
    found = counts.pit_histogram(5)
    assert found.height.mean() == pytest.approx(1.0)
    assert found.height.between(found.lower, found.upper).all()
    assert found.left.iloc[0] == 0.0 and found.right.iloc[-1] == 1.0
    with pytest.raises(SpecificationError, match="bins"):
        counts.pit_histogram(1)
    with pytest.raises(SpecificationError, match="alpha"):
        counts.pit_histogram(alpha=1.0)


def test_own_rows_are_calibrated_by_themselves(data: pd.DataFrame) -> None:
    found = fit(data, "event", dg.Binomial()).calibration()
    assert found.coefficients.index.tolist() == ["yes"]
    assert found.coefficients["intercept"].iloc[0] == pytest.approx(0.0, abs=1e-6)
    assert found.coefficients["slope"].iloc[0] == pytest.approx(1.0, abs=1e-6)
    assert (found.tests.pvalue.iloc[:2] > 0.99).all()
    assert "made the fit" in str(found) and len(found.curve) == 10
    deep = fit(data, "event", dg.Binomial(), (2,)).calibration()
    assert 1.0 < deep.coefficients["slope"].iloc[0] < 1.3  # the penalty has drawn it back


def test_held_out_rows(data: pd.DataFrame) -> None:
    half = data.index < 150
    result = fit(data[half], "event", dg.Binomial())
    rest = data[~half]
    found = result.calibration(rest)
    eta = result.predict(rest, which="linear")
    right = sm.Logit(rest.event == "yes", sm.add_constant(eta)).fit(disp=0)
    np.testing.assert_allclose(found.coefficients[["intercept", "slope"]].iloc[0], right.params)
    same = result.calibration(rest[["x", "z"]], rest.event)
    assert same.tests.equals(found.tests)
    with pytest.raises(SpecificationError, match="endog"):
        result.calibration(rest[["x", "z"]])
    with pytest.raises(SpecificationError, match="alpha"):
        result.calibration(alpha=0.0)
    with pytest.raises(SpecificationError, match="rows"):
        result.calibration(rest, rest.event[:5])
    with pytest.raises(DataError, match="maybe"):
        result.calibration(rest, ["maybe"] * len(rest))
    holes = rest.assign(event=rest.event.where(rest.index % 9 > 0))
    kept = result.calibration(holes)
    assert kept.curve.trials.sum() == (rest.index % 9 > 0).sum()


@pytest.mark.filterwarnings("ignore::deepglm.errors.SeparationWarning")
@pytest.mark.filterwarnings("ignore::deepglm.errors.ConvergenceWarning")
def test_calibration_of_events_that_are_separated(data: pd.DataFrame) -> None:
    parted = data.assign(event=np.where(data.x > 0, "yes", "no"))
    found = dg.DeepGLM("event ~ x", parted, dg.Binomial(), hidden=()).fit().calibration()
    assert found.coefficients.isna().all(axis=None) and found.errors.notna().all(axis=None)
    assert "yes: the probabilities separate" in found.note
    whole = fit(data, "event", dg.Binomial())
    eta = whole.predict(which="linear")
    new = data.assign(event=np.where(eta > 0.3, "yes", "no"))
    found = whole.calibration(new)
    assert found.coefficients.isna().all(axis=None)
    p = whole.predict(new)
    null = np.log(np.where(eta > 0.3, p, 1 - p)).sum()
    both = found.tests.loc[("yes", "intercept 0 and slope 1")]
    assert both.statistic == pytest.approx(-2 * null, rel=1e-4)  # nothing is left of the deviance


@pytest.mark.parametrize("seed", [-1, 1.5, "a"])
def test_wrong_seeds(data: pd.DataFrame, seed: Any) -> None:
    whole = fit(data, "event", dg.Binomial())
    for ask in (whole.curvature_check, whole.resid_quantile):
        with pytest.raises(SpecificationError, match="seed="):
            ask(seed=seed)


def test_numbers_and_counts_of_events(data: pd.DataFrame) -> None:
    ones = data.assign(event=(data.event == "yes") * 1.0)
    words, numbers = (fit(d, "event", dg.Binomial()) for d in (data, ones))
    a, b = words.calibration(data), numbers.calibration(ones)
    np.testing.assert_allclose(a.tests, b.tests, rtol=1e-7)
    pair = np.column_stack([ones.event, 1.0 - ones.event])
    np.testing.assert_allclose(numbers.calibration(data, pair).tests, b.tests, rtol=1e-7)
    with pytest.raises(DataError, match="0 to 1"):
        numbers.calibration(ones, ones.event + 1.0)


def test_every_class_is_an_event(data: pd.DataFrame) -> None:
    classes = fit(data, "grade", dg.Multinomial()).calibration()
    assert classes.coefficients.index.tolist() == ["low", "mid", "high"]
    assert classes.tests.xs("in the large", level="test").pvalue.min() > 0.99
    ordinal = fit(data, "grade", dg.Ordinal()).calibration()
    assert ordinal.coefficients.index.tolist() == ["above low", "above mid"]
    assert ordinal.tests.xs("in the large", level="test").pvalue.min() > 0.5
    for family in (dg.Multinomial(), dg.Ordinal()):
        result = fit(data, "grade", family)
        again = result.calibration(data)
        np.testing.assert_allclose(again.coefficients, result.calibration().coefficients)
    with pytest.raises(NotAvailableError, match="pit_histogram"):
        fit(data, "level", dg.Gaussian()).calibration()


def test_prediction_tables_by_statsmodels(data: pd.DataFrame) -> None:
    X = sm.add_constant(data[["x", "z"]])
    ours = fit(data, "event", dg.Binomial())
    theirs = sm.Logit(data.event == "yes", X).fit(disp=0)
    for threshold in (0.3, 0.5):
        np.testing.assert_array_equal(ours.pred_table(threshold), theirs.pred_table(threshold))
    assert ours.pred_table().loc["no", "yes"] == theirs.pred_table()[0, 1]
    ours = fit(data, "grade", dg.Multinomial())
    theirs = sm.MNLogit(data.grade.cat.codes, X).fit(disp=0)
    np.testing.assert_array_equal(ours.pred_table(), theirs.pred_table())
    weighted = fit(data, "grade", dg.Ordinal(), freq_weights="f").pred_table()
    assert weighted.to_numpy().sum() == data.f.sum()
    with pytest.raises(NotAvailableError, match="classes"):
        fit(data, "level", dg.Gaussian()).pred_table()


def test_information_ratio_by_statsmodels(data: pd.DataFrame) -> None:
    ours = fit(data, "count", dg.Poisson())
    theirs = sm.Poisson(data["count"], sm.add_constant(data[["x", "z"]])).fit(disp=0, tol=1e-12)
    np.testing.assert_allclose(ours.im_ratio, theirs.im_ratio, rtol=1e-6, atol=1e-9)
    trace = np.trace(theirs.im_ratio)
    assert ours.tic == pytest.approx(-2 * theirs.llf + 2 * trace)
    assert ours.info_criteria("TIC", dk_params=1) == pytest.approx(ours.tic + 2)
    assert ours.prsquared == pytest.approx(theirs.prsquared)


def test_takeuchis_criterion_is_close_to_aic_where_the_model_is_right() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(3000, 2))
    y = np.tanh(1.5 * x[:, 0]) + 0.3 * x[:, 1] + 0.4 * rng.normal(size=3000)
    model = dg.DeepGLM.from_arrays(y, x, add_constant=True, hidden=(1,))
    result = model.fit(seed=1, inference=None)
    assert (result.tic - result.aic) / 2 == pytest.approx(0.0, abs=1.5)
    off = np.abs(result.im_ratio.to_numpy() - np.eye(7))
    assert np.trace(result.im_ratio) == pytest.approx(result.edf, abs=1.5) and off.max() < 60
    repeated = dg.DeepGLM.from_arrays(
        y[:60], x[:60], add_constant=True, hidden=(), freq_weights=np.full(60, 2.0)
    )
    many = dg.DeepGLM.from_arrays(
        np.tile(y[:60], 2), np.tile(x[:60], (2, 1)), add_constant=True, hidden=()
    )
    assert repeated.fit().tic == pytest.approx(many.fit().tic)


def test_aicc_is_hurvich_and_tsais(data: pd.DataFrame) -> None:
    result = fit(data, "level", dg.Gaussian())
    n, p = 300, 3
    sigma2 = (result.resid_response**2).mean()
    right = n * (np.log(2 * np.pi * sigma2) + (1 + p / n) / (1 - (p + 2) / n))
    assert result.info_criteria("aicc", dk_params=1) == pytest.approx(right)
    with pytest.raises(NotAvailableError, match="Gaussian"):
        fit(data, "count", dg.Poisson()).info_criteria("aicc")


def test_curvature(level: Any) -> None:
    fitted = level._numbers.fitted
    k = len(fitted.theta)
    last = np.eye(k)[[0, k - 1]]
    linear = Functional(lambda theta, _: last @ theta, lambda _: last)
    found = level.curvature_check(linear, ["first", "last"], draws=400)
    assert found.index.tolist() == ["first", "last"]
    assert (found.conclusion == "straight enough").all()
    again = level.curvature_check(linear, ["first", "last"], draws=400, seed=0)
    assert again.equals(found)


def test_identification_prints_and_has_names(data: pd.DataFrame, level: Any) -> None:
    found = level.identification
    assert found.size == len(found.weakest) == found.rank == level.certificate.size - 1  # sigma
    assert found.ratio == pytest.approx(level._numbers.identification.ratio)
    assert list(found.weights.index) == ["layer1.unit1", "layer1.unit2"]
    assert found.least_t == found.weights.min()
    text = str(found)
    assert f"Identification: {found.light}" in text and f"{found.rank} of {found.size}" in text
    assert "A unit fewer" in text and found.line.startswith("identification: ")
    assert set(found.frame().index) <= set(level.model.exog_names)
    assert "<table" in found._repr_html_()
    gate = level.parsimony()
    said = found.with_gate(gate)
    assert (gate.reason or "every unit is needed") in said.gate
    assert said.gate[:20] in str(said) and said.line.endswith(said.gate) and not found.gate
    passed = found.with_gate(pd.Series({**gate, "passes": True}))
    assert passed.gate.startswith("every unit is needed") and f"{gate.bic:.1f}" in passed.gate
    glm = fit(data, "count", dg.Poisson()).identification
    assert glm.light == "numerically regular" and np.isnan(glm.least_t)
    assert "unit" not in str(glm) and "output" not in glm.line


def test_directions_that_are_not_determined_have_names() -> None:
    """Four tanh units for a straight line of 60 rows: the penalty decides on most coefficients."""
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"x": rng.uniform(-1, 1, 60)})
    data["y"] = data.x + 0.1 * rng.normal(size=60)
    found = fit_line(data).identification
    assert found.light == "singular" and found.rank < found.size
    assert len(found.null) == found.size - found.rank
    assert all(one.abs().max() == pytest.approx(1.0) for one in found.null)
    assert "Not determined" in str(found) and "null1" in found.frame()


def test_a_fit_that_is_not_certified_says_so(data: pd.DataFrame) -> None:
    with pytest.warns(dg.errors.DeepGLMWarning):
        result = dg.DeepGLM("level ~ x + z", data, hidden=(2,)).fit(seed=1, maxiter=1)
    assert not result.converged
    assert "not certified" in str(result.identification)
    with pytest.raises(NotAvailableError, match="not certified"):
        result.get_influence()


def fit_line(data: pd.DataFrame) -> Any:
    return dg.DeepGLM("y ~ x", data, hidden=(4,)).fit(seed=1, inference=None)
