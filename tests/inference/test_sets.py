"""Sets of classes, and probabilities of classes whose parameters are uncertain."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import integrate, special, stats

import deepglm as dg
from deepglm.families import adapt, of_response
from deepglm.inference.sets import (
    contiguous_sets,
    expected_probabilities,
    probabilities_at,
    smallest_sets,
)

RNG = np.random.default_rng(5)
P = RNG.dirichlet(np.full(5, 0.6), 60).T


@pytest.mark.parametrize("least", [0.3, 0.8, 0.95])
def test_no_smaller_set_reaches_the_probability(least: float) -> None:
    chosen = smallest_sets(P, least)
    for p, some in zip(P.T, chosen.T, strict=True):
        assert p[some].sum() >= least
        fewer = combinations(p, int(some.sum()) - 1)
        assert max(sum(one) for one in fewer) < least
        assert p[some].min() >= p[~some].max(initial=0.0)


@pytest.mark.parametrize("least", [0.3, 0.8, 0.95])
def test_no_shorter_run_reaches_the_probability(least: float) -> None:
    chosen = contiguous_sets(P, least)
    for p, some in zip(P.T, chosen.T, strict=True):
        places = np.flatnonzero(some)
        assert (np.diff(places) == 1).all() and p[some].sum() >= least
        k = len(places)
        shorter = [p[j : j + k - 1].sum() for j in range(len(p) - k + 2)]
        assert max(shorter) < least
        same = [p[j : j + k].sum() for j in range(len(p) - k + 1)]
        assert p[some].sum() == pytest.approx(max(same))


def test_all_of_the_probability_needs_all_classes() -> None:
    p = np.array([[0.5], [0.3], [0.2]])
    assert smallest_sets(p, 1.0).all() and contiguous_sets(p, 1.0).all()


def test_one_uncertain_number_against_quadrature() -> None:
    family, eta, error = adapt(dg.Binomial()), np.array([-1.0, 0.4, 3.0]), np.array([0.2, 1.0, 2.0])
    p = expected_probabilities(
        lambda c: probabilities_at(family, c), eta[None], (error**2)[:, None, None]
    )
    right = [
        integrate.quad(lambda z, e=e, s=s: special.expit(e + s * z) * stats.norm.pdf(z), -9, 9)[0]
        for e, s in zip(eta, error, strict=True)
    ]
    np.testing.assert_allclose(p[1], right, atol=1e-5)
    np.testing.assert_allclose(p.sum(axis=0), 1.0)


@pytest.mark.parametrize("classes", [3, 5])
def test_several_uncertain_numbers_against_simulation(classes: int) -> None:
    levels, d, m = tuple(range(classes)), classes - 1, 4
    rng = np.random.default_rng(classes)
    families = [
        of_response(kind, levels, np.arange(classes)) for kind in (dg.Multinomial(), dg.Ordinal())
    ]
    for family in families:
        centre = rng.normal(size=(d, m))
        root = 0.5 * rng.normal(size=(m, d, d))
        C = root @ root.transpose(0, 2, 1)
        found = expected_probabilities(lambda c, f=family: probabilities_at(f, c), centre, C)
        assert found.shape == (classes, m)
        z = rng.normal(size=(100_000, d))
        for k in range(m):
            drawn = probabilities_at(family, centre[:, [k]] + root[k] @ z.T).mean(axis=1)
            np.testing.assert_allclose(found[:, k], drawn, atol=6e-3)


def test_without_uncertainty_it_is_the_familys_probability() -> None:
    family = of_response(dg.Ordinal(), ("a", "b", "c", "d"), np.arange(4))
    eta, aux = np.array([[-1.0, 0.3, 2.0]]), np.array([0.2, -0.5])
    channels = np.concatenate((eta, np.repeat(aux[:, None], 3, axis=1)))
    right = family.statistic("prob", eta, aux)
    np.testing.assert_allclose(probabilities_at(family, channels), right, atol=1e-14)
    unknown = np.zeros((3, 3, 3))
    unknown[1] = np.nan
    found = expected_probabilities(lambda c: probabilities_at(family, c), channels, unknown)
    np.testing.assert_allclose(found[:, [0, 2]], right[:, [0, 2]], atol=1e-12)
    assert np.isnan(found[:, 1]).all()
