"""The table of an average: its facts, its formats, and its sentences."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import deepglm as dg
from deepglm.selection import Average, average
from tests.selection.fits import glm, network, rows, three


def facts(avg: Average) -> dict[str, str]:
    """Header of the table by name."""
    found = {}
    for row in avg.summary().tables[0]:
        cells = [str(cell.data).strip() for cell in row]
        found.update({key.rstrip(":"): value for key, value in zip(*[iter(cells)] * 2)})  # noqa: B905
    return found


def notes(avg: Average) -> str:
    return " ".join(str(avg).partition("Notes:")[2].split())


@pytest.fixture(scope="module")
def avg() -> Average:
    a, b, c = three("poisson")
    return average({"seed 1": a, "seed 2": b, "GLM": c})


def test_header_says_what_the_average_is(avg: Average) -> None:
    found = facts(avg)
    mean = np.mean([fit.llf for fit in avg.results])
    assert found["Dep. Variable"] == "y"
    assert (found["Model Family"], found["Link Function"]) == ("Poisson", "Log")
    assert found["No. Observations"] == f"{rows('poisson').w.sum()}"
    assert (found["Weights of Fits"], found["Certified Fits"]) == ("equal", "3 of 3")
    assert float(found["Deviance"]) == pytest.approx(avg.deviance, rel=1e-4)
    assert float(found["Log-Likelihood"]) == pytest.approx(avg.llf, rel=1e-4)
    assert float(found["Mean over the Fits"]) == pytest.approx(mean, rel=1e-4)
    assert float(found["Gain over the Mean"]) == pytest.approx(avg.llf - mean, rel=1e-4)


def test_median_spread_counts_rows_with_their_frequency(avg: Average) -> None:
    spread = avg.spread()
    repeated = spread.loc[spread.index.repeat(rows("poisson").w)]
    middle = np.quantile(repeated.sd_between_fits, 0.5, method="inverted_cdf")
    assert float(facts(avg)["Median Spread"]) == pytest.approx(middle, rel=1e-4)
    part = np.quantile(repeated.sd_between_fits / repeated["mean"], 0.5, method="inverted_cdf")
    assert facts(avg)["Relative to Mean"] == f"{100 * part:.2g}%"


@pytest.mark.parametrize("family", ["gaussian", "binomial"])
def test_only_positive_means_have_a_relative_spread(family: str) -> None:
    assert "Relative to Mean" not in facts(average(three(family)))


def test_every_fit_has_a_row(avg: Average) -> None:
    lines = str(avg).splitlines()
    line = next(text for text in lines if text.startswith("seed 2"))
    assert "3 tanh" in line
    assert "weak" in line
    assert line.rstrip().endswith("yes")
    assert f"{avg.members['seed 2'].penalized_llf:.2f}" in line
    line = next(text for text in lines if text.startswith("GLM"))
    assert "none (GLM)" in line
    assert line.split().count("none") == 2
    assert max(map(len, lines)) <= 82


def test_unequal_weights_have_a_column(avg: Average) -> None:
    assert "weight " not in str(avg)
    text = str(average(avg.members, weights=[2, 1, 1]))
    assert "0.500" in text
    assert "0.250" in text
    assert "unequal" in text


def test_layers_and_penalties_are_named() -> None:
    formula = "y ~ deep(x, units=(2, 2)) + deep(z, units=(2,))"
    options: dict[str, Any] = {"exposure": "e", "freq_weights": "w", "penalty": dg.L2(2, "hidden")}
    model = dg.DeepGLM(formula, rows("poisson"), dg.Poisson(), **options)
    text = str(average(model.fit(inference=None, starts=1), glm("poisson")))
    assert "2 tanh, 2 tanh + 2 tanh" in text
    assert "L2(2)" in text


def test_a_penalty_that_the_data_chose_is_shown_with_its_precisions() -> None:
    model = dg.DeepGLM("y ~ x + z", rows("gaussian"), penalty="evidence", var_weights="e")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = model.fit(inference=None, starts=1)
    assert str(fit.penalty) in str(average(fit, glm("gaussian")))
    assert "dummies" in str(fit.penalty)


def test_notes_say_that_the_spread_is_no_standard_error(avg: Average) -> None:
    assert "not a standard error" in notes(avg)
    assert "mixture" in notes(avg)
    assert "one optimum" not in notes(avg)


def test_fits_of_one_optimum_are_told_that_nothing_is_gained() -> None:
    fit = network("poisson")
    assert "found one optimum, and averaging gains nothing" in notes(average(fit, fit))


def test_a_fit_that_is_not_certified_is_named() -> None:
    model = network("poisson", 1).model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        early = model.fit(inference=None, starts=1, maxiter=1)
    assert not early.converged
    avg = average({"good": network("poisson", 1), "early": early})
    assert not avg.converged
    assert facts(avg)["Certified Fits"] == "1 of 2"
    assert "early is not certified: " in notes(avg)
    assert repr(avg) == "<Average of 2 fits of 'y', 60 rows, 1 certified>"


@pytest.mark.parametrize("family", ["quasi", "tweedie", "gamma", "inverse gaussian"])
def test_every_family_has_a_table(family: str) -> None:
    found = facts(average(three(family)))
    assert float(found["Gain over the Mean"]) > 0
    assert found["Link Function"].lower() in ("log", "exp")


def test_the_other_formats_escape_names() -> None:
    a, b, _ = three("gaussian")
    avg = average({"a_1 <b> & c": a, "b": b})
    assert "a_1 &lt;b&gt; &amp; c" in avg.summary().as_html()
    assert r"a\_1" in avg.summary().as_latex()
    assert "a_1 <b> & c" in avg.summary().as_csv()


def test_names_and_title_can_be_given(avg: Average) -> None:
    text: Any = avg.summary(yname="claims", title="Three seeds").as_text()
    assert "Three seeds" in text.splitlines()[0]
    assert "claims" in text
