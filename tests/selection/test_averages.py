"""Averages of fits: against closed forms, scipy's densities by hand, and the fits themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import logsumexp

import deepglm as dg
from deepglm.errors import NotAvailableError, SpecificationError
from deepglm.plots import partial_means
from deepglm.selection import Average, average
from tests.selection.fits import OF, SEEDS, WITH_DISTRIBUTION, glm, network, rows, three

every_family = pytest.mark.parametrize("family", OF)


def new_rows(family: str = "poisson") -> pd.DataFrame:
    """Other rows, the second of them incomplete."""
    new = rows(family).iloc[[3, 1, 40, 7]].copy()
    new["x"] += 0.25
    new.loc["row 1", "x"] = np.nan
    return new


# -- what is averaged ---------------------------------------------------------------------------


@every_family
def test_the_average_of_a_fit_with_itself_is_that_fit(family: str) -> None:
    fit = network(family)
    avg = average(fit, fit)
    pd.testing.assert_series_equal(avg.fittedvalues, fit.fittedvalues, rtol=0, atol=0)
    new = new_rows(family)
    for which in ("mean", "linear"):
        pd.testing.assert_series_equal(
            avg.predict(new, which=which), fit.predict(new, which=which), rtol=1e-13
        )
    assert avg.deviance == pytest.approx(fit.deviance, rel=1e-14)
    assert avg.llf == pytest.approx(fit.llf, rel=1e-12)
    assert (avg.nobs, avg.family, avg.converged) == (fit.nobs, fit.family, fit.converged)
    assert avg.spread(new).sd_between_fits.dropna().tolist() == [0.0, 0.0, 0.0]


@every_family
def test_means_are_averaged_on_the_scale_of_the_response(family: str) -> None:
    fits, new = three(family), new_rows(family)
    expected = sum(fit.predict(new) for fit in fits) / 3
    pd.testing.assert_series_equal(average(fits).predict(new), expected, rtol=1e-14)
    linear = average(fits).predict(new, which="linear")
    back = OF[family][0].link.inverse(linear.dropna().to_numpy())
    np.testing.assert_allclose(back, expected.dropna(), rtol=1e-12)


def test_weights_are_normalised_and_used() -> None:
    a, b = network("gamma"), glm("gamma")
    avg = average([a, b], weights=[3, 1])
    assert avg.weights == (0.75, 0.25)
    expected = 0.75 * a.fittedvalues + 0.25 * b.fittedvalues
    pd.testing.assert_series_equal(avg.fittedvalues, expected, rtol=1e-14)


def test_a_weight_of_zero_leaves_the_fit_out() -> None:
    a, b, c = three("poisson")
    with_zero, without = average(a, b, c, weights=(1, 0, 1)), average(a, c)
    pd.testing.assert_series_equal(with_zero.fittedvalues, without.fittedvalues)
    assert with_zero.llf == pytest.approx(without.llf, rel=1e-14)
    assert with_zero.deviance == pytest.approx(without.deviance, rel=1e-14)


def test_offset_and_exposure_are_those_of_predict() -> None:
    fits, new = three("poisson"), new_rows()
    avg = average(fits)
    for options in ({"exposure": 2.0}, {"offset": new.z}, {"offset": 0.5, "exposure": "w"}):
        expected = sum(fit.predict(new, **options) for fit in fits) / 3
        pd.testing.assert_series_equal(avg.predict(new, **options), expected, rtol=1e-14)
        pd.testing.assert_series_equal(
            avg.spread(new, **options)["mean"], expected, rtol=1e-14, check_names=False
        )


def test_a_row_with_a_missing_input_is_nan_in_its_place() -> None:
    avg, new = average(three("poisson")), new_rows()
    for values in (avg.predict(new), avg.predict(new, which="linear")):
        assert values.index.equals(new.index)
        assert values.isna().tolist() == [False, True, False, False]
    spread = avg.spread(new, members=True)
    assert spread.index.equals(new.index)
    assert spread.loc["row 1"].isna().all()
    assert spread.drop(index="row 1").notna().all(axis=None)


def test_labels_that_come_twice_stay_as_they_are() -> None:
    avg, new = average(three("poisson")), new_rows().dropna()
    twice = pd.concat([new, new])
    frame = avg.spread(twice, members=True)
    assert frame.index.equals(twice.index)
    np.testing.assert_array_equal(frame["mean"], avg.predict(twice))


def test_arrays_without_labels_work_too() -> None:
    data = rows("gaussian")
    X = data[["x", "z"]].to_numpy()
    model = dg.DeepGLM.from_arrays(data.y.to_numpy(), X, hidden=(2,), add_constant=True)
    fits = [model.fit(inference=None, seed=seed, starts=1) for seed in SEEDS]
    got = average(fits).predict(X[:5])
    np.testing.assert_allclose(got, np.mean([f.predict(X[:5]) for f in fits], axis=0), rtol=1e-14)
    assert got.index.equals(pd.RangeIndex(5))


# -- spread -------------------------------------------------------------------------------------


def test_spread_is_what_it_says() -> None:
    a, b, c = three("poisson")
    avg = average({"a": a, "b": b, "the GLM": c}, weights=[2, 1, 1])
    frame = avg.spread(members=True)
    assert list(frame) == ["mean", "sd_between_fits", "min", "max", "a", "b", "the GLM"]
    assert list(avg.spread()) == ["mean", "sd_between_fits", "min", "max"]
    values = np.array([a.mu, b.mu, c.mu])
    np.testing.assert_array_equal(frame[["a", "b", "the GLM"]].to_numpy().T, values)
    mean = np.array([0.5, 0.25, 0.25]) @ values
    sd = np.sqrt(np.array([0.5, 0.25, 0.25]) @ (values - mean) ** 2)
    np.testing.assert_allclose(frame["mean"], mean, rtol=1e-14)
    np.testing.assert_allclose(frame["sd_between_fits"], sd, rtol=1e-10)
    np.testing.assert_array_equal(frame["min"], values.min(axis=0))
    np.testing.assert_array_equal(frame["max"], values.max(axis=0))


def test_spread_says_that_it_is_no_standard_error() -> None:
    text = " ".join((Average.spread.__doc__ or "").split())
    assert "not a standard error" in text
    assert "spread between fits" in text


# -- likelihood ---------------------------------------------------------------------------------


def by_hand(family: str, fit: Any) -> np.ndarray:
    """Log-densities of the rows by scipy, at the dispersion of the fit's own llf."""
    data, mu = rows(family), fit.mu.to_numpy()
    y, phi = data.y.to_numpy(), fit.scale
    if family == "gaussian":
        phi = float((data.e * (y - mu) ** 2).mean())  # profiled, as in statsmodels
        return stats.norm.logpdf(y, mu, np.sqrt(phi / data.e))
    if family == "gamma":
        shape = data.e / phi
        return stats.gamma.logpdf(y, shape, scale=mu / shape)
    if family == "inverse gaussian":
        return stats.invgauss.logpdf(y, mu * phi, scale=1 / phi)
    if family == "binomial":
        return stats.binom.logpmf(y, 4, mu)
    if family == "negative binomial":
        return stats.nbinom.logpmf(y, 2.0, 2.0 / (2.0 + mu))
    return stats.poisson.logpmf(y, mu)


