"""Value, score and both informations of the whole likelihood, against differences and sums."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import deepglm as dg
from deepglm import families, links
from deepglm.data import Rows
from deepglm.execution import workers
from deepglm.families import Level
from deepglm.likelihood import Likelihood
from deepglm.predictor import Network, Predictor

FAMILIES = {
    "gaussian, free scale": (dg.Gaussian(), None),
    "gamma, free scale": (dg.Gamma(families.links.Log()), None),
    "poisson": (dg.Poisson(), 1.0),
    "binomial probit": (dg.Binomial(families.links.Probit()), 1.0),
    "negative binomial": (dg.NegativeBinomial(alpha=0.5), 1.0),
    "inverse Gaussian, fixed scale": (dg.InverseGaussian(families.links.Log()), 0.3),
}
SHAPES = {
    "glm": ((), ()),
    "one layer": ((3,), ("tanh",)),
    "two layers": ((3, 2), ("logistic", "softplus")),
    "wide": ((40,), ("tanh",)),  # so many coefficients that their Jacobian is not made
}


@pytest.fixture(params=FAMILIES)
def family(request):
    return families.adapt(*FAMILIES[request.param])


@pytest.fixture(params=SHAPES)
def problem(request, family):
    rng = np.random.default_rng(3)
    n, p = 300, 2
    X = rng.standard_normal((p, n))
    designs = [np.concatenate((np.ones((1, n)), X))]
    units, names = SHAPES[request.param]
    networks = ()
    if units:
        networks = (Network(p, units, tuple(links.get(name) for name in names)),)
        designs.append(X)
    counts = family.name in ("Poisson", "NegativeBinomial")
    y = rng.poisson(2.0, n).astype(float) if counts else rng.gamma(2.0, size=n)
    if family.name == "Binomial":
        y = rng.integers(0, 2, n).astype(float)
    rows = Rows(
        y,
        tuple(designs),
        0.1 * rng.standard_normal(n),
        rng.uniform(0.5, 2.0, n),
        rng.integers(0, 3, n).astype(float),
    )
    likelihood = Likelihood(Predictor(1 + p, networks), family)
    params = 0.4 * rng.standard_normal(likelihood.size)
    return likelihood, rows, params


def difference(f, x, h=1e-5):
    columns = []
    for j in range(len(x)):
        e = np.zeros_like(x)
        e[j] = h
        columns.append((f(x + e) - f(x - e)) / (2 * h))
    return np.array(columns)


def test_score_is_the_difference_quotient_of_the_value(problem):
    likelihood, rows, params = problem
    score = likelihood.chunk(params, rows, Level.SCORE).score
    quotient = difference(lambda x: likelihood.chunk(x, rows, Level.VALUE).value, params)
    np.testing.assert_allclose(score, quotient, rtol=2e-6, atol=2e-5)


def test_observed_information_is_minus_the_difference_quotient_of_the_score(problem):
    likelihood, rows, params = problem
    observed = likelihood.chunk(params, rows, Level.OBSERVED).information
    quotient = -difference(lambda x: likelihood.chunk(x, rows, Level.SCORE).score, params)
    np.testing.assert_allclose(observed, quotient, rtol=2e-6, atol=2e-5 * np.abs(observed).max())
    np.testing.assert_allclose(observed, observed.T, atol=1e-12 * np.abs(observed).max())


def test_expected_information_is_the_covariance_of_the_score(problem):
    """Simulated from the model at the parameters: mean zero, covariance the Fisher information."""
    likelihood, rows, params = problem
    family = likelihood.family
    rng = np.random.default_rng(11)
    _, aux = likelihood.split(params)
    scale = float(np.exp(aux[0])) if len(aux) else family.scale
    mu = family.mean(likelihood.eta(params, rows)[0])
    fisher = likelihood.chunk(params, rows, Level.FISHER).information
    if family.name in ("Binomial",):
        weight = np.ones(rows.n)
    elif family.name in ("Poisson", "NegativeBinomial"):
        weight = np.ones(rows.n)
    else:
        weight = rows.weight
    rows = Rows(rows.y, rows.designs, rows.offset, weight, np.ones(rows.n))
    fisher = likelihood.chunk(params, rows, Level.FISHER).information
    draws = 400
    scores = []
    for _ in range(draws):
        y = simulate(family, mu, scale, weight, rng)
        there = Rows(y, rows.designs, rows.offset, weight, rows.freq)
        scores.append(likelihood.chunk(params, there, Level.SCORE).score)
    d = np.sqrt(np.diag(fisher))
    scores = np.array(scores) / d
    assert np.abs(scores.mean(axis=0)).max() < 5 / np.sqrt(draws)
    covariance = scores.T @ scores / draws
    # a correlation or variance estimated from 400 draws has an error of about .05 to .07
    assert np.abs(covariance - fisher / d / d[:, None]).max() < 0.35


def simulate(family, mu, scale, weight, rng):
    phi = scale / weight
    if family.name == "Gaussian":
        return rng.normal(mu, np.sqrt(phi))
    if family.name == "Gamma":
        return rng.gamma(1 / phi, mu * phi)
    if family.name == "InverseGaussian":
        return rng.wald(mu, 1 / phi)
    if family.name == "Poisson":
        return rng.poisson(mu).astype(float)
    if family.name == "NegativeBinomial":
        return rng.poisson(rng.gamma(2.0, mu * 0.5)).astype(float)
    return rng.binomial(1, mu).astype(float)


def test_the_record_is_additive(problem):
    likelihood, rows, params = problem
    whole = likelihood.chunk(params, rows, Level.OBSERVED)
    parts = likelihood.chunk(params, rows.take(0, 100), Level.OBSERVED)
    parts += likelihood.chunk(params, rows.take(100, rows.n), Level.OBSERVED)
    assert parts.n == whole.n
    assert parts.value == pytest.approx(whole.value, rel=1e-13)
    np.testing.assert_allclose(parts.score, whole.score, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(parts.information, whole.information, rtol=1e-10, atol=1e-10)


def test_blocks_of_any_size_give_the_same_sums(problem, monkeypatch):
    likelihood, rows, params = problem
    for level in Level:
        whole = likelihood.chunk(params, rows, level)
        with monkeypatch.context() as patch:
            patch.setattr("deepglm.likelihood.BLOCK_ROWS", 37)
            blocks = likelihood.chunk(params, rows, level)
        assert blocks.n == whole.n
        assert blocks.value == pytest.approx(whole.value, rel=1e-12)
        for mine, theirs in (
            (blocks.score, whole.score),
            (blocks.information, whole.information),
        ):
            if theirs is not None:
                largest = np.abs(theirs).max()
                np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-11 * largest)


def test_an_information_in_single_precision_is_close(problem):
    likelihood, rows, params = problem
    single = dataclasses.replace(likelihood, dtype=np.float32)
    for level in (Level.FISHER, Level.OBSERVED):
        mine, theirs = (one.chunk(params, rows, level) for one in (single, likelihood))
        assert mine.value == theirs.value
        np.testing.assert_array_equal(mine.score, theirs.score)
        largest = np.abs(theirs.information).max()
        np.testing.assert_allclose(mine.information, theirs.information, atol=1e-5 * largest)


def test_the_final_layer_alone_is_a_block_of_the_whole(problem):
    likelihood, rows, params = problem
    k = likelihood.predictor.size
    final = np.r_[likelihood.predictor.final, np.ones(likelihood.size - k, dtype=bool)]
    for level in (Level.FISHER, Level.OBSERVED):
        whole = likelihood.chunk(params, rows, level).information
        part = likelihood.chunk(params, rows, level, final=True).information
        block = np.ix_(final, final)
        np.testing.assert_allclose(part[block], whole[block], rtol=1e-10, atol=1e-10)
        assert (part[~final] == 0).all()


def test_a_mean_outside_the_range_has_no_likelihood_and_no_nan():
    family = families.adapt(dg.Poisson(families.links.Identity()))
    likelihood = Likelihood(Predictor(1), family)
    rows = Rows(np.ones(3), (np.ones((1, 3)),), np.zeros(3), np.ones(3), np.ones(3))
    sums = likelihood.chunk(np.array([-1.0]), rows, Level.OBSERVED)
    assert sums.value == -np.inf
    with workers(1, 3) as crew:
        assert crew.sums(likelihood, np.array([-1.0]), rows, Level.SCORE).value == -np.inf
