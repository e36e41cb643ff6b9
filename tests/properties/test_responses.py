"""What must not matter to a response of any kind, and which are special cases of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

import deepglm as dg
from deepglm.links import Tanh
from tests.model.simulated import KINDS, LEVELS, LOWER, RESPONSES, UPPER, model, rows

pytestmark = pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")

few = settings(max_examples=2)
seeds = st.integers(0, 10_000)
each_response = pytest.mark.parametrize("name", RESPONSES)
each_depth = pytest.mark.parametrize("hidden", [(), (2,)], ids=["no layer", "one layer"])
CUTS = ("none|some", "some|more", "more|most")


def fit(name: str, data: pd.DataFrame, terms: str = "x + z", **options: Any) -> Any:
    return model(name, data, terms, **options).fit(inference=None, starts=3, seed=1, n_jobs=1)


def custom(formula: str, data: pd.DataFrame, family: Any, **options: Any) -> Any:
    options = {"hidden": (), **options}
    return dg.DeepGLM(formula, data, family=family, **options).fit(
        inference=None, starts=3, seed=1, n_jobs=1
    )


def from_there(a: Any, formula: str, data: pd.DataFrame, family: Any, **options: Any) -> Any:
    """The fit of another model from the estimate of a first: the same optimum, if it is one."""
    scale = options.pop("scale", None)
    other = dg.DeepGLM(formula, data, family=family, **options)
    start = a.params.to_numpy()[: len(other.exog_names)]
    start = np.append(start, np.zeros(len(other.exog_names) - len(start)))
    return other.fit(inference=None, start_params=start, starts=0, n_jobs=1, scale=scale)


def assert_same(a: Any, b: Any, rtol: float) -> None:
    """The same estimate, standard errors and likelihood."""
    for member in ("params", "bse"):
        left, right = getattr(a, member), getattr(b, member)
        assert list(left.index) == list(right.index)
        np.testing.assert_allclose(left, right, rtol=rtol, atol=rtol * np.abs(left).max())
    assert a.converged and b.converged
    for member in ("llf", "penalized_llf", "deviance", "aic", "df_resid", "scale"):
        assert getattr(a, member) == pytest.approx(getattr(b, member), rel=rtol, abs=rtol)


# -- rows, offsets and units -------------------------------------------------------------------


@each_response
@each_depth
@few
@given(seed=seeds)
def test_the_order_of_rows_does_not_matter(name: str, hidden: Any, seed: int) -> None:
    data = rows(seed)
    mixed = data.sample(frac=1.0, random_state=seed)
    a, b = fit(name, data, hidden=hidden), fit(name, mixed, hidden=hidden)
    assert_same(a, b, 1e-5 if hidden else 1e-7)
    np.testing.assert_allclose(b.predict().loc[data.index], a.predict(), rtol=1e-4, atol=1e-6)


@each_response
@each_depth
@few
@given(seed=seeds)
def test_a_frequency_weight_is_a_repeated_row(name: str, hidden: Any, seed: int) -> None:
    data = rows(seed)
    repeated = data.loc[data.index.repeat(data.w)].reset_index(drop=True)
    a = fit(name, data, hidden=hidden, freq_weights="w")
    assert_same(a, fit(name, repeated, hidden=hidden), 1e-5 if hidden else 1e-7)


@each_response
@few
@given(seed=seeds)
def test_a_row_of_weight_zero_is_not_there(name: str, seed: int) -> None:
    data = rows(seed).assign(u=lambda d: d.w - 1)
    a = fit(name, data, hidden=(), freq_weights="u")
    assert_same(a, fit(name, data[data.u > 0], hidden=(), freq_weights="u"), 1e-7)


@pytest.mark.parametrize(
    "name", [name for name in RESPONSES if name not in ("multinomial", "counts of classes")]
)
@few
@given(seed=seeds, shift=st.floats(-0.5, 0.5))
def test_an_offset_is_a_coefficient_of_one(name: str, seed: int, shift: float) -> None:
    """``offset=b z`` leaves ``coefficient - b`` to be estimated, and the same fit."""
    data = rows(seed).assign(moved=lambda d: shift * d.z)
    a, b = fit(name, data, hidden=()), fit(name, data, hidden=(), offset="moved")
    difference = a.params - b.params
    assert difference.pop("z") == pytest.approx(shift, abs=1e-6)
    np.testing.assert_allclose(difference, 0.0, atol=1e-6)
    np.testing.assert_allclose(a.bse, b.bse, rtol=1e-6)
    assert a.llf == pytest.approx(b.llf, rel=1e-9)
    new = data.head(4)
    np.testing.assert_allclose(b.predict(new), a.predict(new), rtol=1e-6)


@each_response
@few
@given(seed=seeds, scale=st.sampled_from([1e-3, 7.0, 1e4]), shift=st.floats(-100.0, 100.0))
def test_units_of_measurement_do_not_change_a_fit(
    name: str, seed: int, scale: float, shift: float
) -> None:
    data = rows(seed)
    moved = data.assign(x=lambda d: scale * d.x + shift)
    for hidden in ((), (2,)):
        a, b = fit(name, data, hidden=hidden), fit(name, moved, hidden=hidden)
        assert a.penalized_llf == pytest.approx(b.penalized_llf, rel=1e-8)
        np.testing.assert_allclose(a.predict(), b.predict(), rtol=1e-4, atol=1e-6)
        slopes = [one for one in a.params.index if one == "x" or one.endswith(":x")]
        np.testing.assert_allclose(a.params[slopes], scale * b.params[slopes], rtol=1e-4, atol=1e-5)


@each_response
@few
@given(seed=seeds)
def test_standardising_does_not_change_a_glm(name: str, seed: int) -> None:
    data = rows(seed)
    assert_same(fit(name, data, hidden=()), fit(name, data, hidden=(), standardize=False), 1e-6)


# -- classes -----------------------------------------------------------------------------------


@each_depth
@few
@given(seed=seeds)
def test_the_reference_class_does_not_matter(hidden: Any, seed: int) -> None:
    """Nor does it to a penalised network: coefficients are differences to the reference's."""
    data = rows(seed)
    fits = {
        one: custom("kind ~ x + z", data, dg.Multinomial(reference=one), hidden=hidden)
        for one in KINDS
    }
    ash, elm = fits["ash"], fits["elm"]
    layers = [one for one in ash.params.index if one.startswith("layer")]
    for other in fits.values():
        assert other.penalized_llf == pytest.approx(ash.penalized_llf, rel=1e-9)
        assert other.llf == pytest.approx(ash.llf, rel=1e-6)
        np.testing.assert_allclose(other.predict(), ash.predict(), rtol=1e-5, atol=1e-7)
        assert list(other.predict().columns) == list(KINDS)
        np.testing.assert_allclose(other.params[layers], ash.params[layers], rtol=1e-4, atol=1e-5)
    for term in ("Intercept", "x", "z"):
        found = elm.params[f"oak:{term}"]
        expected = ash.params[f"oak:{term}"] - ash.params[f"elm:{term}"]
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)
        assert elm.params[f"ash:{term}"] == pytest.approx(-ash.params[f"elm:{term}"], rel=1e-4)
        pair, R = [f"oak:{term}", f"elm:{term}"], np.array([1.0, -1.0])
        variance = R @ ash.cov_params().loc[pair, pair].to_numpy() @ R
        assert elm.bse[f"oak:{term}"] == pytest.approx(np.sqrt(variance), rel=1e-4)


