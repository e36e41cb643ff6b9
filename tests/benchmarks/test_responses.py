"""The benchmark of responses: its data, its splits, and its scores against scipy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import deepglm as dg
from benchmarks import report, responses
from benchmarks.responses import DATA, Data, Found, Pair, Score
from deepglm.families.categorical import Categorical
from deepglm.families.compound_poisson import CompoundPoisson
from deepglm.families.tobit import Censored

TREES = Data(
    "trees", "Gamma", "datasets_trees.csv", "timber", "Volume ~ Girth + Height", dg.Gamma,
    "deviance", "Volume",
)  # fmt: skip
NAMED = {data.name: data for data in DATA}


# -- data -----------------------------------------------------------------------------------------


def test_there_are_two_data_sets_for_each_of_ten_responses() -> None:
    counts = pd.Series([data.response for data in DATA]).value_counts()
    assert len(counts) == 10 and (counts == 2).all()
    assert len(NAMED) == len({data.formula for data in DATA}) == 20


@pytest.mark.parametrize("data", DATA, ids=lambda data: data.name)
def test_data_are_here_complete_and_of_a_size(data: Data) -> None:
    rows = responses.read(data)
    assert 150 <= len(rows) <= responses.MOST_ROWS
    assert not rows.isna().any(axis=None)
    named = {data.outcome, *data.factors, *([data.var_weights] if data.var_weights else [])}
    assert named <= set(rows.columns)
    assert set(data.factors) <= set(responses.factors(rows))
    assert all(f" {name}" in f" {data.formula.replace('(', ' ')}" for name in rows) or (
        data.var_weights
    )
    pd.testing.assert_frame_equal(rows, responses.read(data))


@pytest.mark.parametrize("data", DATA, ids=lambda data: data.name)
def test_the_ordinary_model_can_be_fitted_and_scored(data: Data) -> None:
    rows = responses.read(data)
    inside, outside = responses.split(len(rows), 0)
    learning, test = rows.iloc[inside], rows.iloc[outside]
    known = responses.seen(learning, test, responses.labels(data, rows))
    assert known.mean() > 0.99
    found = responses.score(data, learning, test[known], {"hidden": ()})
    assert found.failure == "" and np.isfinite([found.mean, found.second]).all()


def test_rows_are_drawn_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses, "MOST_ROWS", 300)
    all_rows = pd.read_csv(responses.FOLDERS[0] / "AER_CPS1985.csv")
    drawn = responses.read(NAMED["occupations"])
    assert len(drawn) == 300 < len(all_rows)
    assert drawn["education"].mean() != all_rows["education"][:300].mean()


def test_a_split_is_two_thirds_and_the_rest() -> None:
    inside, outside = responses.split(100, 3)
    assert (len(inside), len(outside)) == (67, 33)
    assert sorted([*inside, *outside]) == list(range(100))
    assert np.array_equal(inside, responses.split(100, 3)[0])
    assert not np.array_equal(inside, responses.split(100, 4)[0])


def test_rows_with_levels_that_were_not_learnt_are_left_out() -> None:
    learning = pd.DataFrame({"f": ["a", "b"], "x": [1.0, 2.0], "y": [0, 1]})
    test = pd.DataFrame({"f": ["a", "c", "b"], "x": [9.0, 1.0, 1.0], "y": [1, 0, 2]})
    assert responses.seen(learning, test, ["f"]).tolist() == [True, False, True]
    assert responses.seen(learning, test, ["f", "y"]).tolist() == [True, False, False]
    assert responses.seen(learning, test, []).all()


def test_grades_are_labels_and_counts_are_not() -> None:
    for name, expected in {
        "wine": ["quality"],
        "chemists": ["fem", "mar"],
        "hours": ["city"],
    }.items():
        assert responses.labels(NAMED[name], responses.read(NAMED[name])) == expected
    assert (
        responses.labels(NAMED["poverty"], responses.read(NAMED["poverty"])).count("poverty") == 1
    )


# -- scores ---------------------------------------------------------------------------------------


def test_scores_of_labels() -> None:
    law = Categorical(("a", "b", "c"), np.array([[0.5, 0.1, 0.2], [0.3, 0.9, 0.8], [0.2, 0, 0]]))
    scores = responses.log_scores(law, np.array(["a", "b", "c"], dtype=object))
    assert scores == pytest.approx([np.log(0.5), np.log(0.9), -np.inf])
    data = NAMED["votes"]
    y = np.array(["b", "b", "b"], dtype=object)
    assert responses.error_rate(data, law, y, np.ones(3)) == pytest.approx(1.0 / 3.0)


def test_scores_of_censored_outcomes() -> None:
    latent = stats.norm(loc=np.array([-1.0, 1.0, 2.5]), scale=2.0)
    law = Censored(latent, 0.0, 3.0)
    expected = [
        stats.norm.logcdf(0.5),
        stats.norm.logpdf(1.5, 1.0, 2.0),
        np.log(stats.norm.sf(0.25)),
    ]
    assert responses.log_scores(law, np.array([0.0, 1.5, 3.0])) == pytest.approx(expected)


@pytest.mark.parametrize("power", [1.2, 1.7])
def test_scores_of_a_compound_poisson_law(power: float) -> None:
    mu, phi, y = np.array([0.8, 2.0, 5.0]), np.array([1.0, 0.5, 2.0]), np.array([0.0, 1.5, 11.0])
    rate = mu ** (2.0 - power) / (phi * (2.0 - power))
    shape, scale = (2.0 - power) / (power - 1.0), phi * (power - 1.0) * mu ** (power - 1.0)
    expected = [-rate[0]]
    for i in (1, 2):
        j = np.arange(1, 400)
        terms = stats.poisson.pmf(j, rate[i]) * stats.gamma.pdf(y[i], j * shape, scale=scale[i])
        expected.append(np.log(terms.sum()))
    law = CompoundPoisson(mu, phi, power)
    assert responses.log_scores(law, y) == pytest.approx(expected, rel=1e-9)


def densities(name: str, fit: Any, y: Any) -> Any:
    """The log density of a response by its textbook formula."""
    mu, scale = fit.predict(), fit.scale
    if name == "Gaussian":
        return stats.norm.logpdf(y, mu, np.sqrt(scale))
    if name == "Poisson":
        return stats.poisson.logpmf(y, mu)
    if name == "Gamma":
        return stats.gamma.logpdf(y, 1.0 / scale, scale=mu * scale)
    if name == "InverseGaussian":
        return -0.5 * (np.log(2.0 * np.pi * scale * y**3) + (y - mu) ** 2 / (scale * mu**2 * y))
    size = 1.0 / fit.params["alpha"]
    return stats.nbinom.logpmf(y, size, size / (size + mu))


@pytest.mark.parametrize("name", ["Gaussian", "Poisson", "Gamma", "InverseGaussian", "NB"])
def test_scores_are_those_of_the_textbook(name: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    counts = rng.negative_binomial(2.0, 2.0 / (2.0 + np.exp(1.0 + 0.3 * x)))
    y = counts if name in ("Poisson", "NB") else np.exp(1.0 + 0.3 * x + 0.4 * rng.normal(size=200))
    link = responses.LOG()
    families: dict[str, Any] = {
        "Gaussian": dg.Gaussian(), "Poisson": dg.Poisson(), "Gamma": dg.Gamma(link),
        "InverseGaussian": dg.InverseGaussian(link), "NB": dg.NegativeBinomial(),
    }  # fmt: skip
    rows = pd.DataFrame({"x": x, "y": y})
    fit = dg.DeepGLM("y ~ x", rows, families[name], hidden=()).fit()
    scores = responses.log_scores(fit.get_distribution(rows), y)
    assert scores == pytest.approx(np.asarray(densities(name, fit, y)), rel=1e-7)


def test_second_measures() -> None:
    y, mu = np.array([1.0, 2.0, 4.0]), np.array([2.0, 2.0, 2.0])
    ones, w = np.ones(3), np.array([1.0, 1.0, 2.0])
    normal = stats.norm(mu, 1.0)
    assert responses.rmse(TREES, normal, y, ones) == pytest.approx(np.sqrt(5.0 / 3.0))
    gamma = 2.0 * ((y - mu) / mu - np.log(y / mu))
    assert responses.deviance(TREES, normal, y, w) == pytest.approx((gamma @ w) / 4.0)
    coin = stats.binom(1, np.array([0.9, 0.2, 0.6]))
    shown = responses.error_rate(NAMED["pima"], coin, np.array([1.0, 0.0, 0.0]), ones)
    assert shown == pytest.approx(1.0 / 3.0)


def test_a_probability_of_success_is_that_of_the_second_label() -> None:
    test = pd.DataFrame({"diabetes": ["pos", "neg"]})
    assert responses.responses(NAMED["pima"], test, test).tolist() == [1.0, 0.0]


def test_a_fit_that_fails_is_kept_with_its_message() -> None:
    rows = responses.read(TREES)
    wrong = replace(TREES, formula="Volume ~ Girth + Nobody")
    failed = responses.score(wrong, rows, rows, {"hidden": ()})
    assert "Nobody" in failed.failure and np.isnan(failed.mean) and not failed.certified
    fine = responses.score(TREES, rows, rows, {"hidden": ()})
    found = Found(TREES, 31, [Pair(fine, failed), Pair(fine, fine), Pair(fine, fine)])
    assert found.first()[6:8] == ["0 of 3", "2 of 3"]
    assert found.second()[-1] == "0, 1"
    assert "Failed: trees, deep:" in responses.page([found])


# -- tables ---------------------------------------------------------------------------------------


def found(differences: list[float]) -> Found:
    pairs = [Pair(Score(-1.0, 1.0, True), Score(d - 1.0, 1.0, True)) for d in differences]
    return Found(TREES, 31, pairs)


def test_a_verdict_is_by_standard_errors() -> None:
    factor = 1.0 / np.sqrt(4.0)  # the standard error of these is 0.0645
    assert found([0.2, 0.3, 0.4, 0.5]).verdict(factor) == "better"
    assert found([-0.2, -0.3, -0.4, -0.5]).verdict(factor) == "worse"
    assert found([-0.2, 0.1, 0.4, 0.1]).verdict(factor) == "within two standard errors"
    assert found([0.0, 0.1, 0.2, 0.3]).verdict(1.0) == "within two standard errors"


def test_a_response_called_impossible_decides() -> None:
    assert found([0.2, -np.inf, 0.4]).verdict(0.5) == "worse"
    assert found([0.2, np.inf, 0.4]).verdict(0.5) == "better"
    assert found([np.inf, -np.inf]).verdict(0.5) == "not comparable"


def test_the_summary_counts_every_data_set() -> None:
    text = responses.summary(
        [found([0.2, 0.3, 0.25]), found([-0.2, -0.3, -0.25]), found([-0.1, 0.1])]
    )
    assert text.startswith("Of 3 data sets the deep fit is better in 1, worse in 1 and within two")


def test_an_unknown_data_set_is_refused_with_the_list() -> None:
    with pytest.raises(SystemExit, match="concrete.*hours"):
        responses.main(["iris"])


def test_results_end_with_the_page_of_responses() -> None:
    section = report.responses()
    assert section.startswith("## Every response")
    assert report.RESULTS.read_text(encoding="utf-8").endswith(section + "\n")
    assert all(f"| {name} " in section for name in NAMED)
