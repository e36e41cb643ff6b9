"""Intervals of means and of responses, averages, sets of classes: closed forms and definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import special, stats

import deepglm as dg
from deepglm.errors import NotAvailableError, SpecificationError

N = 150
COLUMNS = ["mean", "mean_se", "mean_ci_lower", "mean_ci_upper", "obs_ci_lower", "obs_ci_upper"]

pytestmark = pytest.mark.filterwarnings("ignore::deepglm.errors.DeepGLMWarning")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    x, z = rng.normal(size=(2, N))
    eta = np.tanh(2.0 * x) + 0.2 * z
    mu = np.exp(eta)
    trials = rng.integers(1, 9, N)
    hits = rng.binomial(trials, special.expit(eta))
    latent = 2.0 * eta + rng.logistic(size=N)
    frame = pd.DataFrame(
        {
            "x": x,
            "z": z,
            "v": rng.uniform(0.5, 2.0, N),
            "normal": eta + 0.5 * rng.normal(size=N),
            "count": rng.poisson(mu),
            "wide": rng.poisson(rng.gamma(1.5, mu / 0.5)),
            "gamma": rng.gamma(4.0, mu / 4.0),
            "wald": rng.wald(mu, 5.0),
            "amount": rng.gamma(2.0 * rng.poisson(mu) + 1e-12, 0.5),
            "hits": hits,
            "misses": trials - hits,
            "cut": np.maximum(eta + 0.7 * rng.normal(size=N), 0.0),
            "yes": np.where(rng.uniform(size=N) < special.expit(3.0 * eta), "yes", "no"),
        },
        index=[f"row{k}" for k in range(N)],
    )
    frame["amount"] = frame.amount.where(frame.amount > 1e-6, 0.0)
    frame["grade"] = pd.cut(latent, [-np.inf, -2, 0, 2, np.inf], labels=list("abcd"))
    frame["kind"] = frame.grade.astype(str)
    return frame


FAMILIES: dict[str, Any] = {
    "normal": dg.Gaussian(),
    "count": dg.Poisson(),
    "wide": dg.NegativeBinomial(),
    "gamma": dg.Gamma(dg.families.links.Log()),
    "wald": dg.InverseGaussian(dg.families.links.Log()),
    "amount": dg.Tweedie(),
    "hits + misses": dg.Binomial(),
    "cut": dg.Tobit(),
}
MASS = {"count", "wide", "amount", "hits + misses", "cut"}
_FITS: dict[tuple[str, tuple[int, ...]], Any] = {}


def fitted(rows: pd.DataFrame, response: str, hidden: tuple[int, ...] = ()) -> Any:
    if (response, hidden) not in _FITS:
        model = dg.DeepGLM(f"{response} ~ x + z", rows, family=FAMILIES[response], hidden=hidden)
        options = {"starts": 4, "inference": None} if hidden else {}
        _FITS[response, hidden] = model.fit(**options)
    return _FITS[response, hidden]


class ByDelta(dg.DeepGLMResults):
    """With the delta method whatever the rule says: the numbers are tested here, not the rule."""

    _uncertainty = _uncertainty_of_curves = property(lambda self: self._delta)


def by_delta(fit: Any) -> Any:
    other = fit.get_robustcov_results("nonrobust")
    other.__class__ = ByDelta
    return other


# -- closed forms ---------------------------------------------------------------------------------


def test_gaussian_intervals_are_those_of_least_squares(rows: pd.DataFrame) -> None:
    ours = dg.DeepGLM("normal ~ x + z", rows, hidden=()).fit(use_t=True)
    theirs = smf.ols("normal ~ x + z", rows).fit()
    new = rows.iloc[:5]
    for alpha in (0.05, 0.3):
        a = ours.get_prediction(new).summary_frame(alpha)
        b = theirs.get_prediction(new).summary_frame(alpha)
        assert list(a.columns) == COLUMNS == list(b.columns)
        pd.testing.assert_frame_equal(a, b, rtol=1e-10)
    np.testing.assert_allclose(
        ours.get_prediction(new).conf_int(obs=True), theirs.get_prediction(new).conf_int(obs=True)
    )
    # the mean by z, as in any GLM, and the response by t all the same
    plain = dg.DeepGLM("normal ~ x + z", rows, hidden=()).fit().get_prediction(new).summary_frame()
    pd.testing.assert_frame_equal(
        plain[COLUMNS[4:]], theirs.get_prediction(new).summary_frame()[COLUMNS[4:]]
    )
    assert (plain.mean_ci_lower > theirs.get_prediction(new).summary_frame().mean_ci_lower).all()


def test_weights_of_new_rows(rows: pd.DataFrame) -> None:
    ours = dg.DeepGLM("normal ~ x + z", rows, hidden=(), var_weights="v").fit()
    theirs = smf.wls("normal ~ x + z", rows, weights=rows.v).fit()
    new = rows.iloc[:5]
    mine = ours.get_prediction(new, var_weights=new.v).summary_frame()
    right = theirs.get_prediction(new, weights=new.v).summary_frame()
    pd.testing.assert_frame_equal(mine[COLUMNS[4:]], right[COLUMNS[4:]], rtol=1e-10)
    kept = ours.get_prediction().summary_frame()
    pd.testing.assert_frame_equal(kept.iloc[:5], mine, rtol=1e-10)
    plain = ours.get_prediction(new).summary_frame()
    one = theirs.get_prediction(new, weights=1.0).summary_frame()
    pd.testing.assert_frame_equal(plain[COLUMNS[4:]], one[COLUMNS[4:]], rtol=1e-10)
    with pytest.raises(SpecificationError, match="var_weights"):
        ours.get_prediction(new, var_weights=[1.0, 2.0])
    with pytest.raises(SpecificationError, match="none negative"):
        ours.get_prediction(new, var_weights=-1.0)
    for call in (ours.get_prediction, ours.get_distribution):
        with pytest.raises(SpecificationError, match="n_trials= is for proportions"):
            call(new, n_trials=3)


def test_a_dispersion_that_is_given_has_no_t(rows: pd.DataFrame) -> None:
    fit = dg.DeepGLM("normal ~ x + z", rows, hidden=()).fit(scale=0.3)
    p = fit.get_prediction(rows.iloc[:5])
    half = stats.norm.ppf(0.975) * np.sqrt(0.3 + p.se_mean**2)
    frame = p.summary_frame()
    np.testing.assert_allclose(frame.obs_ci_upper, frame["mean"] + half)


# -- every family ---------------------------------------------------------------------------------


@pytest.mark.parametrize("response", FAMILIES)
@pytest.mark.parametrize("hidden", [(), (2,)])
def test_errors_of_the_mean_are_those_of_the_joint_covariance(
    rows: pd.DataFrame, response: str, hidden: tuple[int, ...]
) -> None:
    fit = by_delta(fitted(rows, response, hidden))
    new = rows.iloc[[3, 40, 9]]
    frame = fit.get_prediction(new).summary_frame()
    assert fit.get_prediction(new).method == "delta"
    params, V = fit.params.to_numpy(), fit._cov
    step = 1e-5
    G = np.array(
        [
            (fit.model.predict(params + step * e, new) - fit.model.predict(params - step * e, new))
            / (2.0 * step)
            for e in np.eye(len(params))
        ]
    )
    right = np.sqrt(np.einsum("jm,jk,km->m", G, V, G))
    np.testing.assert_allclose(frame.mean_se, right, rtol=1e-5)
    np.testing.assert_allclose(frame["mean"], fit.predict(new))
    np.testing.assert_array_equal(frame.index, new.index)


@pytest.mark.parametrize("response", FAMILIES)
@pytest.mark.parametrize("hidden", [(), (2,)])
def test_responses_around_means_that_are_not_known(
    rows: pd.DataFrame, response: str, hidden: tuple[int, ...]
) -> None:
    """By draws of the linear predictor and of the response."""
    fit = by_delta(fitted(rows, response, hidden))
    new, rng, draws = rows.iloc[[3, 40, 9]], np.random.default_rng(1), 20_000
    trials = 6 if "+" in response else 1
    p = fit.get_prediction(new, n_trials=trials)
    frame = p.summary_frame(alpha=0.2)
    assert ("obs_ci_prob" in frame) == (response in MASS)
    assert list(frame.columns)[:6] == COLUMNS
    linear = fit.get_prediction(new, which="linear")
    eta = np.asarray(linear.predicted) + np.asarray(linear.se) * rng.normal(size=(draws, 3))
    responses = fit._around(new, 3, (None, trials))[0].responses
    which = np.tile(np.arange(3), draws)
    law = responses.make(eta.reshape(1, -1), which)
    drawn = np.asarray(law.rvs(size=3 * draws, random_state=rng)).reshape(draws, 3) / trials
    low, high = frame.obs_ci_lower.to_numpy() - 1e-12, frame.obs_ci_upper.to_numpy() + 1e-12
    inside = ((drawn >= low) & (drawn <= high)).mean(axis=0)
    stated = frame["obs_ci_prob"].to_numpy() if response in MASS else np.full(3, 0.8)
    assert (stated >= 0.8 - 1e-9).all()
    np.testing.assert_allclose(inside, stated, atol=4.0 * np.sqrt(0.16 / draws))


def test_proportions_are_on_the_scale_of_the_mean(rows: pd.DataFrame) -> None:
    fit = fitted(rows, "hits + misses")
    frame = fit.get_prediction(rows.iloc[:6], n_trials=8).summary_frame()
    np.testing.assert_allclose(frame.obs_ci_upper * 8, (frame.obs_ci_upper * 8).round())
    assert (frame.obs_ci_lower < frame["mean"]).all() and (frame["mean"] < frame.obs_ci_upper).all()
    kept = fit.get_prediction().summary_frame()
    y = rows.hits / (rows.hits + rows.misses)
    assert ((y >= kept.obs_ci_lower) & (y <= kept.obs_ci_upper)).mean() > 0.94


def test_means_of_rows_far_from_the_data_and_with_a_missing_input(rows: pd.DataFrame) -> None:
    new = pd.DataFrame({"x": [0.0, 6.0, np.nan], "z": [0.0, -20.0, 0.0]})
    for response in FAMILIES:
        frame = fitted(rows, response).get_prediction(new).summary_frame()
        assert frame.iloc[:2].notna().all(axis=None) and frame.iloc[2].isna().all()


@pytest.mark.parametrize("hidden", [(), (2,)])
def test_extrapolation_is_marked(rows: pd.DataFrame, hidden: tuple[int, ...]) -> None:
    fit = fitted(rows, "gamma", hidden)
    assert not fit.get_prediction().extrapolated.any()
    new = pd.DataFrame({"x": [0.0, 9.0, 0.1, np.nan], "z": [0.0, 9.0, 0.1, 0.0]})
    p = fit.get_prediction(new)
    assert p.extrapolated.tolist() == [False, True, False, False]
    assert "1 row has more leverage" in str(p)
    assert "leverage" not in str(fit.get_prediction(new.iloc[[0]]))
    assert "leverage" not in str(fit.get_prediction(new.iloc[:3], which="mean", average=True))
    if not hidden:
        X = np.column_stack((np.ones(N), rows.x, rows.z))
        h = np.einsum("ij,jk,ik->i", X, fit.normalized_cov_params.to_numpy(), X)
        assert fit._largest_leverage == pytest.approx(h.max())


def test_many_rows_in_blocks(rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = fitted(rows, "wide")
    whole = fit.get_prediction().summary_frame()
    monkeypatch.setattr("deepglm.results.around._ROWS", 7)
    pd.testing.assert_frame_equal(fit.get_prediction().summary_frame(), whole)


# -- what is withheld -----------------------------------------------------------------------------


def test_without_uncertainty_there_are_means_and_a_reason(rows: pd.DataFrame) -> None:
    fit = fitted(rows, "normal", (2,))  # with inference=None
    p = fit.get_prediction(rows.iloc[:3])
    frame = p.summary_frame()
    np.testing.assert_allclose(frame["mean"], fit.predict(rows.iloc[:3]))
    assert frame.drop(columns="mean").isna().all(axis=None) and list(frame.columns) == COLUMNS
    assert p.method is None and "inference=None" in p.withheld
    assert frame.attrs["withheld"] == p.withheld and "No standard errors" in str(p)
    for which in ("linear", "mean", "var_unscaled"):
        one = fit.get_prediction(rows.iloc[:3], which=which)
        assert np.isnan(one.se).all() and one.withheld == p.withheld
        average = fit.get_prediction(which=which, average=True)
        assert np.isnan(average.se).all() and np.isfinite(average.predicted).all()


@pytest.mark.parametrize(
    ("family", "scale", "reason"),
    [
        (dg.Quasi("log", "mu"), None, "no distribution"),
        (dg.Poisson(), "X2", "has the dispersion"),
    ],
)
def test_families_without_a_distribution(
    rows: pd.DataFrame, family: Any, scale: Any, reason: str
) -> None:
    fit = dg.DeepGLM("count ~ x + z", rows, family=family, hidden=()).fit(scale=scale)
    p = fit.get_prediction(rows.iloc[:3])
    frame = p.summary_frame()
    assert frame[COLUMNS[4:]].isna().all(axis=None) and frame[COLUMNS[:4]].notna().all(axis=None)
    assert reason in p.obs_withheld == frame.attrs["obs_withheld"] and reason in str(p)
    assert p.withheld == ""


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, 5, np.nan, "0.05", None])
def test_alpha_outside_zero_and_one(rows: pd.DataFrame, alpha: Any) -> None:
    fit = fitted(rows, "count")
    p, words = fit.get_prediction(rows.iloc[:3]), "alpha=.*between 0 and 1"
    calls = [
        lambda: p.summary_frame(alpha),
        lambda: p.summary_frame(alpha=alpha),
        lambda: p.conf_int(alpha=alpha),
        lambda: p.conf_int(alpha=alpha, obs=True),
        lambda: fit.get_prediction(which="linear").conf_int(alpha=alpha),
        lambda: fit.get_prediction(which="mean", average=True).summary_frame(alpha),
        lambda: fit.prediction_sets(alpha=alpha),
        lambda: fit.conf_int(alpha),
        lambda: fit.summary(alpha=alpha),
    ]
    for call in calls:
        with pytest.raises(SpecificationError, match=words):
            call()


# -- averages -------------------------------------------------------------------------------------


def test_average_of_these_rows_and_of_the_population(rows: pd.DataFrame) -> None:
    """A GLM with one dummy is the means of two groups, and their variances are known."""
    frame = rows.assign(g=(rows.x > 0).astype(float), w=np.arange(N) % 3 + 1.0)
    fit = dg.DeepGLM("normal ~ g", frame, hidden=(), freq_weights="w").fit()
    w, n = frame.w, frame.w.sum()
    in_group = [w[frame.g == k].sum() for k in (0, 1)]
    share = np.array(in_group) / n
    fixed = fit.get_prediction(average=True, agg_weights=w / w.mean())
    assert fixed.predicted[0] == pytest.approx(np.average(frame.normal, weights=w))
    assert fixed.se[0] == pytest.approx(np.sqrt(fit.scale * (share**2 / in_group).sum()))
    whole = fit.get_prediction(average=True, agg_weights="population")
    between = np.average((fit.mu - fixed.predicted[0]) ** 2, weights=w) / n
    assert whole.predicted[0] == pytest.approx(fixed.predicted[0])
    assert whole.se[0] == pytest.approx(np.sqrt(fixed.se[0] ** 2 + between))
    for bad, new in (("everyone", None), ("population", frame), (np.ones(3), None)):
        with pytest.raises(SpecificationError, match="agg_weights"):
            fit.get_prediction(new, average=True, agg_weights=bad)


# -- refits ---------------------------------------------------------------------------------------


def test_errors_from_refits_are_their_standard_deviations(rows: pd.DataFrame) -> None:
    fit = fitted(rows, "count", (2,)).bootstrap(n=25, seed=3, fresh=0)
    new = rows.iloc[:4]
    p = fit.get_prediction(new)
    assert p.method == "bootstrap" and "refits" in str(p)
    designs, offset, _ = fit._new_rows(new, True, None, None)
    from deepglm.inference.prediction import linear

    etas = np.array(
        [linear(fit.model.predictor, theta, designs, offset)[0] for theta in fit._draws.thetas]
    )
    least = by_delta(fitted(rows, "count", (2,))).get_prediction(new).linpred.se
    np.testing.assert_allclose(p.linpred.se, np.maximum(etas.std(axis=0, ddof=1), least))
    half = stats.norm.ppf(0.975) * p.linpred.se
    np.testing.assert_allclose(p.conf_int()[:, 0], np.exp(p.linpred.predicted - half))
    assert (p.summary_frame().obs_ci_prob >= 0.95).all()


# -- sets of classes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "family"), [("kind", dg.Multinomial()), ("grade", dg.Ordinal())]
)
def test_sets_hold_the_class_with_the_stated_probability(
    rows: pd.DataFrame, response: str, family: Any
) -> None:
    fit = dg.DeepGLM(f"{response} ~ x + z", rows, family=family, hidden=()).fit()
    found = fit.prediction_sets(alpha=0.2)
    assert list(found.columns) == ["set", "prob"] and found.index.equals(rows.index)
    assert (found.prob >= 0.8).all() and found.attrs["method"] == "delta"
    inside = [y in one for y, one in zip(rows[response], found["set"], strict=True)]
    assert np.mean(inside) == pytest.approx(found.prob.mean(), abs=4 * np.sqrt(0.16 / N))
    for one in found["set"]:
        assert list(one) == sorted(one)
        if response == "grade":
            assert "".join(one) in "abcd"
    # parameters drawn from their law, and the chance of the set under each of them
    rng, params = np.random.default_rng(0), fit.params.to_numpy()
    drawn = rng.multivariate_normal(params, fit.cov_params().to_numpy(), 400)
    new = rows.iloc[:5]
    p = np.mean([np.asarray(fit.model.predict(one, new)) for one in drawn], axis=0)
    labels = list(fit.predict().columns)
    chance = [sum(p[k, labels.index(y)] for y in one) for k, one in enumerate(found["set"][:5])]
    np.testing.assert_allclose(found.prob[:5], chance, atol=0.02)


def test_sets_of_yes_and_no(rows: pd.DataFrame) -> None:
    fit = dg.DeepGLM("yes ~ x + z", rows, family=dg.Binomial(), hidden=()).fit()
    found = fit.prediction_sets(alpha=0.1)
    assert found.attrs["n_trials"] == 1
    assert set(found["set"]) <= {("no",), ("yes",), ("no", "yes")}
    single = found["set"].str.len() == 1
    assert single.any()
    np.testing.assert_allclose(found.prob[~single], 1.0)
    numbers = rows.assign(yes=1.0 * (rows.yes == "yes"))
    coded = dg.DeepGLM("yes ~ x + z", numbers, family=dg.Binomial(), hidden=()).fit()
    coded = coded.prediction_sets(alpha=0.1)
    names = {0: "no", 1: "yes"}
    assert [tuple(names[k] for k in one) for one in coded["set"]] == found["set"].tolist()


def test_labels_and_weights_that_do_not_fit(rows: pd.DataFrame) -> None:
    fit = dg.DeepGLM("count ~ x + z", rows, dg.Poisson(), hidden=()).fit()
    for which in (None, "linear"):
        for labels in ([1], "row", 3):
            with pytest.raises(SpecificationError, match="a label for each"):
                fit.get_prediction(which=which, row_labels=labels)
    for weights in (np.nan, np.r_[np.nan, np.ones(len(rows) - 1)]):
        with pytest.raises(SpecificationError, match="not finite"):
            fit.get_prediction(average=True, agg_weights=weights)


def test_sets_that_there_are_not(rows: pd.DataFrame) -> None:
    with pytest.raises(NotAvailableError, match="for classes"):
        fitted(rows, "count").prediction_sets()
    model = dg.DeepGLM("kind ~ x", rows, family=dg.Multinomial(), hidden=(2,))
    fit = model.fit(starts=2, inference=None)
    found = fit.prediction_sets(rows.iloc[:2])
    assert found["set"].isna().all() and found.prob.isna().all() and found.attrs["withheld"]
    glm = dg.DeepGLM("kind ~ x", rows, family=dg.Multinomial(), hidden=()).fit()
    found = glm.prediction_sets({"x": [0.0, np.nan]})
    assert found["set"].iloc[0] and found["set"].iloc[1] is None and np.isnan(found.prob.iloc[1])


# -- coverage -------------------------------------------------------------------------------------


def test_prediction_intervals_of_a_network_hold_new_responses() -> None:
    """A smoke test; the full one is in the calibration suite."""
    inside = []
    for k in range(12):
        rng = np.random.default_rng(np.random.SeedSequence(5, spawn_key=(k,)))
        x = rng.uniform(-2.0, 2.0, 400)
        y = np.tanh(2.0 * x) + 0.3 * rng.normal(size=400)
        frame = pd.DataFrame({"x": x, "y": y})
        model = dg.DeepGLM("y ~ x", frame.iloc[:200], hidden=(2,))
        fit = by_delta(model.fit(starts=3, inference=None, seed=k))
        if not fit.converged:
            continue
        found = fit.get_prediction(frame.iloc[200:]).summary_frame()
        new = frame.y.iloc[200:]
        inside.append(((new >= found.obs_ci_lower) & (new <= found.obs_ci_upper)).mean())
    assert len(inside) >= 10
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)
