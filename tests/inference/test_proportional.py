"""The score test of proportionality: against another way to it, and its size by simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import deepglm as dg
from deepglm.errors import NotAvailableError


def sample(rng: np.random.Generator, n: int, bend: float = 0.0) -> pd.DataFrame:
    """Three levels by the logit; with `bend` the slope of x differs between the cut-points."""
    x, z = rng.normal(size=(2, n))
    u = rng.uniform(size=n)
    low = special.expit(-0.7 - 0.8 * x + 0.3 * z)
    high = special.expit(0.8 - (0.8 + bend) * x + 0.3 * z)
    code = (u > low).astype(int) + (u > np.maximum(high, low))
    return pd.DataFrame({"y": code, "x": x, "z": z, "g": rng.choice(["a", "b", "c"], n)})


def by_hand(frame: pd.DataFrame, link: str, extra: list[str]) -> float:
    """The same from the log-likelihood of all parameters: differences, and expectation by sums."""
    from deepglm.links import get

    fit = dg.DeepGLM("y ~ x + z", frame, dg.Ordinal(link), hidden=()).fit()
    F, X = get(link, role="link").inverse, frame[["x", "z"]].to_numpy()
    tau, beta = fit.params.iloc[2:].to_numpy(), fit.params.iloc[:2].to_numpy()
    add = [["x", "z"].index(name) for name in extra]

    def probabilities(theta: np.ndarray) -> np.ndarray:
        second = theta[2:4].copy()
        second[add] += theta[4:]
        cumulated = [F(theta[0] - X @ theta[2:4]), F(theta[1] - X @ second)]
        edges = np.stack([np.zeros(len(X)), *cumulated, np.ones(len(X))])
        return np.diff(edges, axis=0)

    theta = np.concatenate((tau, beta, np.zeros(len(add))))
    h = 1e-5
    slopes = np.array(
        [(probabilities(theta + h * e) - probabilities(theta - h * e)) / (2 * h)
         for e in np.eye(len(theta))]
    )  # fmt: skip
    p, rows = probabilities(theta), np.arange(len(X))
    S = (slopes[:, frame["y"], rows] / p[frame["y"], rows]).sum(axis=1)
    information = np.einsum("jcm,kcm->jk", slopes / p, slopes)
    return float(S @ np.linalg.solve(information, S))


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_it_is_the_score_test(link: str) -> None:
    frame = sample(np.random.default_rng(0), 400, 0.4)
    table = dg.DeepGLM("y ~ x + z", frame, dg.Ordinal(link), hidden=()).fit().proportionality_test()
    assert list(table.index) == ["x", "z", "all terms"]
    for name, extra in (("x", ["x"]), ("z", ["z"]), ("all terms", ["x", "z"])):
        assert table.statistic[name] == pytest.approx(by_hand(frame, link, extra), rel=1e-6)
        assert table.df[name] == len(extra)
        expected = stats.chi2.sf(table.statistic[name], len(extra))
        assert table.pvalue[name] == pytest.approx(expected, rel=1e-12)


def test_terms_of_several_columns_and_weights() -> None:
    frame = sample(np.random.default_rng(1), 300)
    weighted = frame.assign(w=np.where(frame.x > 0, 2, 1))
    repeated = frame.loc[frame.index.repeat(weighted.w)]
    formula = "y ~ x + C(g)"
    one = dg.DeepGLM(formula, weighted, dg.Ordinal(), freq_weights="w", hidden=()).fit()
    two = dg.DeepGLM(formula, repeated, dg.Ordinal(), hidden=()).fit()
    a, b = one.proportionality_test(), two.proportionality_test()
    assert dict(a.df) == {"C(g)": 2, "x": 1, "all terms": 3}
    pd.testing.assert_frame_equal(a, b, rtol=1e-8)


def test_its_size_and_that_it_finds_something() -> None:
    """300 samples of 300 rows: the share of p below .05 lies within three standard errors of it."""
    rng = np.random.default_rng(5)
    small, found = [], []
    for _ in range(300):
        fit = dg.DeepGLM("y ~ x + z", sample(rng, 300), dg.Ordinal(), hidden=()).fit()
        small.append(fit.proportionality_test().pvalue < 0.05)
    for _ in range(30):
        fit = dg.DeepGLM("y ~ x + z", sample(rng, 300, 0.8), dg.Ordinal(), hidden=()).fit()
        found.append(fit.proportionality_test().pvalue < 0.05)
    size = pd.DataFrame(small).mean()
    assert (abs(size - 0.05) < 3.0 * np.sqrt(0.05 * 0.95 / 300)).all()
    power = pd.DataFrame(found).mean()
    assert power["x"] > 0.6 and power["z"] < 0.3


def test_what_has_no_such_test() -> None:
    frame = sample(np.random.default_rng(2), 100)
    two = dg.DeepGLM("I(y > 0) ~ x", frame, dg.Ordinal(), hidden=()).fit()
    with pytest.raises(NotAvailableError, match="three levels or more"):
        two.proportionality_test()
    counts = dg.DeepGLM("y ~ x", frame, dg.Poisson(), hidden=()).fit()
    with pytest.raises(NotAvailableError, match=r"Ordinal\(\) response"):
        counts.proportionality_test()
    shrunk = dg.DeepGLM("y ~ x", frame, dg.Ordinal(), hidden=(), penalty=dg.L2(1.0)).fit()
    with pytest.raises(NotAvailableError, match="penalised"):
        shrunk.proportionality_test()