@pytest.mark.parametrize("family", WITH_DISTRIBUTION)
@pytest.mark.parametrize("weights", [(1, 1, 1), (5, 1, 2)])
def test_log_likelihood_is_that_of_the_mixture(family: str, weights: tuple[int, ...]) -> None:
    fits = three(family)
    logs = np.array([by_hand(family, fit) for fit in fits])
    share = np.array(weights) / sum(weights)
    freq = rows(family).w if "freq_weights" in OF[family][1] else 1.0
    expected = float((freq * logsumexp(logs, axis=0, b=share[:, None])).sum())
    assert average(fits, weights=weights).llf == pytest.approx(expected, rel=1e-11)


@every_family
@given(weights=st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3))
def test_mixture_has_at_least_the_mean_log_likelihood(family: str, weights: list[float]) -> None:
    fits = three(family)
    avg = average(fits, weights=weights)
    mean = np.dot(avg.weights, [fit.llf for fit in fits])
    assert avg.llf >= mean - 1e-9
    assert average(fits).llf > np.mean([fit.llf for fit in fits]) + 1e-4  # these fits differ


@pytest.mark.parametrize("family", ["gaussian", "poisson", "binomial"])
def test_convex_deviances_gain_by_averaging(family: str) -> None:
    fits = three(family)
    assert average(fits).deviance < np.mean([fit.deviance for fit in fits])


