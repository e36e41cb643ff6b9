"""Functions on arrays: null model, robust sums, each against another way to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

import deepglm as dg
from deepglm.data import Rows
from deepglm.families import Level, adapt
from deepglm.inference import Fitted, criteria, inverse, prediction, read_request, robust
from deepglm.predictor import Predictor


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    rng = np.random.default_rng(4)
    n = 70
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    offset, freq = 0.3 * rng.normal(size=n), rng.integers(1, 4, n).astype(float)
    y = rng.gamma(4.0, np.exp(X @ [0.5, 0.3, -0.2] + offset) / 4.0)
    family = sm.families.Gamma(sm.families.links.Log())
    result = sm.GLM(y, X, family=family, offset=offset, freq_weights=freq).fit(
        tol=1e-13, tol_criterion="params", maxiter=200
    )
    rows = Rows(y, (np.ascontiguousarray(X.T),), offset, np.ones(n), freq)
    return Fitted(Predictor(3), adapt(family), rows, result.params, np.ones(3, dtype=bool))


def test_information_is_that_of_the_textbook(fitted: Fitted) -> None:
    X, freq = fitted.rows.designs[0], fitted.rows.freq
    assert np.allclose(fitted.information(Level.FISHER), (X * freq) @ X.T)
    observed = (X * (freq * fitted.rows.y / fitted.mu)) @ X.T
    assert np.allclose(fitted.information(Level.OBSERVED), observed)


def test_blocks_add_up(fitted: Fitted) -> None:
    total = sum(
        (b.jacobian[0] * (b.freq * b.information[0, 0])) @ b.jacobian[0].T
        for b in fitted.blocks(Level.OBSERVED)
    )
    assert np.allclose(total, fitted.information(Level.OBSERVED))
    score = sum(b.scores @ b.freq for b in fitted.blocks(Level.FISHER))
    assert np.abs(score).max() < 1e-9
    with pytest.raises(ValueError, match="information"):
        next(fitted.blocks(Level.SCORE))


def test_null_model_solves_its_score_equation(fitted: Fitted) -> None:
    eta, aux = criteria.null_model(fitted)
    assert not len(aux)
    mu = fitted.family.mean(eta)
    rows = fitted.rows
    ratio = mu / np.exp(rows.offset)
    assert np.ptp(ratio) < 1e-10 * ratio[0]
    assert abs(rows.freq @ ((rows.y - mu) / mu)) < 1e-8
    flat = Rows(rows.y, rows.designs, np.zeros(rows.n), rows.weight, rows.freq)
    mean = np.average(rows.y, weights=rows.freq)
    level, _ = criteria.null_model(replace(fitted, rows=flat))
    assert np.allclose(fitted.family.mean(level), mean, rtol=1e-14)


def test_only_the_gaussian_with_identity_is_concentrated(fitted: Fitted) -> None:
    assert criteria.concentrated_scale(fitted) is None


def test_slopes_of_statistics(fitted: Fitted) -> None:
    eta, step, none = np.linspace(-1, 1, 5)[None], 1e-6, np.empty(0)
    family = fitted.family
    for which in family.statistics:
        up, down = (prediction.statistic(family, eta + s * step, none, which) for s in (1, -1))
        slope = family.statistic_slopes(which, eta, none)
        assert np.allclose(slope, (up - down) / (2 * step), rtol=1e-7)


def test_lags_of_zero_are_hc0(fitted: Fitted) -> None:
    N, A = (inverse(fitted.information(level)) for level in (Level.FISHER, Level.OBSERVED))
    assert N is not None and A is not None
    n = fitted.rows.n

    def cov(name: str, **options: object) -> np.ndarray:
        return robust(fitted, read_request(name, options), A, N, 3.0).cov

    assert np.allclose(cov("HAC", maxlags=0), cov("HC0"))
    groups = np.arange(n)
    plain = Fitted(
        fitted.predictor,
        fitted.family,
        Rows(fitted.rows.y, fitted.rows.designs, fitted.rows.offset, np.ones(n), np.ones(n)),
        fitted.theta,
        fitted.free,
    )
    single = robust(
        plain, read_request("cluster", {"groups": groups, "use_correction": False}), A, N, 3.0
    )
    assert np.allclose(single.cov, robust(plain, read_request("HC0", None), A, N, 3.0).cov)
    assert single.df == n - 1
    twice = robust(
        plain, read_request("cluster", {"groups": np.column_stack([groups % 7] * 2)}), A, N, 3.0
    )
    once = robust(plain, read_request("cluster", {"groups": groups % 7}), A, N, 3.0)
    assert np.allclose(twice.cov, once.cov)
    panel = cov("hac-panel", maxlags=0, groups=np.zeros(n), use_correction=False)
    assert np.allclose(panel, cov("HC0"))


def test_one_cluster_has_no_correction(fitted: Fitted) -> None:
    N = inverse(fitted.information(Level.FISHER))
    request = read_request("cluster", {"groups": np.zeros(fitted.rows.n)})
    with pytest.raises(dg.errors.SpecificationError, match="needs two"):
        robust(fitted, request, N, N, 3.0)
