"""Certificates of the reference networks, computed again by central differences.

Nothing of the package's derivatives is used: gradient and observed information are differences of
the penalised log-likelihood.
"""

from __future__ import annotations

import numpy as np
import pytest

from deepglm.execution import workers
from deepglm.families import Level
from tests.reference import networks
from tests.reference.test_networks import PENALISED, fitted


def steps(f, x, share):
    """Steps over which a function changes by about ``share**2 / 2``, one per coordinate."""
    here, h = f(x), 1e-3 * (1 + np.abs(x))
    for _ in range(2):
        curvature = np.array(
            [(f(x + one) - 2 * here + f(x - one)) / h[j] ** 2 for j, one in enumerate(np.diag(h))]
        )
        assert (curvature > 0).all()
        h = share / np.sqrt(curvature)
    return h


def gradient(f, x, h):
    """Central differences of fourth order, (size,)."""

    def slope(one):
        return 8 * (f(x + one) - f(x - one)) - (f(x + 2 * one) - f(x - 2 * one))

    return np.array([slope(one) / (12 * h[j]) for j, one in enumerate(np.diag(h))])


def hessian(f, x, h):
    """Central differences of second order, (size, size)."""
    p, here = len(x), f(x)
    E = np.diag(h)
    along = np.array([f(x + one) + f(x - one) for one in E])
    H = np.diag((along - 2 * here) / h**2)
    for j in range(p):
        for k in range(j):
            both = f(x + E[j] + E[k]) + f(x - E[j] - E[k])
            H[j, k] = H[k, j] = (both - along[j] - along[k] + 2 * here) / (2 * h[j] * h[k])
    return H


def certificate(f, x):
    """Decrement and smallest eigenvalue of the unit-diagonal information, by differences."""
    g = gradient(f, x, steps(f, x, 0.01))
    H = hessian(f, x, steps(f, x, 0.003))
    d = np.sqrt(np.diag(H))
    e, Q = np.linalg.eigh(H / d / d[:, None])
    return 0.5 * np.sum((Q.T @ (g / d)) ** 2 / e), e[0]


def test_differences_find_a_known_certificate():
    H = np.array([[400.0, 1.9], [1.9, 0.01]])
    at = np.array([3.0, -50.0])
    off = np.array([1e-3, 0.1])

    def f(x):
        return 200 + 0.5 * (x - at) @ H @ (x - at)

    decrement, smallest = certificate(f, at + off)
    assert decrement == pytest.approx(0.5 * off @ H @ off, rel=1e-4)
    assert smallest == pytest.approx(0.05, rel=1e-4)


@pytest.mark.parametrize("name", PENALISED)
def test_our_certified_fits_are_maxima_by_differences(name):
    case = networks.CASES[name]
    results = fitted(name, 0, starts=4)
    model, scale = results.model, case.scale or 1.0
    assert results.certificate.certified
    params = results.params.to_numpy()
    with workers(1, model.nobs) as crew:
        objective = model._problem.objective(crew, scale)

        def f(x):
            return objective.at(x, Level.VALUE).value

        assert f(params) == pytest.approx(-model.penalized_loglike(params, scale), rel=1e-12)
        decrement, smallest = certificate(f, params)
    assert decrement < 1e-6
    assert smallest > 1e-9
    # the differences are good enough to tell: they find the eigenvalue that the certificate states
    assert smallest == pytest.approx(results.certificate.smallest_eigenvalue, rel=0.05, abs=1e-6)
