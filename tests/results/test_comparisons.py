"""Comparisons of averages at two values of an input, against predictions and coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special

import deepglm as dg
from deepglm.errors import DataError, MissingColumnError, NotAvailableError, SpecificationError
from tests.results.test_effects import FORMULA, N, average, table

pytestmark = pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")


@pytest.fixture(scope="module")
def counts() -> Any:
    model = dg.DeepGLM(
        FORMULA, table(), dg.Poisson(), hidden=(2,), exposure="years", freq_weights="times"
    )
    return model.fit(inference="delta", starts=3)


@pytest.fixture(scope="module")
def glm() -> Any:
    rows = table()
    return dg.DeepGLM("count ~ x + C(g)", rows, dg.Poisson(), hidden=(), exposure="years").fit()


def test_differences_are_those_of_predictions(counts: Any) -> None:
    rows = table()
    found = counts.compare().estimate
    assert list(found.index) == [
        "x[+1 sd]",
        "z[+1 sd]",
        "g[b vs a]",
        "g[c vs a]",
        "d[1 vs 0]",
        "k[+1 sd]",
    ]
    expected = average(counts, rows.assign(d=1)) - average(counts, rows.assign(d=0))
    assert found["d[1 vs 0]"] == pytest.approx(expected, rel=1e-10)
    both = counts.compare({"x": (1.0, 3.0), "d": (0, 1)}).estimate
    assert list(both.index) == ["x[3.0 vs 1.0]", "d[1 vs 0]"]
    assert both["d[1 vs 0]"] == pytest.approx(expected, rel=1e-10)
    sd = np.sqrt(np.cov(rows.x, aweights=rows.times, ddof=0))
    expected = average(counts, rows.assign(x=rows.x + sd)) - average(counts, rows)
    assert found["x[+1 sd]"] == pytest.approx(expected, rel=1e-10)
    expected = average(counts, rows.assign(k=rows.k + 2)) - average(counts, rows)
    assert counts.compare("k", by=2).estimate["k[+2]"] == pytest.approx(expected, rel=1e-10)
    expected = average(counts, rows.assign(x=3.0)) - average(counts, rows.assign(x=1.0))
    assert counts.compare("x", 1.0, 3.0).estimate.item() == pytest.approx(expected, rel=1e-10)
    expected = average(counts, rows.assign(g="c")) - average(counts, rows.assign(g="b"))
    assert counts.compare("g", "b", "c").estimate.item() == pytest.approx(expected, rel=1e-10)


def test_rate_ratios_of_a_log_link_are_exponentiated_coefficients(glm: Any) -> None:
    found = glm.compare("g", kind="ratio")
    names = ["C(g)[T.b]", "C(g)[T.c]"]
    assert np.allclose(found.estimate, np.exp(glm.params[names]), rtol=1e-10)
    assert np.allclose(found.se, glm.bse[names], rtol=1e-8)
    assert np.allclose(found.conf_int(0.1), np.exp(glm.conf_int(0.1).loc[names]), rtol=1e-8)
    assert np.allclose(found.pvalues, glm.pvalues[names], rtol=1e-6)
    frame = found.summary_frame()
    assert list(frame) == ["ratio", "std err (log)", "z", "P>|z|", "[0.025", "0.975]"]


def test_odds_ratio_without_other_terms_is_the_coefficient() -> None:
    rows = table().assign(hit=lambda d: (d["count"] > 1).astype(int))
    glm = dg.DeepGLM("hit ~ C(g)", rows, dg.Binomial(), hidden=()).fit()
    found = glm.compare(kind="odds ratio", low="a", high="c", inputs="g")
    assert found.estimate.item() == pytest.approx(np.exp(glm.params["C(g)[T.c]"]), rel=1e-9)
    assert found.se.item() == pytest.approx(glm.bse["C(g)[T.c]"], rel=1e-8)


def test_risk_differences_and_ratios_go_by_the_delta_method() -> None:
    """Against differences of predictions at moved coefficients, rows fixed."""
    rows = table().assign(hit=lambda d: (d["count"] > 1).astype(int))
    glm = dg.DeepGLM("hit ~ x + d", rows, dg.Binomial(), hidden=()).fit()
    b, V = glm.params.to_numpy(), glm.cov_params().to_numpy()

    def risks(b: Any) -> Any:
        return [special.expit(b[0] + b[1] * rows.x + b[2] * d).mean() for d in (0, 1)]

    def functions(b: Any) -> Any:
        p, q = risks(b)
        return np.array([q - p, np.log(q / p), special.logit(q) - special.logit(p)])

    h = 1e-5
    G = np.array([(functions(b + h * e) - functions(b - h * e)) / (2 * h) for e in np.eye(3)]).T
    for k, kind in enumerate(("difference", "ratio", "odds ratio")):
        found = glm.compare("d", 0, 1, kind=kind, x="fixed")
        assert found.se.item() == pytest.approx(np.sqrt(G[k] @ V @ G[k]), rel=1e-6)
        value = found.estimate.item() if k == 0 else np.log(found.estimate.item())
        assert value == pytest.approx(functions(b)[k], rel=1e-9)
    ratio, fixed = (
        glm.compare("d", 0, 1, kind="ratio", x=x).se.item() for x in ("random", "fixed")
    )
    p, q = (special.expit(b[0] + b[1] * rows.x + b[2] * d) for d in (0, 1))
    spread = np.mean((q / q.mean() - p / p.mean()) ** 2) / N
    assert ratio**2 == pytest.approx(fixed**2 + spread, rel=1e-9)


def test_groups(counts: Any) -> None:
    rows = table()
    by_name = counts.compare("x", 1.0, 3.0, groups="g")
    by_array = counts.compare("x", 1.0, 3.0, groups=rows.g)
    assert by_name.estimate.index.names == ["input", "group"]
    assert np.array_equal(by_name.estimate, by_array.estimate)
    for level in "abc":
        mine = rows[rows.g == level]
        expected = average(counts, mine.assign(x=3.0)) - average(counts, mine.assign(x=1.0))
        assert by_name.estimate["x[3.0 vs 1.0]", level] == pytest.approx(expected, rel=1e-10)
    odd = counts.compare("x", 1.0, 3.0, groups=rows.z > 1)
    assert list(odd.estimate.index.get_level_values("group")) == [False, True]


def test_rates(glm: Any) -> None:
    rows = table()
    mu = [glm.predict(rows.assign(g=g)).sum() for g in ("b", "a")]
    found = glm.compare("g", "a", "b", per="exposure")
    assert found.estimate.item() == pytest.approx((mu[0] - mu[1]) / rows.years.sum(), rel=1e-10)
    grouped = glm.compare("g", "a", "b", per="exposure", groups=rows.d)
    here = rows.d == 1
    mu = [glm.predict(rows.assign(g=g))[here].sum() for g in ("b", "a")]
    expected = (mu[0] - mu[1]) / rows.years[here].sum()
    assert grouped.estimate.iloc[1] == pytest.approx(expected, rel=1e-10)
    assert "per exposure" in str(grouped)


def test_classes_add_up() -> None:
    fit = dg.DeepGLM("cls ~ x + C(g)", table(), dg.Ordinal(), hidden=()).fit()
    found = fit.compare()
    assert found.estimate.index.names == ["input", "outcome"]
    by_input = found.estimate.groupby(level="input").sum()
    assert np.allclose(by_input, 0.0, atol=1e-14)
    linear = fit.compare("x", by=1.0, which="linear")
    assert linear.estimate.item() == pytest.approx(fit.params["x"], rel=1e-9)
    assert linear.se.item() == pytest.approx(fit.bse["x"], rel=1e-7)


def test_networks_have_no_z_for_fixed_rows(counts: Any) -> None:
    fixed = counts.compare("x", x="fixed")
    assert np.isnan(fixed.tvalues).all() and np.isnan(fixed.pvalues).all()
    assert "x='random' only" in str(fixed.summary())


def test_withheld() -> None:
    fit = dg.DeepGLM("count ~ x", table(), dg.Poisson(), hidden=(2,)).fit(inference=None, starts=2)
    found = fit.compare()
    assert np.isfinite(found.estimate).all() and np.isnan(found.se).all()
    assert "inference=None" in str(found)


def test_what_cannot_be_compared(counts: Any, glm: Any) -> None:
    gaussian = dg.DeepGLM("y ~ x", table().assign(y=lambda d: d.y - 5), hidden=()).fit()
    for what, match, kind in (
        ({"inputs": "x", "low": 1.0}, "both low= and high= of x", SpecificationError),
        ({"low": 1.0, "high": 2.0}, "values of one input", SpecificationError),
        ({"kind": "quotient"}, "'difference', 'ratio', 'odds ratio'", SpecificationError),
        ({"inputs": "g", "low": "q"}, "not a level of g", SpecificationError),
        ({"inputs": "w"}, "not an input", MissingColumnError),
        ({"groups": "years"}, "not a variable that the model keeps", DataError),
        ({"groups": np.ones(3)}, "one label for every row", DataError),
        ({"groups": pd.Series(np.r_[np.nan, np.ones(N - 1)])}, "row 0", DataError),
        ({"per": "year"}, "accepted is 'exposure'", SpecificationError),
        ({"by": "iqr"}, "by='iqr'", SpecificationError),
        ({"by": [1.0, 2.0]}, "by=", SpecificationError),
        ({"inputs": {"x": 3.0}}, "a pair is needed", SpecificationError),
        ({"kind": "odds ratio"}, "for probabilities", SpecificationError),
    ):
        with pytest.raises(kind, match=match):
            counts.compare(**what)
    with pytest.raises(SpecificationError, match="above zero"):
        gaussian.compare(kind="ratio")
    with pytest.raises(SpecificationError, match="for probabilities"):
        glm.compare("x", 0, 10, kind="odds ratio")
    with pytest.raises(NotAvailableError, match="this model has none"):
        gaussian.compare(per="exposure")
    with pytest.raises(SpecificationError, match="alpha"):
        glm.compare("x").conf_int(1.5)


@pytest.mark.parametrize(
    ("what", "match"),
    [
        ({"inputs": "x", "low": [0, 1], "high": 2}, r"low=\[0, 1\]"),
        ({"inputs": {"x": ([0, 1], 2)}}, r"low=\[0, 1\]"),
        ({"inputs": "x", "low": 0, "high": np.nan}, "high=nan"),
        ({"inputs": "x", "low": "a", "high": 1}, "low='a'"),
        ({"inputs": "x", "by": np.nan}, "by=nan"),
        ({"inputs": "x", "by": None}, "by=None"),
        ({"inputs": "g", "high": ["b"]}, "single levels of g"),
        ({"groups": np.arange(N)}, "Cut them into bands"),
        ({"inputs": 0}, "0 is not an input"),
        ({"inputs": []}, "inputs is empty"),
    ],
)
def test_values_that_are_none(glm: Any, what: dict[str, Any], match: str) -> None:
    with pytest.raises((SpecificationError, MissingColumnError), match=match):
        glm.compare(**what)


def test_a_column_that_is_not_finite() -> None:
    fit = dg.DeepGLM("y ~ np.log(z) + x", table(), hidden=()).fit()
    with pytest.raises(DataError, match="not finite"):
        fit.compare("z", low=-1, high=1)
    found = fit.compare(by=-1.0)  # z would be below zero in some rows
    assert list(found.estimate.index) == ["x[-1]"]
    assert "not finite" in str(found)


def test_values_outside_of_the_data_are_named(glm: Any) -> None:
    for asked in (glm.compare("x", 1.0, 40.0), glm.compare({"x": (1.0, 40.0)})):
        assert "Extrapolation: x = 40.0 lies outside of the data" in str(asked)
    assert "Extrapolation" not in str(glm.compare("x", 1.0, 2.0))


def test_rows_of_no_frequency_do_not_say_what_a_number_is() -> None:
    rows = table().assign(f=1.0)
    rows.loc[:4, ["f", "d"]] = [0.0, 7]
    fit = dg.DeepGLM("count ~ d + x", rows, dg.Poisson(), hidden=(), freq_weights="f").fit()
    assert list(fit.compare("d").estimate.index) == ["d[1 vs 0]"]
    slope, step = (fit.get_margeff(dummy=dummy, inputs="d").margeff for dummy in (False, True))
    assert step == pytest.approx(fit.compare("d").estimate.to_numpy()) and step != slope


def test_columns_set_aside() -> None:
    rows = table().assign(twice=lambda d: 2 * d.x)
    with pytest.warns(dg.errors.CollinearityWarning):
        fit = dg.DeepGLM("y ~ x + twice + z", rows, hidden=()).fit()
    found = fit.compare()
    assert list(np.isnan(found.estimate)) == [False, True, False]
    assert list(np.isnan(found.se)) == [False, True, False]
    assert "twice[+1 sd]: columns that earlier ones determine" in str(found)
    curve = fit.partial_dependence("twice", 5, x="fixed")
    assert curve["lower"].isna().all() and "set aside" in curve.attrs["errors"]
    part = fit.linear_part()
    assert list(part.estimate.index) == ["Intercept", "x", "z"]
    assert part.estimate["x"] == pytest.approx(fit.params["x"])
