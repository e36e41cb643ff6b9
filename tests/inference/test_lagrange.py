"""Score tests: against statsmodels, written out with dense matrices, and repeated rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.discrete.discrete_model import MNLogit

import deepglm as dg
from deepglm.inference.lagrange import Projected, projected
from deepglm.predictor import forward, jacobian, pack

pytestmark = pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")

FAMILIES = {
    "poisson": (sm.families.Poisson(), "count"),
    "binomial": (sm.families.Binomial(), "binary"),
    "probit": (sm.families.Binomial(sm.families.links.Probit()), "binary"),
    "gamma": (sm.families.Gamma(sm.families.links.Log()), "positive"),
    "gaussian": (sm.families.Gaussian(), "positive"),
}


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 240
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=list("abc"))
    mean = np.exp(0.3 * frame.a + 0.1 * frame.b**2)
    frame["count"] = rng.poisson(mean)
    frame["binary"] = (rng.uniform(size=n) < mean / (1 + mean)).astype(float)
    frame["positive"] = rng.gamma(3.0, mean / 3.0)
    frame["copies"] = rng.integers(1, 4, n)
    frame["cluster"] = np.arange(n) // 4
    frame["kind"] = rng.choice(["p", "q", "r"], n)
    return frame


def glm(data: pd.DataFrame, name: str, **options: Any) -> Any:
    family, response = FAMILIES[name]
    return dg.DeepGLM(f"{response} ~ a + b", data, family=family, hidden=(), **options).fit()


def candidates(fit: Any, Z: np.ndarray) -> Projected:
    estimate = fit._estimate
    scale = estimate.scale_objective if estimate.scale_kind == "fixed" else None
    return projected(fit._numbers.fitted, columns=lambda rows: Z[rows].T, scale=scale)


@pytest.mark.parametrize("name", FAMILIES)
def test_is_statsmodels_score_test(data: pd.DataFrame, name: str) -> None:
    Z = np.column_stack([data.c, data.b**2, data.b**2 - data.c])  # the last one follows
    mine = candidates(glm(data, name), Z).test()
    family, response = FAMILIES[name]
    theirs = sm.GLM(data[response], sm.add_constant(data[["a", "b"]]), family=family)
    found = theirs.fit(tol=1e-12).score_test(
        exog_extra=Z[:, :2], observed=False, return_object=False
    )
    assert mine.df == 2
    assert mine.statistic == pytest.approx(float(np.squeeze(found[0])), rel=1e-7)
    assert mine.pvalue == pytest.approx(float(np.squeeze(found[1])), rel=1e-6)


def test_f_is_that_of_the_linear_model(data: pd.DataFrame) -> None:
    Z = data[["c"]].to_numpy()
    mine = candidates(glm(data, "gaussian"), Z).test(use_f=True)
    theirs = sm.OLS(data.positive, sm.add_constant(data[["a", "b", "c"]])).fit().f_test("c = 0")
    assert mine.statistic == pytest.approx(float(theirs.fvalue), rel=1e-9)
    assert (mine.df, mine.df_denom) == (1, theirs.df_denom)
    assert mine.pvalue == pytest.approx(float(theirs.pvalue), rel=1e-8)


@pytest.mark.parametrize("name", ["poisson", "gaussian"])
def test_a_weight_of_two_is_two_rows(data: pd.DataFrame, name: str) -> None:
    Z = np.column_stack([data.c, data.b**2])
    weighted = candidates(glm(data, name, freq_weights="copies"), Z)
    long = data.loc[data.index.repeat(data.copies)].reset_index(drop=True)
    repeated = candidates(glm(long, name), np.column_stack([long.c, long.b**2]))
    assert weighted.test() == pytest.approx(repeated.test(), rel=1e-8)
    assert weighted.robust() == pytest.approx(repeated.robust(), rel=1e-8)
    groups = data.cluster.to_numpy(), long.cluster.to_numpy()
    pair = weighted.robust(groups=groups[0]), repeated.robust(groups=groups[1])
    assert pair[0] == pytest.approx(pair[1], rel=1e-8)


def dense(fit: Any, Z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Projected candidates, projected score and root weights, with n x P matrices."""
    fitted = fit._numbers.fitted
    state = forward(fitted.predictor.unpack(fitted.theta), fitted.predictor, fitted.rows.designs, 1)
    mu, slope, _ = fitted.mean_family.link.evaluate(fitted.eta, 2)
    w = slope**2 / fitted.mean_family.variance(mu)
    u = (fitted.rows.y - mu) * slope / fitted.mean_family.variance(mu)
    root = np.sqrt(w)
    J = jacobian(state, fitted.predictor)[fitted.free].T * root[:, None]
    U, s, _ = np.linalg.svd(J / np.linalg.norm(J, axis=0), full_matrices=False)
    U = U[:, s > 1e-5 * s[0]]
    Zt = Z * root[:, None]
    return Zt - U @ (U.T @ Zt), u / root - U @ (U.T @ (u / root)), root


@pytest.mark.parametrize("hidden", [(2,), (2, 2)])
def test_beside_a_network_as_written_out(data: pd.DataFrame, hidden: tuple[int, ...]) -> None:
    fit = dg.DeepGLM("count ~ a + b", data, family=dg.Poisson(), hidden=hidden).fit(
        starts=4, inference=None
    )
    Z = np.column_stack([data.c, data.c**2, data.a * data.c])
    found = candidates(fit, Z)
    Zt, r, _ = dense(fit, Z)
    Q = np.linalg.qr(Zt)[0]
    assert found.test().statistic == pytest.approx(np.sum((Q.T @ r) ** 2), rel=1e-6)
    G = Q * r[:, None]
    hc = G.sum(0) @ np.linalg.solve(G.T @ G, G.sum(0))
    assert found.robust().statistic == pytest.approx(hc, rel=1e-6)
    groups = data.cluster.to_numpy()
    G = np.array([G[groups == g].sum(0) for g in range(groups.max() + 1)])
    clustered = G.sum(0) @ np.linalg.solve(G.T @ G, G.sum(0))
    assert found.robust(groups=groups).statistic == pytest.approx(clustered, rel=1e-6)