@each_depth
@few
@given(seed=seeds)
def test_counts_of_classes_are_rows_of_classes(hidden: Any, seed: int) -> None:
    data = rows(seed)
    long = data.melt(["x", "z"], list(KINDS), "species", "trees").query("trees > 0")
    family, options = dg.Multinomial(), {"hidden": hidden, "standardize": False}
    a = custom("ash + elm + oak ~ x + z", data, family, **options)
    b = from_there(a, "species ~ x + z", long, family, freq_weights="trees", **options)
    np.testing.assert_allclose(a.params, b.params, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(a.bse, b.bse, rtol=1e-4)
    # the counts have coefficients of their own
    coefficients = sum(
        stats.multinomial.logpmf(n, n.sum(), n / n.sum()) - np.sum(special.xlogy(n, n / n.sum()))
        for n in data[list(KINDS)].to_numpy(dtype=float)
    )
    assert a.llf - b.llf == pytest.approx(coefficients, rel=1e-6)
    assert a.penalized_llf - b.penalized_llf == pytest.approx(coefficients, rel=1e-8)


@few
@given(seed=seeds)
def test_two_classes_are_a_binary_response(seed: int) -> None:
    data = rows(seed).assign(answer=lambda d: np.where(d.event == 1, "yes", "no"))
    data["rank"] = pd.Categorical(data.answer, ["no", "yes"], ordered=True)
    for hidden in ((), (2,)):
        binomial = custom("event ~ x + z", data, dg.Binomial(), hidden=hidden)
        # the penalty of classes is on their centred scores, so that only likelihoods are the same
        classes = dg.DeepGLM("answer ~ x + z", data, family=dg.Multinomial(), hidden=hidden)
        assert classes.loglike(binomial.params) == pytest.approx(binomial.llf, rel=1e-12)
        ordered = dg.DeepGLM("rank ~ x + z", data, family=dg.Ordinal(), hidden=hidden)
        theta = binomial.params.drop("Intercept")
        theta["no|yes"] = -binomial.params["Intercept"]
        assert ordered.penalized_loglike(theta) == pytest.approx(binomial.penalized_llf, rel=1e-12)
        np.testing.assert_allclose(ordered.penalized_score(theta), 0.0, atol=1e-3)
    glm = custom("event ~ x + z", data, dg.Binomial())
    pair = custom("answer ~ x + z", data, dg.Multinomial())
    np.testing.assert_allclose(pair.params, glm.params, rtol=1e-6)
    np.testing.assert_allclose(pair.bse, glm.bse, rtol=1e-6)
    tanh = custom("event ~ x + z", data, dg.Binomial(Tanh()))
    np.testing.assert_allclose(2.0 * tanh.params, glm.params, rtol=1e-6)
    np.testing.assert_allclose(2.0 * tanh.bse, glm.bse, rtol=1e-6)
    np.testing.assert_allclose(tanh.predict(), glm.predict(), rtol=1e-7)


# -- ordered responses -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "mirrored"),
    [
        ("logit", "logit"),
        ("probit", "probit"),
        ("cauchit", "cauchit"),
        ("cloglog", "loglog"),
        ("loglog", "cloglog"),
    ],
)
@few
@given(seed=seeds)
def test_levels_in_reverse_change_the_sign(link: str, mirrored: str, seed: int) -> None:
    data = rows(seed)
    data["reverse"] = data.level.cat.reorder_categories(LEVELS[::-1], ordered=True)
    a = custom("level ~ x + z", data, dg.Ordinal(link))
    b = custom("reverse ~ x + z", data, dg.Ordinal(mirrored))
    assert a.llf == pytest.approx(b.llf, rel=1e-10)
    np.testing.assert_allclose(a.params[["x", "z"]], -b.params[["x", "z"]], rtol=1e-5, atol=1e-7)
    turned = [f"{right}|{left}" for left, right in (cut.split("|") for cut in CUTS)]
    np.testing.assert_allclose(a.params[list(CUTS)], -b.params[turned], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(a.bse[list(CUTS)], b.bse[turned], rtol=1e-5)
    np.testing.assert_allclose(a.predict(), b.predict()[list(LEVELS)], rtol=1e-5)
    # a network: the same, and the hidden units stay as they are
    deep = dg.DeepGLM("level ~ x + z", data, family=dg.Ordinal(link), hidden=(2,))
    other = dg.DeepGLM("reverse ~ x + z", data, family=dg.Ordinal(mirrored), hidden=(2,))
    theta = pd.Series(np.random.default_rng(seed).normal(size=13), deep.exog_names)
    theta[list(CUTS)] = np.sort(theta[list(CUTS)])
    image = theta.set_axis(other.exog_names)
    image[["x", "z", "layer1.unit1", "layer1.unit2"]] *= -1.0
    image[turned] = -theta[list(CUTS)].to_numpy()
    assert other.loglike(image) == pytest.approx(deep.loglike(theta), rel=1e-11)
    assert other.penalized_loglike(image) == pytest.approx(deep.penalized_loglike(theta), rel=1e-11)


@few
@given(seed=seeds)
def test_merged_levels_leave_out_a_cut_point(seed: int) -> None:
    """The likelihood of a level that was merged is the sum of its parts'."""
    data = rows(seed)
    names = {"none": "low", "some": "low", "more": "more", "most": "most"}
    data["merged"] = pd.Categorical(data.level.map(names), ["low", "more", "most"], ordered=True)
    whole = dg.DeepGLM("level ~ x + z", data, family=dg.Ordinal("probit"), hidden=())
    merged = dg.DeepGLM("merged ~ x + z", data, family=dg.Ordinal("probit"), hidden=())
    theta = np.array([0.6, -0.3, -0.5, 0.2, 1.1])
    p = np.asarray(whole.predict(theta))
    own = np.stack([p[:, 0] + p[:, 1], p[:, 2], p[:, 3]])
    expected = np.log(own[data.merged.cat.codes, np.arange(len(data))]).sum()
    assert merged.loglike(theta[[0, 1, 3, 4]]) == pytest.approx(expected, rel=1e-12)


# -- censored responses ------------------------------------------------------------------------


@each_depth
@few
@given(seed=seeds)
def test_limits_out_of_reach_and_exact_intervals_leave_least_squares(
    hidden: Any, seed: int
) -> None:
    data = rows(seed).assign(y=lambda d: d.capped + 3.0, low=lambda d: d.y, high=lambda d: d.y)
    gaussian = custom("y ~ x + z", data, dg.Gaussian(), hidden=hidden)
    variants = {
        "far": from_there(gaussian, "y ~ x + z", data, dg.Tobit(-1e6, 1e6), hidden=hidden),
        "none": from_there(gaussian, "y ~ x + z", data, dg.Tobit(None, None), hidden=hidden),
        "interval": from_there(gaussian, "low + high ~ x + z", data, dg.Tobit(), hidden=hidden),
    }
    mu = gaussian.predict().to_numpy()
    sigma = np.sqrt(np.mean((data.y - mu) ** 2))
    for fitted in variants.values():
        assert fitted.converged
        if not hidden:
            np.testing.assert_allclose(fitted.params.iloc[:-1], gaussian.params, rtol=1e-6)
            assert fitted.params["log_sigma"] == pytest.approx(np.log(sigma), abs=1e-6)
            ratio = np.exp(fitted.params["log_sigma"]) / np.sqrt(gaussian.scale)
            np.testing.assert_allclose(fitted.bse.iloc[:-1], ratio * gaussian.bse, rtol=1e-6)
            assert fitted.bse["log_sigma"] == pytest.approx(
                1.0 / np.sqrt(2.0 * len(data)), rel=1e-6
            )
        assert fitted.penalized_llf == pytest.approx(gaussian.penalized_llf, rel=1e-8)
        np.testing.assert_allclose(fitted.predict(which="latent"), mu, rtol=1e-4, atol=1e-5)
        sigma_ = np.exp(fitted.params["log_sigma"])
        expected = stats.norm.logpdf(data.y, fitted.predict(which="latent"), sigma_).sum()
        assert fitted.llf == pytest.approx(expected, rel=1e-10)


@each_depth
@pytest.mark.parametrize("distribution", ["normal", "logistic"])
@few
@given(seed=seeds)
def test_limits_are_intervals_with_an_open_end(distribution: str, hidden: Any, seed: int) -> None:
    data = rows(seed)
    left, right = data.recorded <= LOWER, data.recorded >= UPPER
    data["from"] = np.where(left, -np.inf, data.recorded)
    data["to"] = np.where(right, np.inf, data.recorded)
    data["bottom"], data["top"] = LOWER, UPPER
    tobit = dg.Tobit(LOWER, UPPER, distribution)
    a = custom("recorded ~ x + z", data, tobit, hidden=hidden)
    cells = dg.Tobit(distribution=distribution)
    b = from_there(a, 'Q("from") + to ~ x + z', data, cells, hidden=hidden)
    by_row = dg.Tobit("bottom", "top", distribution)
    c = custom("recorded ~ x + z", data, by_row, hidden=hidden)
    assert np.array_equal(a.params, c.params)
    np.testing.assert_array_equal(a.predict(data.head()), c.predict(data.head()))
    assert a.llf == pytest.approx(b.llf, rel=1e-7)
    np.testing.assert_allclose(a.params, b.params, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(a.bse, b.bse, rtol=1e-4)


@few
@given(seed=seeds, shift=st.floats(-50.0, 50.0), scale=st.sampled_from([0.01, 3.0, 1000.0]))
def test_units_of_a_censored_response(seed: int, shift: float, scale: float) -> None:
    data = rows(seed).assign(moved=lambda d: shift + scale * d.recorded)
    for hidden in ((), (2,)):
        a = custom("recorded ~ x + z", data, dg.Tobit(LOWER, UPPER), hidden=hidden)
        limits = dg.Tobit(shift + scale * LOWER, float(data.moved.max()))
        b = custom("moved ~ x + z", data, limits, hidden=hidden)
        assert b.penalized_llf == pytest.approx(a.penalized_llf - _seen(data) * np.log(scale))
        np.testing.assert_allclose(
            b.predict(which="latent"),
            shift + scale * a.predict(which="latent"),
            rtol=1e-5,
            atol=1e-5 * scale,
        )
        shifted = b.params["log_sigma"] - a.params["log_sigma"]
        assert shifted == pytest.approx(np.log(scale), abs=1e-5)


def _seen(data: pd.DataFrame) -> int:
    """Rows whose outcome was seen: their densities, and no others', have a unit."""
    return int(data.recorded.between(LOWER, UPPER, inclusive="neither").sum())


# -- dispersion parameters ---------------------------------------------------------------------


@each_depth
@few
@given(seed=seeds)
def test_at_the_estimated_alpha_a_known_one_gives_the_same(hidden: Any, seed: int) -> None:
    data = rows(seed)
    free = custom("count ~ x + z", data, dg.NegativeBinomial(), hidden=hidden)
    alpha = float(free.params["alpha"])
    assert alpha > 0.01
    known = from_there(free, "count ~ x + z", data, dg.NegativeBinomial(alpha=alpha), hidden=hidden)
    np.testing.assert_allclose(known.params, free.params.iloc[:-1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(known.predict(), free.predict(), rtol=1e-4)
    assert known.llf == pytest.approx(free.llf, rel=1e-8)
    assert known.deviance == pytest.approx(free.deviance, rel=1e-5)
    if not hidden:
        np.testing.assert_allclose(known.bse, free.bse.iloc[:-1], rtol=1e-5)
    for other in (0.8 * alpha, 1.25 * alpha):
        worse = custom("count ~ x + z", data, dg.NegativeBinomial(alpha=other), hidden=hidden)
        assert worse.penalized_llf < free.penalized_llf + 1e-9


@each_depth
@few
@given(seed=seeds)
def test_at_the_estimated_power_a_known_one_gives_the_same(hidden: Any, seed: int) -> None:
    data = rows(seed)
    free = custom("amount ~ x + z", data, dg.Tweedie(), hidden=hidden)
    scale, power = np.exp(free.auxiliary.estimate["log_scale"]), free.auxiliary.estimate["power"]
    family = dg.Tweedie(var_power=float(power))
    known = from_there(free, "amount ~ x + z", data, family, hidden=hidden, scale=float(scale))
    np.testing.assert_allclose(known.params, free.params, rtol=1e-4, atol=1e-5)
    assert known.llf == pytest.approx(free.llf, rel=1e-8)


@pytest.mark.parametrize("link", ["Log", "Sqrt", "Identity"])
@few
@given(seed=seeds)
def test_balance_of_counts_whose_alpha_is_estimated(link: str, seed: int) -> None:
    """The score equation of the intercept, at any alpha."""
    data = rows(seed)
    family = dg.NegativeBinomial(getattr(dg.families.links, link)())
    fitted = custom("count ~ g", data, family)
    # a saturated factor: its means are those of the groups, whatever alpha and link are
    groups = data.groupby("g")["count"].mean()
    np.testing.assert_allclose(fitted.predict(), data.g.map(groups), rtol=1e-6)


@each_depth
@few
@given(seed=seeds)
def test_balance_of_classes(hidden: Any, seed: int) -> None:
    """With an intercept the fitted probabilities of a class add up to its rows."""
    data = rows(seed)
    fitted = custom("kind ~ x + z", data, dg.Multinomial(), hidden=hidden)
    counts = data.kind.value_counts()[list(KINDS)]
    np.testing.assert_allclose(fitted.predict().sum(), counts, rtol=1e-6)