def test_deviance_is_that_of_the_averaged_means() -> None:
    fits, data = three("poisson"), rows("poisson")
    mean = sum(fit.mu for fit in fits) / 3
    expected = dg.Poisson().deviance(data.y.to_numpy(float), mean.to_numpy(), freq_weights=data.w)
    assert average(fits).deviance == pytest.approx(expected, rel=1e-13)
    fits, data = three("gaussian"), rows("gaussian")
    mean = sum(fit.mu for fit in fits) / 3
    rss = float((data.e * (data.y - mean) ** 2).sum())
    assert average(fits).deviance == pytest.approx(rss, rel=1e-13)


@pytest.mark.parametrize("family", ["gaussian", "poisson", "binomial"])
def test_a_canonical_link_keeps_the_total_of_the_responses(family: str) -> None:
    fits = [network(family, seed) for seed in SEEDS]
    counted = fits[0]._model._data.rows
    total = counted.freq * counted.weight
    avg = average([*fits, glm(family)], weights=[1, 2, 3, 4])
    assert avg.fittedvalues @ total == pytest.approx(counted.y @ total, rel=1e-9)


# -- distribution -------------------------------------------------------------------------------


@pytest.mark.parametrize("family", WITH_DISTRIBUTION)
def test_distribution_of_the_rows_is_the_mixture(family: str) -> None:
    fits = three(family)
    mixed = average(fits, weights=[2, 1, 1]).get_distribution()
    share, parts = np.array([0.5, 0.25, 0.25]), [fit.get_distribution() for fit in fits]
    y = rows(family).y.to_numpy()
    density = "pdf" if hasattr(parts[0], "pdf") else "pmf"
    expected = share @ np.array([getattr(part, density)(y) for part in parts])
    np.testing.assert_allclose(getattr(mixed, density)(y), expected, rtol=1e-13)
    np.testing.assert_allclose(getattr(mixed, f"log{density}")(y), np.log(expected), rtol=1e-9)
    second = share @ np.array([part.var() + part.mean() ** 2 for part in parts])
    np.testing.assert_allclose(mixed.var(), second - mixed.mean() ** 2, rtol=1e-9)


def test_distribution_of_new_rows_has_their_means_and_spread() -> None:
    avg, new = average(three("poisson")), new_rows()
    mixed = avg.get_distribution(new, exposure=2.0)
    mean, spread = avg.predict(new, exposure=2.0), avg.spread(new, exposure=2.0)
    np.testing.assert_allclose(mixed.mean(), mean, rtol=1e-14)
    np.testing.assert_allclose(mixed.var(), mean + spread.sd_between_fits**2, rtol=1e-12)
    assert np.isnan(mixed.pmf(1)).tolist() == [False, True, False, False]


def test_weights_and_trials_of_new_rows_reach_the_distribution() -> None:
    new = new_rows("binomial").dropna()
    avg = average(three("binomial"))
    mixed = avg.get_distribution(new, n_trials=10)
    np.testing.assert_allclose(mixed.mean(), 10 * avg.predict(new), rtol=1e-13)
    np.testing.assert_allclose(mixed.pmf(np.arange(11)[:, None]).sum(axis=0), 1.0)
    new = new_rows("gamma").dropna()
    avg = average(three("gamma"))
    narrow, wide = (avg.get_distribution(new, var_weights=w) for w in (4.0, 1.0))
    assert (narrow.var() < wide.var()).all()


def test_no_distribution_where_the_fits_have_none() -> None:
    with pytest.raises(NotAvailableError, match="no distribution object"):
        average(three("quasi")).get_distribution()