def test_principal_components(data: pd.DataFrame) -> None:
    fit = glm(data, "poisson")
    Z = np.column_stack([data.c, data.c**2, data.a * data.c, data.b**3])
    Zt, r, root = dense(fit, Z)
    length = np.sqrt(np.sum((Z * root[:, None]) ** 2, axis=0))
    U = np.linalg.svd(Zt / length, full_matrices=False)[0][:, :2]
    found = candidates(fit, Z).test(components=2)
    assert found.df == 2
    assert found.statistic == pytest.approx(np.sum((U.T @ r) ** 2), rel=1e-8)


def test_held_coefficients_are_directions_of_the_network(data: pd.DataFrame) -> None:
    """By the derivative of eta at zero: ``v_k h'(a_k) x``, of every first-layer unit."""
    formula = "count ~ a + b + c"
    fit = dg.DeepGLM(formula, data, family=dg.Poisson(), hidden=(2,), skip=False).fit(
        starts=4, inference=None
    )
    full = fit._numbers.fitted
    marks = full.predictor.unpack(np.zeros(full.predictor.size))
    marks.layers[0][0][:, 3] = 1.0
    tested = pack(marks) > 0
    fitted = replace(full, theta=np.where(tested, 0.0, full.theta), free=full.free & ~tested)
    found = projected(fitted, tested, scale=1.0)
    c = fitted.predictor.unpack(fitted.theta)
    X = fitted.rows.designs[1]
    a = c.layers[0][0] @ np.concatenate((np.ones((1, len(data))), X))
    Z = (c.outputs[0].T / np.cosh(a) ** 2 * X[2]).T
    again = projected(fitted, columns=lambda rows: Z[rows].T, scale=1.0)
    assert found.size == 2
    assert found.test() == pytest.approx(again.test(), rel=1e-9)


def test_several_linear_predictors(data: pd.DataFrame) -> None:
    """A column has a coefficient in every one of them; the likelihood ratio is close."""
    family = dg.Multinomial()
    fit = dg.DeepGLM("kind ~ a + b", data, family=family, hidden=()).fit()
    found = candidates(fit, data[["c"]].to_numpy()).test()
    y = pd.Categorical(data["kind"]).codes
    small = MNLogit(y, sm.add_constant(data[["a", "b"]])).fit(disp=0)
    X = sm.add_constant(data[["a", "b", "c"]])
    at = np.zeros((4, 2))
    at[:3] = small.params.to_numpy()
    large = MNLogit(y, X)
    score, hessian = large.score(at.ravel(order="F")), large.hessian(at.ravel(order="F"))
    assert found.df == 2
    assert found.statistic == pytest.approx(-score @ np.linalg.solve(hessian, score), rel=1e-6)


@pytest.mark.parametrize("family", [dg.NegativeBinomial(), dg.Ordinal()])
def test_estimated_auxiliary_parameters_are_projected_out(data: pd.DataFrame, family: Any) -> None:
    data = data.assign(
        spread=np.random.default_rng(1).negative_binomial(2, 2.0 / (2.0 + np.exp(data.a))),
        level=pd.Categorical(data["kind"], ordered=True),
    )
    response = "spread" if isinstance(family, dg.NegativeBinomial) else "level"
    fit = dg.DeepGLM(f"{response} ~ a + b", data, family=family, hidden=()).fit()
    large = dg.DeepGLM(f"{response} ~ a + b + c", data, family=family, hidden=()).fit()
    found = candidates(fit, data[["c"]].to_numpy()).test()
    assert found.df == 1
    assert found.statistic == pytest.approx(2.0 * (large.llf - fit.llf), rel=0.15, abs=0.02)


def test_nothing_left(data: pd.DataFrame) -> None:
    found = candidates(glm(data, "poisson"), np.column_stack([data.a, data.a - 2 * data.b]))
    assert found.test().df == 0
    assert np.isnan(found.test().pvalue)
    assert np.isnan(found.robust().pvalue)


def test_no_more_clusters_than_directions(data: pd.DataFrame) -> None:
    found = candidates(glm(data, "poisson"), np.column_stack([data.c, data.c**2]))
    assert np.isnan(found.robust(groups=np.arange(240) % 2).pvalue)


def test_rows_of_no_weight_do_not_count(data: pd.DataFrame) -> None:
    rows = data.assign(w=np.r_[np.zeros(40), np.ones(200)])
    Z = data[["c"]].to_numpy()
    some = candidates(glm(rows, "gamma", freq_weights="w"), Z)
    only = candidates(glm(data[40:].reset_index(drop=True), "gamma"), Z[40:])
    assert some.test() == pytest.approx(only.test(), rel=1e-8)


def test_size_under_the_null_hypothesis() -> None:
    rng, found = np.random.default_rng(0), []
    for _ in range(200):
        x = pd.DataFrame(rng.normal(size=(80, 2)), columns=["a", "b"])
        x["count"] = rng.poisson(np.exp(0.4 * x.a))
        Z = np.column_stack([x.a**2, x.a * x.b])
        found.append(candidates(glm(x, "poisson"), Z).test().pvalue)
    assert stats.kstest(found, "uniform").pvalue > 0.01
