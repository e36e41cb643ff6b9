"""The Boston vignette of R's interpretnn: its Wald statistics, and its optimum."""

from __future__ import annotations

import json
import warnings
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special

import deepglm as dg
from deepglm.inference.parsimony import wald_statistic
from tests.reference.rfits import DATA

pytestmark = pytest.mark.reference


def cut_sigmoid(eta: np.ndarray, order: int) -> tuple[np.ndarray, ...]:
    """nnet's logistic function: 0 or 1 beyond plus and minus 15, in 75 of these linear predictors.

    The digits that were printed are those of this function; the exact one differs in the sixth.
    """
    h = np.where(eta > 15.0, 1.0, np.where(eta < -15.0, 0.0, special.expit(eta)))
    first = h * (1.0 - h)
    return (h, first, first * (1.0 - 2.0 * h))[: order + 1]


NNET = dg.links.Link("nnet's sigmoid", cut_sigmoid, parity="reflection")

STORED = json.loads((DATA / "interpretnn_boston.json").read_text())


@cache
def table() -> pd.DataFrame:
    return pd.read_csv(DATA / "interpretnn_boston_std.csv")


def model(activation: Any = "logistic", **options: Any) -> dg.DeepGLM:
    data = table()
    return dg.DeepGLM.from_arrays(
        data.medv,
        data.drop(columns="medv"),
        add_constant=True,
        hidden=(2,),
        activation=activation,
        skip=False,
        standardize=False,
        **options,
    )


def in_our_order(weights: list[float]) -> np.ndarray:
    """nnet has the units first, then the final intercept and the output weights."""
    w = np.array(weights)
    return np.r_[w[26], w[:26], w[27:]]


def wald(of: dg.DeepGLM, params: np.ndarray) -> tuple[float, dict[str, float]]:
    """Residual sum of squares, and statistics from the observed information."""
    rss = float(np.sum((table().medv - of.predict(params)) ** 2))
    V = np.linalg.inv(-of.hessian(params, scale=rss / len(table())))
    names = of.exog_names
    places = {
        column: [k for k, name in enumerate(names) if name.endswith(f"[{column}]")]
        for column in table().columns[:-1]
    }
    return rss, {name: wald_statistic(params, V, where) for name, where in places.items()}


def test_the_published_wald_statistics() -> None:
    """Twelve of them, to the printed digits."""
    weights = in_our_order(STORED["refit_seed100"]["weights"])
    rss, found = wald(model(NNET, penalty=None), weights)
    assert rss == pytest.approx(STORED["refit_seed100"]["value"], rel=1e-12)
    printed = STORED["published"]["wald_chi2"]
    assert len(printed) == 12
    assert {name: round(value, 5) for name, value in found.items()} == printed
    _, exact = wald(model(penalty=None), weights)
    assert max(abs(exact[name] / printed[name] - 1.0) for name in printed) < 1e-4


def test_the_published_weights() -> None:
    """They are those of the refit, to the two digits that were printed."""
    np.testing.assert_allclose(
        STORED["refit_seed100"]["weights"], STORED["published"]["weights_2dp"], atol=0.006
    )


def test_its_optimum_is_not_the_best_one() -> None:
    """A third of the residual sum of squares goes with more starts, and a unit saturates."""
    one = model(penalty=None)
    rss, _ = wald(one, in_our_order(STORED["best_of_200"]["weights"]))
    assert rss == pytest.approx(STORED["best_of_200"]["value"], rel=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = model().fit(starts=20, inference=None)
    assert fit.deviance < 60.0 < STORED["refit_seed100"]["value"]


def test_wald_is_withheld_where_it_says_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = model().fit(starts=20, inference=None)
    found = fit.test_input("indus", "wald")
    assert np.isnan(found.pvalue) == (found.reason != "")
    scores = fit.input_tests(["indus", "rm"])
    assert scores.pvalue["rm"] < 1e-8 < scores.pvalue["indus"]