# -- what it refuses ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bse", "no standard errors"),
        ("conf_int", "no standard errors"),
        ("cov_params", "spread()"),
        ("get_prediction", "get_distribution()"),
        ("t_test", "members"),
        ("params", "do not belong together"),
        ("aic", "no number of coefficients"),
        ("df_resid", "Compare llf"),
    ],
)
def test_what_an_average_does_not_have_says_why(name: str, reason: str) -> None:
    avg = average(three("poisson"))
    with pytest.raises(NotAvailableError) as caught:
        getattr(avg, name)
    assert str(caught.value).startswith(f"{name}: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ([1, 2], "one finite number for each of the 3 fits"),
        ([1, -1, 2], "none negative"),
        ([1, np.nan, 2], "finite"),
        ([1, np.inf, 2], "finite"),
        ([0, 0, 0], "all zero"),
        (2.0, "one finite number for each of the 3 fits"),
    ],
)
def test_weights_that_are_none(weights: list[float], sentence: str) -> None:
    with pytest.raises(SpecificationError, match=sentence):
        average(three("poisson"), weights=weights)


@pytest.mark.parametrize("which", ["var_unscaled", "rates", "prob"])
def test_an_unknown_statistic_is_refused(which: Any) -> None:
    with pytest.raises(SpecificationError, match="accepted are 'mean', 'linear'"):
        average(three("poisson")).predict(which=which)


def test_it_needs_results_and_two_of_them() -> None:
    fit = glm("poisson")
    with pytest.raises(SpecificationError, match="two or more fits; given is 1"):
        average(fit)
    with pytest.raises(SpecificationError, match="given is 0"):
        average()
    with pytest.raises(SpecificationError, match="'fit 2' is of type DeepGLM"):
        average(fit, fit.model)
    with pytest.raises(SpecificationError, match="'fit 1' is of type Average"):
        average(average(fit, fit), fit)
    with pytest.raises(SpecificationError, match="'mean'.*Choose another name"):
        average({"mean": fit, "b": fit})


# -- that it changes nothing and fits nothing ---------------------------------------------------


def test_fits_may_come_one_by_one_in_a_list_or_by_name() -> None:
    fits = three("poisson")
    one_by_one, listed = average(*fits), average(fits)
    named = average(dict(zip("abc", fits, strict=True)))
    assert list(one_by_one.members) == list(listed.members) == ["fit 1", "fit 2", "fit 3"]
    assert list(named.members) == ["a", "b", "c"]
    assert list(named.members.values()) == fits
    assert one_by_one.llf == listed.llf == named.llf == average(iter(fits)).llf
    numbered = average({1: fits[0], "1": fits[1]})
    assert list(numbered.spread(members=True))[4:] == [1, "1"]
    assert numbered.summary().tables[1].as_text().count("3 tanh") == 2


def test_nothing_is_fitted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = three("poisson")

    def refuse(*args: Any, **options: Any) -> None:
        raise AssertionError("fit was called")

    monkeypatch.setattr(dg.DeepGLM, "fit", refuse)
    avg = average(fits)
    assert np.isfinite([avg.llf, avg.deviance]).all()
    assert avg.predict(new_rows()).notna().sum() == 3
    assert str(avg)


def test_it_cannot_be_changed() -> None:
    avg = average(three("poisson"))
    before = avg.llf
    with pytest.raises(AttributeError):
        avg.llf = 0.0  # type: ignore[misc]
    with pytest.raises(AttributeError):
        avg.weights = (1.0, 0.0, 0.0)  # type: ignore[misc]
    avg.members.clear()
    means = avg.fittedvalues
    means.iloc[0] = 1e9
    assert len(avg.members) == 3
    assert avg.fittedvalues.max() < 1e9
    assert average(three("poisson")).llf == before == avg.llf


def test_partial_means_take_an_average() -> None:
    fits, data = three("poisson"), rows("poisson")
    frame = partial_means(
        {"average": average(fits), **{str(k): f for k, f in enumerate(fits)}}, data, "x", [0.0, 1.0]
    ).pivot(index="value", columns="model", values="mean")
    np.testing.assert_allclose(frame["average"], frame[["0", "1", "2"]].mean(axis=1), rtol=1e-13)


def test_it_is_the_one_at_the_top() -> None:
    assert dg.average is average
